"""The nodes' side of the controller, over its HTTP: joining, long polls, and reports that become status."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from starlette.applications import Starlette

from futago.contract.codec import decode, encode
from futago.contract.report import Failure, NodeFacts, Report, RouterRole, UplinkReport
from futago.contract.specs import SpecChanges
from futago.controller.nodes import reports
from futago.controller.nodes.feed import Feed
from futago.controller.nodes.overlap import Overlaps
from futago.controller.nodes.southbound import build_nodes
from futago.controller.resources.agent import alive
from futago.controller.store.rows import DhcpReplica, Node, Port, Replica, Subnet
from futago.values import IPv4Address, IPv4Network, Role
from unit.controller.cloud import Cloud

FACTS = NodeFacts(
    roles=("l3",), tunnel_address=None, tunnel_types=(), bridge_mappings={}, datapath_type="netdev", version="0"
)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path)
    yield cloud
    cloud.database.close()


def client(cloud: Cloud, credential: str = "") -> httpx.AsyncClient:
    feed = Feed(cloud.database, cloud.config)
    app = Starlette(routes=build_nodes(cloud.database, cloud.config, "the-token", feed, Overlaps()))
    headers = {"Authorization": f"Bearer {credential}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://controller", headers=headers)


def whole(cloud: Cloud, node: str) -> set[str]:
    """The keys of all specs of `node`."""
    return {spec.key for spec in Feed(cloud.database, cloud.config).changes(node, 0).put}


def test_a_node_joins_with_the_token_and_speaks_with_its_own_credential(cloud: Cloud) -> None:
    async def talk() -> list[int]:
        async with client(cloud, "the-token") as joining, client(cloud, "guess") as stranger:
            joined = await joining.post("/nodes/net1/join")
            async with client(cloud, joined.json()["credential"]) as member:
                return [
                    joined.status_code,
                    (await stranger.post("/nodes/net1/join")).status_code,
                    (await stranger.get("/nodes/net1/specs")).status_code,
                    (await member.put("/nodes/net1", content=encode(FACTS))).status_code,
                    (await member.get("/nodes/net1/specs")).status_code,
                    (await member.get("/nodes/net2/specs")).status_code,
                ]

    assert asyncio.run(talk()) == [201, 401, 401, 204, 200, 401]


def test_a_long_poll_ends_as_soon_as_something_is_written(cloud: Cloud) -> None:
    async def talk() -> tuple[SpecChanges, float]:
        credential = await asyncio.to_thread(cloud.node, "net1", "l3")
        await asyncio.to_thread(cloud.node, "net2", "l3")
        async with client(cloud, credential) as member:
            first = decode((await member.get("/nodes/net1/specs")).content, SpecChanges)
            poll = asyncio.create_task(member.get(f"/nodes/net1/specs?since={first.revision}&wait=30"))
            started = time.monotonic()
            await asyncio.to_thread(cloud.router, "router80")
            answer = decode((await poll).content, SpecChanges)
            return answer, time.monotonic() - started

    answer, seconds = asyncio.run(talk())
    assert "router/router80" in {spec.key for spec in answer.put}
    assert seconds < 20


UPLINK = UplinkReport(
    network_id="n", physical_network="external1", up=False, since=1.0, cause="no carrier", probed=True, falls=1
)


def test_a_report_becomes_roles_and_port_status_and_failures(cloud: Cloud) -> None:
    credential = cloud.node("net1", "l3")
    cloud.node("net2", "l3")
    router = cloud.router("router80")
    network = cloud.network("n", vni=1500)
    leg = cloud.leg(router, network, cloud.subnet(network, "10.1.0.0/24", enable_dhcp=False))
    report = Report(
        revision=4,
        roles=(RouterRole(router_id="router80", role=Role.ACTIVE, since=1.0, cause="timer"),),
        ports_up=(leg.id,),
        failures=(Failure(key="port/x", message="no such bridge"),),
        uplinks=(UPLINK,),
    )

    async def talk() -> int:
        async with client(cloud, credential) as member:
            return (await member.post("/nodes/net1/report", content=encode(report))).status_code

    assert asyncio.run(talk()) == 204
    with cloud.database.read() as view:
        replica, port, node = (
            view.get(Replica, node="net1"),
            view.get(Port, id=leg.id),
            view.get(Node, name="net1"),
        )
    assert replica is not None
    assert port is not None
    assert node is not None
    assert (replica.role, port.up, node.revision) == (Role.ACTIVE, True, 4)
    assert node.failures == ({"key": "port/x", "message": "no such bridge"},)
    assert node.uplinks == (UPLINK,)


def test_a_report_waits_for_no_plan(cloud: Cloud) -> None:
    """All threads for plans are taken: the node would be dead if its report had to wait for one."""
    credential = cloud.node("net1", "l3")
    plans_go_on = threading.Event()

    async def talk() -> int:
        busy = [asyncio.ensure_future(asyncio.to_thread(plans_go_on.wait)) for _ in range(64)]
        try:
            async with client(cloud, credential) as member, asyncio.timeout(20):
                report = Report(revision=4, roles=(), ports_up=(), failures=(), uplinks=())
                return (await member.post("/nodes/net1/report", content=encode(report))).status_code
        finally:
            plans_go_on.set()
            await asyncio.gather(*busy)

    assert asyncio.run(talk()) == 204


def test_the_first_thing_that_is_noted_of_a_report_is_that_the_node_lives(cloud: Cloud) -> None:
    cloud.node("net1", "l3")
    with cloud.later(30):
        reports.note_life(cloud.database, "net1")
        with cloud.database.read() as view:
            node = view.get(Node, name="net1")
            assert node is not None
            assert alive(cloud.config, node)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"revision": "x"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"revision": 10000000000000000000, "roles": [], "ports_up": [], "failures": []}',
        b'{"revision": -1, "roles": [], "ports_up": [], "failures": []}',
        (
            b'{"revision": 1, "roles": [], "ports_up": [], "failures": [], "uplinks": [{"network_id": "n",'
            b'"physical_network": "p", "up": true, "since": 1e300, "cause": "", "probed": true, "falls": 0}]}'
        ),
    ],
)
def test_garbage_is_refused_with_a_reason(cloud: Cloud, body: bytes) -> None:
    credential = cloud.node("net1", "l3")

    async def talk() -> httpx.Response:
        async with client(cloud, credential) as member:
            return await member.post("/nodes/net1/report", content=body)

    answer = asyncio.run(talk())
    assert answer.status_code == 400
    assert "not a Report" in answer.json()["error"]["message"]


def test_another_version_of_the_contract_is_refused_with_both_numbers(cloud: Cloud) -> None:
    async def talk() -> httpx.Response:
        async with client(cloud, "the-token") as joining:
            return await joining.post("/nodes/net1/join", headers={"Futago-Contract": "99"})

    answer = asyncio.run(talk())
    assert answer.status_code == 409
    assert "99" in answer.json()["error"]["message"]


def test_a_tenants_full_subnet_keeps_no_node_out(cloud: Cloud) -> None:
    """And a server answers only for subnets in which it has an address."""
    cloud.node("net1", "dhcp")
    network = cloud.network("small", vni=1500)
    cloud.subnet(network, "10.0.0.0/30")
    cloud.node("net2", "dhcp")
    with cloud.database.read() as view:
        assert [replica.node for replica in view.find(DhcpReplica)] == ["net1"]
        assert len(view.find(Port, network_id="small")) == 1
    assert not [key for key in whole(cloud, "net2") if key.startswith("dhcp/")]


def test_a_router_that_cannot_be_placed_keeps_no_node_out(tmp_path: Path) -> None:
    """Its HA network holds one address; the second node has the other router all the same."""
    cloud = Cloud(tmp_path, l3_ha_net_cidr=IPv4Network("169.254.192.0/30"))
    cloud.router("a")
    cloud.router("b", project_id="other")
    cloud.node("net1", "l3")
    with cloud.database.write() as txn:
        subnet = txn.get(Subnet, name="HA subnet project p")
        assert subnet is not None
        txn.replace(subnet, replace(subnet, allocation_pools=subnet.allocation_pools[:0]))
    cloud.node("net2", "l3")
    with cloud.database.read() as view:
        placed = {(replica.router_id, replica.node) for replica in view.find(Replica)}
    assert placed == {("a", "net1"), ("b", "net1"), ("b", "net2")}


@pytest.mark.parametrize(
    "query", ["since=nan", "since=1.5", "since=-5", "since=1e400", f"since={10**19}", "wait=nan", "wait=inf", "wait=x"]
)
def test_a_poll_that_makes_no_sense_is_refused(cloud: Cloud, query: str) -> None:
    credential = cloud.node("net1", "l3")

    async def talk() -> httpx.Response:
        async with client(cloud, credential) as member:
            return await member.get(f"/nodes/net1/specs?{query}")

    answer = asyncio.run(talk())
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["error"]["message"]


def test_bodies_names_and_facts_have_bounds_and_a_name_is_given_once(cloud: Cloud) -> None:
    credential = cloud.node("net1", "l3")
    nowhere = encode(replace(FACTS, tunnel_address=IPv4Address("127.0.0.1")))

    async def talk() -> list[int]:
        async with client(cloud, "the-token") as joining, client(cloud, credential) as member:
            return [
                (await member.post("/nodes/net1/report", content=b" " * (16 * 1024 * 1024 + 1))).status_code,
                (await member.put("/nodes/net1", content=nowhere)).status_code,
                (await joining.post("/nodes/a%20b/join")).status_code,
                (await joining.post("/nodes/net1/join")).status_code,
            ]

    assert asyncio.run(talk()) == [413, 400, 400, 409]


def test_a_node_sends_the_origin_back_and_hears_nothing_twice(cloud: Cloud) -> None:
    credential = cloud.node("net1", "l3")

    async def talk() -> list[bool]:
        async with client(cloud, credential) as member:
            first = decode((await member.get("/nodes/net1/specs")).content, SpecChanges)
            answers = [
                await member.get(f"/nodes/net1/specs?since={first.revision}&origin={origin}")
                for origin in (first.origin, "another", "")
            ]
            return [decode(answer.content, SpecChanges).complete for answer in answers]

    assert asyncio.run(talk()) == [False, True, True]
