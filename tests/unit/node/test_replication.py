"""What conntrackd is told."""

import asyncio
from pathlib import Path

from msgspec.structs import replace

from futago.conntrack.config import DEFAULT_PORT, Peer, ReplicatedRouter, Replication
from futago.conntrack.control import Configure, Done, read_request
from futago.contract.keys import SharedKey
from futago.contract.specs import HaPeer, ReplicationSpec, RouterSpec, Spec
from futago.lines import to_line
from futago.node.drivers.conntrackd import ConntrackDriver
from futago.node.features.replication import replication
from futago.values import IPv4Address
from host.node_specs import NETNS, PEER_VM, ROUTER, router
from unit.node.kit import PLACE, specs_of

KEYS = ReplicationSpec(keys=(SharedKey(key_id=3, secret=b"s" * 32),), send_key=3)
TWINS = (
    HaPeer(node="vm", address=IPv4Address("169.254.192.2"), priority=50),
    HaPeer(node="unreachable", address=IPv4Address("169.254.192.3"), priority=50),
)


def with_twins() -> RouterSpec:
    usual = router(ha=True)
    assert usual.ha is not None
    return replace(usual, ha=replace(usual.ha, peers=TWINS))


def told(*specs: Spec) -> Replication:
    return replication(specs_of(specs), replace(PLACE, name="gw"))


def test_a_router_is_replicated_to_the_twins_that_have_tunnels() -> None:
    assert told(PEER_VM, KEYS, with_twins()) == Replication(
        node="gw",
        address=IPv4Address("192.0.2.1"),
        port=DEFAULT_PORT,
        keys=(SharedKey(key_id=3, secret=b"s" * 32),),
        send_key=3,
        peers=(Peer(node="vm", address=IPv4Address("192.0.2.2")),),
        routers=(ReplicatedRouter(name=ROUTER, namespace=NETNS, peers=("vm",)),),
    )


def test_a_router_without_twins_or_switched_off_is_not_replicated() -> None:
    down = replace(with_twins(), admin_state_up=False)
    for alone in (router(ha=False), router(ha=True), down):
        assert told(PEER_VM, KEYS, alone).routers == ()


def test_without_keys_or_a_tunnel_it_is_off_and_says_why() -> None:
    assert told(PEER_VM, with_twins()).off == "the nodes share no key"
    nowhere = replace(PLACE, local_ip=None)
    assert replication(specs_of([PEER_VM, KEYS, with_twins()]), nowhere).off == "this node has no tunnel address"


def test_a_key_is_never_printed() -> None:
    assert "ssss" not in repr(told(PEER_VM, KEYS, with_twins()))


def test_a_program_that_is_away_is_a_failure_only_where_there_are_routers(tmp_path: Path) -> None:
    driver = ConntrackDriver(tmp_path / "nobody.sock")
    asyncio.run(driver.configure(told(PEER_VM, KEYS)))
    assert driver.failure == ""
    asyncio.run(driver.configure(told(PEER_VM, KEYS, with_twins())))
    assert "is `futago conntrackd` running?" in driver.failure


def test_the_program_is_told_all_of_it(tmp_path: Path) -> None:
    wanted = told(PEER_VM, KEYS, with_twins())
    heard: list[object] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(read_request(await reader.readline()))
        writer.write(to_line(Done()))
        writer.close()

    async def tell() -> str:
        async with await asyncio.start_unix_server(answer, tmp_path / "c.sock"):
            driver = ConntrackDriver(tmp_path / "c.sock")
            await driver.configure(wanted)
            return driver.failure

    assert asyncio.run(tell()) == ""
    assert heard == [Configure(replication=wanted)]
