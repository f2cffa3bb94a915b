"""Flows that go are noticed by counting them, on a throw-away host with a real switch."""

import asyncio
import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from futago.node.drivers.flow_watch import FlowWatch
from futago.node.drivers.flows import MARK, MARK_MASK, cookie_of
from futago.node.drivers.openflow import OpenFlow
from futago.node.drivers.pulse import PATIENCE_SECONDS, SwitchPulse
from futago.node.host import HostRefused
from host.node_kit import GENEROUS_SECONDS, Hosts, ThrowAwayHost

FLOWS = [f"table={table},priority=1,dl_vlan={vlan} actions=drop" for table in (0, 9) for vlan in range(1, 6)]


@pytest.fixture
def host() -> Iterator[ThrowAwayHost]:
    with Hosts("watch") as (host,):
        host.run("ovs-vsctl add-br br-one -- set bridge br-one datapath_type=netdev fail_mode=secure")
        host.run("ovs-ofctl add-flow br-one cookie=0xabc,actions=drop")
        for flow in FLOWS:
            host.run(f"ovs-ofctl -O OpenFlow14 add-flow br-one cookie=0x{cookie_of(flow):x},'{flow}'")
        yield host


def sockets(host: ThrowAwayHost) -> Path:
    return Path(f"/proc/{host.init}/root/run/openvswitch")


def test_only_flows_of_ours_are_counted(host: ThrowAwayHost) -> None:
    async def count() -> tuple[int, int]:
        connection = await OpenFlow.connect(sockets(host) / "br-one.mgmt")
        ours = await connection.count_flows(MARK, MARK_MASK)
        every = await connection.count_flows(0, 0)
        connection.close()
        return ours, every

    assert asyncio.run(count()) == (len(FLOWS), len(FLOWS) + 1)


def test_a_bridge_that_is_not_there_is_refused(host: ThrowAwayHost) -> None:
    with pytest.raises(HostRefused, match=r"no-such.mgmt does not answer"):
        asyncio.run(OpenFlow.connect(sockets(host) / "no-such.mgmt"))


def test_what_is_as_it_was_is_not_told_and_what_went_is_told_once(host: ThrowAwayHost) -> None:
    told: list[str] = []

    async def look(watch: FlowWatch) -> list[int]:
        seen = []
        for command in ("", "", "ovs-ofctl del-flows br-one dl_vlan=3", "", "ovs-ofctl del-flows br-one", ""):
            if command:
                host.run(command)
            await watch.look()
            seen.append(len(told))
        return seen

    watch = FlowWatch(sockets(host), ["br-one", "br-missing"], lambda: told.append("changed"))
    assert asyncio.run(look(watch)) == [0, 0, 1, 1, 2, 2]


def test_a_switch_that_was_started_anew_without_flows_is_told(host: ThrowAwayHost) -> None:
    told: list[str] = []

    async def look(watch: FlowWatch) -> None:
        await watch.look()
        host.restart_vswitchd()
        await watch.look()
        await watch.look()

    asyncio.run(look(FlowWatch(sockets(host), ["br-one"], lambda: told.append("changed"))))
    assert told == ["changed"]


def test_a_switch_that_goes_round_vouches_and_one_that_is_held_up_does_so_again_after_a_while(
    host: ThrowAwayHost,
) -> None:
    async def vouches(pulse: SwitchPulse, since: float, seconds: float) -> bool:
        """Whether it does within so long."""
        deadline = time.monotonic() + seconds
        while not pulse.vouches(since, time.monotonic()) and time.monotonic() < deadline:
            pulse.beat()
            await asyncio.sleep(0.02)
        return pulse.vouches(since, time.monotonic())

    async def watch() -> tuple[bool, bool, bool]:
        pulse = SwitchPulse(sockets(host) / "br-one.mgmt")
        asking = asyncio.create_task(pulse.run())
        async with asyncio.timeout(GENEROUS_SECONDS):
            while pulse.vouches(math.inf, time.monotonic()):  # nobody was asked yet
                pulse.beat()
                await asyncio.sleep(0.02)
        runs = await vouches(pulse, time.monotonic(), GENEROUS_SECONDS)
        pid = host.run("cat /run/openvswitch/ovs-vswitchd.pid").strip()
        host.run(f"kill -STOP {pid}")
        stopped = time.monotonic()
        held_up = await vouches(pulse, stopped, PATIENCE_SECONDS / 3)
        lost = await vouches(pulse, stopped, GENEROUS_SECONDS)
        host.run(f"kill -CONT {pid}")
        asking.cancel()
        return runs, held_up, lost

    assert asyncio.run(watch()) == (True, False, True)
