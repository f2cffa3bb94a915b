"""What it costs that there are many routers: a change of one is one router's work, and no report waits for it."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from futago.contract.report import Report
from futago.contract.specs import NodeSpecs, Spec
from futago.node.host import Element, FlowTable
from futago.node.loop import Loop
from host.node_specs import HA, NETNS, QG, QR, ROUTER, gateway_node, router
from unit.node.kit import specs_of
from unit.node.test_elections import FakeEngine
from unit.node.test_loop import FakeMachine, agent


class Counting(FakeMachine):
    """A host that remembers what was put last, and can be slow."""

    def __init__(self) -> None:
        super().__init__()
        self.last: list[Element] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.asked = threading.Event()

    def put(self, elements: Sequence[Element]) -> dict[str, str]:
        self.asked.set()
        self.may_go_on.wait()
        self.last = list(elements)
        return super().put(elements)


def further(number: int) -> Spec:
    """A router like the first, with its own ids."""
    one = router(ha=True, floating=())
    assert one.ha is not None
    assert one.gateway is not None
    mine = f"{number:08x}"
    return replace(
        one,
        router_id=mine + ROUTER[8:],
        ha=replace(one.ha, port_id=mine + HA[8:], vrid=number + 2),
        interfaces=tuple(replace(port, port_id=mine + QR[8:]) for port in one.interfaces),
        gateway=replace(one.gateway, port=replace(one.gateway.port, port_id=mine + QG[8:])),
    )


def with_routers(number: int, revision: int) -> NodeSpecs:
    return specs_of([*gateway_node(ha=True), *(further(count) for count in range(number))], revision=revision)


async def reached(loop: Loop, revision: int) -> None:
    async with asyncio.timeout(20):
        while loop.report().revision < revision:  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.01)


def test_one_more_router_among_many_is_the_work_of_one(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[Element], FakeEngine]:
        machine, engine = Counting(), FakeEngine()
        loop = agent(tmp_path, engine, machine)
        work = asyncio.ensure_future(loop.run())
        loop.take(with_routers(100, 1))
        await reached(loop, 1)
        loop.take(with_routers(101, 2))
        await reached(loop, 2)
        work.cancel()
        return machine.last, engine

    put, engine = asyncio.run(scenario())
    own = NETNS.replace(ROUTER[:8], f"{100:08x}")
    assert {one.key for one in put if not isinstance(one, FlowTable)} == {
        f"namespace/{own}",
        *(f"veth/{own}/{kind}-{100:08x}-{rest[9:11]}" for kind, rest in (("qr", QR), ("qg", QG), ("ha", HA))),
        *(f"ovs-port/{kind}-{100:08x}-{rest[9:11]}" for kind, rest in (("hr", QR), ("hg", QG), ("hh", HA))),
        f"layer3/{own}/ha-{100:08x}-{HA[9:11]}",
        f"nft/{own}",
    }
    assert engine.changes == [([f"{100:08x}{ROUTER[8:]}"], [])]


def test_a_report_waits_for_no_pass(tmp_path: Path) -> None:
    async def scenario() -> int:
        machine, sent = Counting(), asyncio.Event()
        machine.may_go_on.clear()
        loop = agent(tmp_path, FakeEngine(), machine)

        async def send(_: Report) -> None:
            sent.set()

        work = [asyncio.ensure_future(loop.run()), asyncio.ensure_future(loop.report_by(send, OSError))]
        loop.take(with_routers(10, 1))
        await asyncio.to_thread(machine.asked.wait, 20)
        loop.role_changed()
        async with asyncio.timeout(20):
            await sent.wait()
        still_at_it = loop.report().revision
        machine.may_go_on.set()
        for task in work:
            task.cancel()
        return still_at_it

    assert asyncio.run(scenario()) == 0
