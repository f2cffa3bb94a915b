"""The passes of the loop, with an engine and drivers that keep what they are told."""

import asyncio
import errno
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from futago.conntrack.config import Replication
from futago.contract.report import UplinkReport
from futago.contract.specs import HaPeer, NodeSpecs, RouterSpec
from futago.node.drivers.vrrpd import Elections
from futago.node.features.ha import PATIENCE_INTERVALS
from futago.node.host import (
    HOST,
    Bridge,
    Dnsmasq,
    Element,
    FlowTable,
    Impairment,
    Layer3,
    Namespace,
    NftTable,
    OvsPort,
    Place,
    Plug,
    Uplink,
    Veth,
)
from futago.node.loop import Host, Loop
from futago.node.reconcile import Reconciler, Stage
from futago.node.state import StateDirectory
from futago.values import IPv4Address, Mac
from host.node_specs import OUTSIDE, PEER_VM, ROUTER, VM, gateway_node, port
from unit.node.kit import PLACE, specs_of
from unit.node.test_elections import CONFIG, FakeEngine, held_by_us

KINDS = (Namespace, Veth, Bridge, OvsPort, Plug, FlowTable, Layer3, NftTable, Dnsmasq)
SPECS = specs_of(gateway_node(ha=True), revision=3)


class FakeUplinks:
    """Uplinks that are as a test says."""

    def __init__(self) -> None:
        self.impairment = Impairment()
        self.reports: tuple[UplinkReport, ...] = ()
        self.followed: tuple[Uplink, ...] = ()

    def follow(self, uplinks: Sequence[Uplink]) -> None:
        self.followed = tuple(uplinks)


class FakeMachine:
    """A host that takes everything but what it is told to refuse, and has it until it is removed."""

    def __init__(self) -> None:
        self.have: dict[str, Element] = {}
        self.refuse: set[str] = set()

    def read(self, wanted: Collection[Element]) -> dict[str, Element]:  # noqa: ARG002 - nothing is others'
        return dict(self.have)

    def put(self, elements: Sequence[Element]) -> dict[str, str]:
        failures = {one.key: "refused" for one in elements if one.key in self.refuse}
        self.have.update({one.key: one for one in elements if one.key not in failures})
        return failures

    def remove(self, elements: Sequence[Element]) -> dict[str, str]:
        for one in elements:
            self.have.pop(one.key, None)
        return {}


class FakeReplication:
    """A conntrackd that takes what it is told, unless it is away."""

    def __init__(self) -> None:
        self.told: list[Replication] = []
        self.failure = ""
        self.waited: list[tuple[list[str], object]] = []
        """For the twins of which routers, and what was so at that time."""
        self.look: Callable[[], object] = lambda: None

    async def configure(self, wanted: Replication) -> None:
        self.told.append(wanted)

    async def wait_for_twins(self, routers: Collection[str]) -> None:
        if routers:
            self.waited.append((sorted(routers), self.look()))


def agent(
    path: Path,
    engine: FakeEngine,
    machine: FakeMachine | None = None,
    *,
    place: Place = PLACE,
    state: StateDirectory | None = None,
    uplinks: FakeUplinks | None = None,
    replication: FakeReplication | None = None,
    elections: Elections | None = None,
) -> Loop:
    """The loop of an agent that has just started."""
    host = Host(
        place=place,
        reconciler=Reconciler((Stage("everything", machine or FakeMachine(), KINDS),), time.monotonic),
        elections=elections or Elections(engine, on_role=lambda: None, on_return=lambda: None),
        uplinks=uplinks or FakeUplinks(),
        replication=replication or FakeReplication(),
        vlans_in_use=set,
        switch_stages=("everything",),
    )
    return Loop(host, state or StateDirectory(path / "state"), resync_seconds=30.0, heartbeat_seconds=2.0)


def one_pass(loop: Loop, specs: NodeSpecs | None = None) -> None:
    if specs is not None:
        loop.take(specs)
    asyncio.run(loop._pass())


def test_an_agent_that_does_not_know_its_specs_ends_no_election(tmp_path: Path) -> None:
    """Its file may be lost, or not readable after an upgrade, and no controller may be there."""
    engine = FakeEngine()
    engine.routers = {CONFIG.name: CONFIG}
    one_pass(agent(tmp_path, engine))
    assert list(engine.routers) == [CONFIG.name]
    assert engine.told == 0


def test_an_agent_that_does_not_know_its_specs_leaves_the_flows_of_the_last_one(tmp_path: Path) -> None:
    machine = FakeMachine()
    one_pass(agent(tmp_path, FakeEngine(), machine), SPECS)
    before = dict(machine.have)
    (tmp_path / "state" / "specs.json").unlink()
    one_pass(agent(tmp_path, FakeEngine(), machine))
    assert machine.have == before


