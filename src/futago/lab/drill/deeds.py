"""What events do to the active node of a scene, and how each is undone: the words of `events`.

An event acts on a scene that is settled; what undoes it may find that it did not get far.
"""

import contextlib
import os
import signal
from collections.abc import Callable

from futago.lab import processes
from futago.lab.drill.scene import FUTAGO, Scene
from futago.lab.errors import LabError
from futago.lab.topology import Direction

Deed = Callable[[Scene], None]


def nothing(_: Scene) -> None:
    """What happened needs no undoing."""


def power_off(scene: Scene) -> None:
    scene.lab.power_off(scene.active)


def power_on(scene: Scene) -> None:
    if scene.active not in scene.lab.powered:
        scene.lab.power_on(scene.active)


def power_on_all(scene: Scene) -> None:
    for host in scene.cloud.nodes:
        if host not in scene.lab.powered:
            scene.lab.power_on(host)


def freeze(scene: Scene) -> None:
    scene.lab.freeze(scene.active)


def thaw(scene: Scene) -> None:
    scene.lab.thaw(scene.active)


def signal_program(what: str, number: signal.Signals) -> Deed:
    """Signal every process of the host that is `futago vrrpd`, `ovs-vswitchd`…, parent and child alike."""

    def send(scene: Scene) -> None:
        for pid in processes.find(scene.lab.process(scene.active), what):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    return send


def start_open_vswitch(scene: Scene) -> None:
    scene.lab.start_open_vswitch(scene.active)


def cut(network: str) -> Deed:
    return lambda scene: scene.lab.cut(scene.active, network)


def restore(network: str) -> Deed:
    return lambda scene: scene.lab.restore(scene.active, network)


def lose(network: str, direction: Direction) -> Deed:
    return lambda scene: scene.lab.cut_one_way(scene.active, network, direction)


def carry(network: str, direction: Direction) -> Deed:
    return lambda scene: scene.lab.restore_one_way(scene.active, network, direction)


def restart(program: str) -> Deed:
    return lambda scene: scene.lab.restart(scene.active, program)


def kill_worker(scene: Scene) -> None:
    """Only the process that elects; its parent is there to start another."""
    running = processes.of_futago(scene.lab.process(scene.active))
    engine = [one for one in running if one.what == "futago vrrpd"]
    workers = [one.pid for one in engine if one.parent in {other.pid for other in engine}]
    if not workers:
        raise LabError(f"no VRRP engine runs on {scene.active}")
    scene.mark()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)


def kill(program: str) -> Deed:
    """One of Futago's programs, for good."""
    return lambda scene: scene.lab.kill(scene.active, program)


def start(program: str) -> Deed:
    """Unless it runs again by now."""

    def start_missing(scene: Scene) -> None:
        if not scene.lab.running(scene.active, program):
            scene.lab.restart(scene.active, program)

    return start_missing


def shut_down(scene: Scene) -> None:
    """As systemd does: give the routers away, stop the services in the reverse order of their start, then the power."""
    scene.lab.exec(scene.active, [*FUTAGO, "vrrp", "resign", "--all", "--wait", "5"], check=False)
    for program in reversed(scene.lab.plan(scene.active).programs):
        scene.lab.stop(scene.active, program)
    scene.lab.power_off(scene.active)


def move(scene: Scene) -> None:
    """Another node gets one router."""
    scene.lab.exec("controller", [*FUTAGO, "router", "failover", scene.cloud.router_id])


def drain(scene: Scene) -> None:
    """Other nodes get every router of this one."""
    scene.lab.exec("controller", [*FUTAGO, "node", "drain", scene.active])


def undrain(scene: Scene) -> None:
    scene.lab.exec("controller", [*FUTAGO, "node", "undrain", scene.active])


def remove_router(scene: Scene) -> None:
    scene.lab.api().call("DELETE", f"/v2.0/agents/{_agent(scene)}/l3-routers/{scene.cloud.router_id}")


def add_router(scene: Scene) -> None:
    if scene.active not in scene.lab.agents_of(scene.cloud.router_id):
        body = {"router_id": scene.cloud.router_id}
        scene.lab.api().call("POST", f"/v2.0/agents/{_agent(scene)}/l3-routers", json=body)


def _agent(scene: Scene) -> str:
    (agent,) = scene.lab.api().list("agents", host=scene.active, agent_type="L3 agent")
    return str(agent["id"])


def boot_alone(scene: Scene) -> None:
    """Every network node is off, then one of them boots from its disk."""
    for host in scene.cloud.nodes:
        scene.lab.power_off(host)
    scene.mark()
    scene.lab.power_on(scene.active)
