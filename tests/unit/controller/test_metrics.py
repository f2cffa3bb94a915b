"""What the controller tells Prometheus, read with Prometheus' own parser."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from prometheus_client import Metric
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from futago.contract.report import Report, RouterRole
from futago.controller.metrics import CountRequests, Measure
from futago.controller.nodes import reports
from futago.controller.nodes.feed import Feed
from futago.controller.nodes.overlap import Overlaps
from futago.controller.store.rows import Node, Replica
from futago.values import Role
from metrics_kit import documented, read, sample_names, value
from unit.controller.cloud import Cloud


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    made = Cloud(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def measure(cloud: Cloud) -> Measure:
    return Measure(cloud.database, cloud.config, Feed(cloud.database, cloud.config), Overlaps())


def say(cloud: Cloud, node: str, role: Role, revision: int = 0) -> None:
    """A node reports the role of router80."""
    roles = (RouterRole(router_id="router80", role=role, since=1.0, cause="test"),)
    reports.take(cloud.database, node, Report(revision=revision, roles=roles, ports_up=(), failures=()))


def heard(cloud: Cloud, name: str, at: float) -> None:
    """A node was heard last at this time."""
    with cloud.database.note() as txn:
        node = txn.get(Node, name=name)
        assert node is not None
        txn.replace(node, replace(node, heartbeat_at=at))


def actives(measure: Measure) -> list[float]:
    found = read(measure.registry)
    return [value(found, "futago_ha_routers", actives=str(number)) for number in range(3)]


def test_routers_are_counted_by_their_actives(cloud: Cloud, measure: Measure) -> None:
    """None, one, and the one that must never last: two."""
    for node in ("net1", "net2"):
        cloud.node(node, "l3")
    cloud.router("router80")
    assert actives(measure) == [1, 0, 0]
    say(cloud, "net1", Role.ACTIVE)
    assert actives(measure) == [0, 1, 0]
    say(cloud, "net2", Role.ACTIVE)
    heard(cloud, "net1", time.time())
    assert actives(measure) == [0, 0, 1]


def test_what_a_dead_node_said_last_does_not_count(cloud: Cloud, measure: Measure) -> None:
    for node in ("net1", "net2"):
        cloud.node(node, "l3")
    cloud.router("router80")
    say(cloud, "net1", Role.ACTIVE)
    heard(cloud, "net1", time.time() - 60)
    assert actives(measure) == [1, 0, 0]
    found = read(measure.registry)
    assert [value(found, "futago_node_alive", node=name) for name in ("net1", "net2")] == [0, 1]


def test_what_a_node_said_before_it_died_does_not_count_once_another_is_active(cloud: Cloud, measure: Measure) -> None:
    """Two nodes are not active because nobody knows yet that one of them is dead."""
    for node in ("net1", "net2"):
        cloud.node(node, "l3")
    cloud.router("router80")
    say(cloud, "net1", Role.ACTIVE)
    heard(cloud, "net1", time.time() - 5)
    with cloud.database.note() as txn:
        replica = txn.get(Replica, router_id="router80", node="net1")
        assert replica is not None
        txn.replace(replica, replace(replica, role_since=time.time() - 60))
    say(cloud, "net2", Role.ACTIVE)
    assert actives(measure) == [0, 1, 0]


def test_a_node_is_behind_by_the_specs_that_it_has_not_applied(cloud: Cloud, measure: Measure) -> None:
    """A write that does not concern it leaves nothing pending."""
    for node in ("net1", "net2"):
        cloud.node(node, "l3")
    cloud.router("router80")
    before = pending(measure)
    assert before > 0
    with cloud.database.read() as view:
        reached = view.revision()
    say(cloud, "net1", Role.BACKUP, reached)
    assert pending(measure) == 0
    cloud.network("elsewhere", vni=1999)
    assert value(read(measure.registry), "futago_store_revision") > reached
    assert pending(measure) == 0


def pending(measure: Measure) -> float:
    return value(read(measure.registry), "futago_node_pending_specs", node="net1")


def test_commits_are_timed(cloud: Cloud, measure: Measure) -> None:
    cloud.network("n", vni=1500)
    cloud.node("net1", "l3")
    found = read(measure.registry)
    counts = [value(found, "futago_store_commit_duration_seconds_count", kind=kind) for kind in ("write", "note")]
    assert all(count > 0 for count in counts)


def test_requests_are_counted_and_long_polls_are_not_timed(measure: Measure) -> None:
    found = asyncio.run(talk(measure))
    assert value(found, "futago_api_requests_total", part="networking", method="GET", code="200") == 2
    assert value(found, "futago_api_requests_total", part="networking", method="other", code="405") == 1
    assert value(found, "futago_api_requests_total", part="nodes", method="GET", code="200") == 1
    assert value(found, "futago_api_requests_total", part="networking", method="GET", code="500") == 1
    assert value(found, "futago_api_request_duration_seconds_count", part="networking", method="GET") == 3
    with pytest.raises(ValueError, match="not enough values"):
        value(found, "futago_api_request_duration_seconds_count", part="nodes")


async def talk(measure: Measure) -> dict[str, Metric]:
    async def fine(_: Request) -> Response:
        return Response()

    async def broken(_: Request) -> Response:
        raise RuntimeError("a bug")

    routes = [Route("/v2.0/networks", fine), Route("/nodes/net1/specs", fine), Route("/v2.0/broken", broken)]
    app = Starlette(routes=routes, middleware=[Middleware(CountRequests, measure=measure)])
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
        for path in ("/v2.0/networks", "/v2.0/networks", "/nodes/net1/specs", "/v2.0/broken"):
            await client.get(path)
        await client.request("BREW", "/v2.0/networks")
    return read(measure.registry)


def test_every_metric_is_on_its_page(cloud: Cloud, measure: Measure) -> None:
    cloud.node("net1", "l3")
    asyncio.run(talk(measure))
    assert sample_names(read(measure.registry)) - documented() == set()
