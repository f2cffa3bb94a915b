"""A lab for drills: the one that is up, or one of our own that is taken away afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from futago.config import Profile
from futago.lab import cloud as clouds
from futago.lab import instances, interrupts
from futago.lab import lab as labs
from futago.lab.api import wait_for
from futago.lab.cloud import Cloud
from futago.lab.demo import walkthrough
from futago.lab.drill import crowd
from futago.lab.drill.probes import PORT
from futago.lab.drill.scene import Scene
from futago.lab.errors import LabError
from futago.lab.lab import Lab
from futago.lab.waiting import wait_for_agents

Tell = Callable[[str], None]
AT_ONCE: Final = 50
"""Routers that are made before the last ones have settled: a lab's two cores carry its controller and all its nodes."""


@contextmanager
def stage(
    name: str, profile: Profile | None, *, keep: bool = False, routers: int = 1, controller: bool = True, tell: Tell
) -> Iterator[Scene]:
    """A settled scene with so many routers, in the lab `name`; without `controller`, that is down meanwhile.

    A lab that was up stays up, and gets its controller back; any other is taken away, unless `keep`.

    Raises:
        LabError: the lab is up with another profile, or with hosts powered off, or cannot be built.

    """
    with interrupts.as_ctrl_c():
        was_up = labs.is_up(name)
        try:
            tell(f"looking for the lab {name}" if was_up else f"building the lab {name}")
            lab = labs.up(name, profile)
            tell("making the walkthrough's networks, router and instances")
            scene = Scene(find_or_make(lab))
            fill(scene, routers, tell)
            with _without_controller(lab, wanted=not controller):
                yield scene
        finally:
            if not was_up and not keep:
                interrupts.ignore()
                tell(f"taking the lab {name} away")
                labs.down(name)


def fill(scene: Scene, routers: int, tell: Tell) -> None:
    """Bring the scene to so many routers, and wait until all are settled."""
    while routers - 1 > len(scene.crowd):
        wait_for_agents(scene.lab, scene.cloud.nodes)
        crowd.add(scene, min(routers - 1, len(scene.crowd) + AT_ONCE), tell)
        tell(f"waiting until {len(scene.crowd) + 1} routers are settled")
        scene.settle()
    scene.settle()


def find_or_make(lab: Lab) -> Cloud:
    """The walkthrough's cloud, which an earlier drill or `demo --keep` may have left in the lab."""
    api = lab.api()
    walkthrough.let_in(api, "tcp", PORT)
    found = api.list("routers", name=walkthrough.ROUTER)
    if not found:
        return clouds.make(lab)
    inside = api.find("networks", walkthrough.PROJECT_NETWORK)
    outside = api.find("networks", walkthrough.EXTERNAL_NETWORK)
    try:
        vm1, vm2 = (lab.instances[name] for name in ("vm1", "vm2"))
    except KeyError as error:
        raise LabError(f"the lab {lab.name} has router80, but no instance {error}") from error
    return Cloud(
        lab=lab,
        router_id=str(found[0]["id"]),
        network_id=str(inside["id"]),
        external_id=str(outside["id"]),
        vm1=vm1,
        vm2=vm2,
        floating_ip=instances.address_outside(lab, "vm1"),
        outside=walkthrough.outside_address(found[0]),
    )


@contextmanager
def _without_controller(lab: Lab, *, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    lab.kill("controller", "controller")
    try:
        yield
    finally:
        with suppress(LabError):
            lab.restart("controller", "controller")
            wait_for("the API answers again", lambda: lab.api().list("networks"), seconds=30)