def test_an_agent_that_is_told_that_nothing_is_wanted_ends_the_elections(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.routers = {CONFIG.name: CONFIG}
    one_pass(agent(tmp_path, engine), NodeSpecs(revision=1))
    assert engine.routers == {}


def test_a_router_is_elected_for_once_everything_is_there(tmp_path: Path) -> None:
    engine = FakeEngine()
    loop = agent(tmp_path, engine)
    one_pass(loop, SPECS)
    assert list(engine.routers) == [CONFIG.name]
    assert loop.report().revision == 3
    assert loop.report().failures == ()


@pytest.mark.parametrize("key", ["flows/br-int", "flows/br-tun", "flows/br-ex1", "ovs-port/phy-br-ex1"])
def test_a_router_is_not_elected_for_while_its_frames_go_nowhere(tmp_path: Path, key: str) -> None:
    engine, machine = FakeEngine(), FakeMachine()
    machine.refuse = {key}
    one_pass(agent(tmp_path, engine, machine), SPECS)
    assert engine.routers == {}


@pytest.mark.parametrize("key", [f"ovs-port/vxlan-{int(PEER_VM.tunnel_address):08x}", "flows/br-ex2", f"plug/{VM}"])
def test_a_router_is_elected_for_though_something_that_it_does_not_need_is_refused(tmp_path: Path, key: str) -> None:
    engine, machine = FakeEngine(), FakeMachine()
    machine.refuse = {key}
    two = replace(PLACE, bridge_mappings={"external1": "br-ex1", "external2": "br-ex2"})
    loop = agent(tmp_path, engine, machine, place=two)
    one_pass(loop, specs_of([*gateway_node(ha=True), port()]))
    assert list(engine.routers) == [CONFIG.name]
    assert list(loop.report().failures) != []


def with_twin(*, yielding: bool = False) -> NodeSpecs:
    """The router has another replica, which is to be active if this one yields."""
    twins = (HaPeer(node="vm", address=IPv4Address("169.254.192.2"), priority=50),)
    routers = {
        key: replace(spec, ha=replace(spec.ha, peers=twins, yielding=yielding))
        for key, spec in SPECS.specs.items()
        if isinstance(spec, RouterSpec) and spec.ha is not None
    }
    return replace(SPECS, specs={**SPECS.specs, **routers})


@pytest.mark.parametrize(("wanted", "told"), [(with_twin(yielding=True), [True]), (NodeSpecs(revision=9), [])])
def test_an_active_router_leaves_when_its_twins_have_its_connections(
    tmp_path: Path, wanted: NodeSpecs, told: list[bool]
) -> None:
    engine, replication = FakeEngine(), FakeReplication()
    elections = Elections(engine, on_role=lambda: None, on_return=lambda: None)
    loop = agent(tmp_path, engine, replication=replication, elections=elections)
    one_pass(loop, with_twin())
    held_by_us(engine, elections)
    replication.look = lambda: [config.yielding for config in engine.routers.values()]
    for _ in range(2):
        one_pass(loop, wanted)
    assert replication.waited[0] == ([CONFIG.name], [False])
    assert len(replication.waited) == 1
    assert [config.yielding for config in engine.routers.values()] == told


class FullDisk(StateDirectory):
    """Takes nothing until there is room."""

    room = False

    def _write(self, name: str, data: bytes) -> None:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device", name)
        super()._write(name, data)


def test_a_full_disk_is_a_failure_of_the_host_and_holds_up_nothing(tmp_path: Path) -> None:
    engine, disk = FakeEngine(), FullDisk(tmp_path)
    loop = agent(tmp_path, engine, state=disk)
    one_pass(loop, SPECS)
    assert list(engine.routers) == [CONFIG.name]
    assert loop.report().revision == SPECS.revision
    assert [failure.key for failure in loop.report().failures] == [HOST]
    assert "No space left" in loop.report().failures[0].message


def test_what_a_full_disk_did_not_take_is_written_when_there_is_room(tmp_path: Path) -> None:
    disk = FullDisk(tmp_path)
    loop = agent(tmp_path, FakeEngine(), state=disk)
    one_pass(loop, SPECS)
    disk.room = True
    asyncio.run(until(loop, lambda: loop.report().failures == ()))
    after = StateDirectory(tmp_path)
    assert after.specs() == SPECS
    assert after.vlans() is not None


def test_a_router_without_one_of_its_networks_is_a_failure_and_is_not_elected_for(tmp_path: Path) -> None:
    engine = FakeEngine()
    loop = agent(tmp_path, engine)
    one_pass(loop, specs_of(spec for spec in gateway_node(ha=True) if spec.key != f"network/{OUTSIDE}"))
    assert engine.routers == {}
    assert [failure.key for failure in loop.report().failures] == [f"router/{ROUTER}"]


def test_an_election_goes_on_when_one_of_its_routers_networks_is_lost(tmp_path: Path) -> None:
    engine = FakeEngine()
    loop = agent(tmp_path, engine)
    one_pass(loop, SPECS)
    one_pass(loop, specs_of(spec for spec in gateway_node(ha=True) if spec.key != f"network/{OUTSIDE}"))
    assert {address.interface[:3] for address in engine.routers[CONFIG.name].addresses} == {"qr-"}


async def until(loop: Loop, condition: Callable[[], bool]) -> None:
    """Let the loop run until something is so."""
    running = asyncio.ensure_future(loop.run())
    async with asyncio.timeout(20):
        while not condition():
            assert not running.done()
            await asyncio.sleep(0.01)
    running.cancel()


def test_a_router_whose_uplink_is_lost_yields_without_a_pass(tmp_path: Path) -> None:
    """The engine is told while the host is busy: what is wanted of the host has not changed."""
    engine, machine, uplinks = FakeEngine(), FakeMachine(), FakeUplinks()
    loop = agent(tmp_path, engine, machine, uplinks=uplinks)
    one_pass(loop, SPECS)
    machine.put = machine.remove = unexpected  # type: ignore[assignment]
    assert not engine.routers[CONFIG.name].yielding
    uplinks.impairment = Impairment(networks=frozenset({OUTSIDE}))
    asyncio.run(told(loop, lambda: engine.routers[CONFIG.name].yielding))
    uplinks.impairment = Impairment()
    asyncio.run(told(loop, lambda: not engine.routers[CONFIG.name].yielding))


def test_a_pass_does_not_forget_that_an_uplink_is_lost(tmp_path: Path) -> None:
    engine, uplinks = FakeEngine(), FakeUplinks()
    uplinks.impairment = Impairment(networks=frozenset({OUTSIDE}))
    one_pass(agent(tmp_path, engine, uplinks=uplinks), SPECS)
    assert engine.routers[CONFIG.name].yielding


def test_the_uplinks_of_the_specs_are_watched(tmp_path: Path) -> None:
    uplinks = FakeUplinks()
    loop = agent(tmp_path, FakeEngine(), uplinks=uplinks)
    one_pass(loop, SPECS)
    assert [one.network_id for one in uplinks.followed] == [OUTSIDE]
    one_pass(loop, NodeSpecs(revision=4))
    assert uplinks.followed == ()


def test_a_router_that_nobody_can_hear_any_more_lets_go(tmp_path: Path) -> None:
    """Its peers have elected another; when the switch is back it joins them, as a backup."""
    engine, uplinks = FakeEngine(), FakeUplinks()
    loop = agent(tmp_path, engine, uplinks=uplinks)
    one_pass(loop, SPECS)
    unheard = PATIENCE_INTERVALS * CONFIG.advert_interval / 1000
    uplinks.impairment = Impairment(switch=True, unheard=unheard - 0.1)
    asyncio.run(told(loop, lambda: engine.routers[CONFIG.name].yielding))
    uplinks.impairment = Impairment(switch=True, unheard=unheard + 0.1)
    asyncio.run(told(loop, lambda: engine.routers == {}))
    uplinks.impairment = Impairment()
    one_pass(loop)
    assert list(engine.routers) == [CONFIG.name]


def test_a_port_is_up_once_its_flows_are_there(tmp_path: Path) -> None:
    """An instance that is told so sends at once; one that was up stays so while new flows are refused."""
    machine = FakeMachine()
    loop = agent(tmp_path, FakeEngine(), machine)
    table = f"flows/{PLACE.integration_bridge}/firewall"
    one_pass(loop, specs_of([*gateway_node(), port()], revision=1))
    assert VM in loop.report().ports_up
    another = replace(port(), port_id="other", mac=Mac("fa:16:3e:00:00:77"))
    machine.refuse = {table}
    one_pass(loop, specs_of([*gateway_node(), port(), another], revision=2))
    assert VM in loop.report().ports_up
    assert "other" not in loop.report().ports_up
    machine.refuse = set()
    loop.switch_changed()
    one_pass(loop)
    assert "other" in loop.report().ports_up


def unexpected(*_: object) -> None:
    raise AssertionError("the host was touched")


async def told(loop: Loop, condition: Callable[[], bool]) -> None:
    """Something about the uplinks has changed; wait until the engine knows."""
    telling = asyncio.ensure_future(loop.give_way())
    loop.impairment_changed()
    async with asyncio.timeout(20):
        while not condition():
            assert not telling.done()
            await asyncio.sleep(0.01)
    telling.cancel()


def test_connections_that_are_not_replicated_are_a_failure_of_the_host_and_hold_up_nothing(tmp_path: Path) -> None:
    away = FakeReplication()
    away.failure = "connections are not replicated: nobody answers"
    engine = FakeEngine()
    loop = agent(tmp_path, engine, replication=away)
    one_pass(loop, SPECS)
    assert [(failure.key, failure.message) for failure in loop.report().failures] == [("host", away.failure)]
    assert list(engine.routers) == [CONFIG.name]
    assert loop._retry_at is not None, "it is told again soon"


def test_an_agent_that_does_not_know_its_specs_leaves_the_replication_as_it_is(tmp_path: Path) -> None:
    replication = FakeReplication()
    one_pass(agent(tmp_path, FakeEngine(), replication=replication))
    assert replication.told == []
    one_pass(agent(tmp_path, FakeEngine(), replication=replication), SPECS)
    assert len(replication.told) == 1
