"""Keys reach the nodes of HA routers, each router has its own, and a rotation never leaves two nodes without one."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from futago.config import Profile
from futago.contract.report import Failure, Report
from futago.contract.specs import HaAuth, NodeSpecs, ReplicationSpec, RouterSpec
from futago.controller import vrrp_keys
from futago.controller.nodes import reports
from futago.controller.nodes.feed import Feed
from futago.controller.store.rows import VrrpKey
from futago.controller.vrrp_keys import Stage
from unit.controller.cloud import Cloud

NODES = ("net1", "net2")


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return make(tmp_path)


def make(directory: Path, **settings: object) -> Cloud:
    """Two routers, each on both network nodes; a compute node that has nothing to do with it."""
    cloud = Cloud(directory, **settings)
    vrrp_keys.ensure(cloud.database)
    for node in NODES:
        cloud.node(node, "l3", "dhcp")
    cloud.node("compute1")
    for name in ("router80", "router81"):
        cloud.router(name)
    return cloud


def auth(cloud: Cloud, node: str, router: str = "router80") -> HaAuth | None:
    spec = NodeSpecs().after(Feed(cloud.database, cloud.config).changes(node, 0)).specs[f"router/{router}"]
    assert isinstance(spec, RouterSpec)
    assert spec.ha is not None
    return spec.ha.auth


def reach(cloud: Cloud, node: str, failures: tuple[Failure, ...] = ()) -> None:
    """The node reports that it has made everything true."""
    with cloud.database.read() as view:
        revision = view.revision()
    reports.take(cloud.database, node, Report(revision=revision, roles=(), ports_up=(), failures=failures))


def stage(cloud: Cloud) -> Stage:
    with cloud.database.read() as view:
        return vrrp_keys.stage(view)


def lagging(cloud: Cloud) -> list[str]:
    with cloud.database.read() as view:
        return [node.name for node in vrrp_keys.lagging(view)]


def advance(cloud: Cloud, seen: Stage) -> None:
    with cloud.database.write() as txn:
        vrrp_keys.advance(txn, seen)


def test_the_replicas_of_a_router_share_a_secret_that_no_other_router_has(cloud: Cloud) -> None:
    first, second = auth(cloud, "net1"), auth(cloud, "net2")
    other = auth(cloud, "net1", "router81")
    assert first == second
    assert first is not None
    assert other is not None
    assert (first.mode, first.send_key, [key.key_id for key in first.keys]) == ("enforce", 1, [1])
    assert first.keys[0].secret != other.keys[0].secret
    assert len(first.keys[0].secret) == 32


def test_the_seed_has_its_password_and_no_keys(tmp_path: Path) -> None:
    assert auth(make(tmp_path, profile=Profile.SEED), "net1") is None


def test_the_first_key_is_made_once(cloud: Cloud) -> None:
    with cloud.database.read() as view:
        before = view.find(VrrpKey)
    vrrp_keys.ensure(cloud.database)
    with cloud.database.read() as view:
        assert view.find(VrrpKey) == before


def test_a_rotation_adds_then_switches_then_drops(cloud: Cloud) -> None:
    seen = [auth(cloud, "net1")]
    for step in (Stage.ONE, Stage.ADDED, Stage.SWITCHED):
        advance(cloud, step)
        seen.append(auth(cloud, "net1"))
    assert [(a.send_key, [key.key_id for key in a.keys]) for a in seen if a] == [
        (1, [1]),
        (1, [1, 2]),
        (2, [1, 2]),
        (2, [2]),
    ]
    assert stage(cloud) is Stage.ONE


def test_key_ids_start_again_after_255(cloud: Cloud) -> None:
    with cloud.database.write() as txn:
        (key,) = txn.find(VrrpKey)
        txn.remove(key)
        txn.add(replace(key, key_id=255))
    ids = []
    for step in (Stage.ONE, Stage.ADDED, Stage.SWITCHED):
        advance(cloud, step)
        found = auth(cloud, "net1")
        assert found is not None
        ids.append((found.send_key, [key.key_id for key in found.keys]))
    assert ids == [(255, [1, 255]), (1, [1, 255]), (1, [1])]


def test_a_step_is_taken_once_though_two_operators_take_it(cloud: Cloud) -> None:
    advance(cloud, Stage.ONE)
    advance(cloud, Stage.ONE)
    assert stage(cloud) is Stage.ADDED


def test_a_node_lags_until_it_has_reached_the_step_with_all_its_routers(cloud: Cloud) -> None:
    advance(cloud, Stage.ONE)
    assert lagging(cloud) == ["net1", "net2"]
    reach(cloud, "net1")
    assert lagging(cloud) == ["net2"]
    reach(cloud, "net2", (Failure(key="router/router80", message="not wired"),))
    assert lagging(cloud) == ["net2"]
    reach(cloud, "net2")
    assert lagging(cloud) == []
    advance(cloud, Stage.ADDED)
    assert lagging(cloud) == ["net1", "net2"]


def test_a_running_feed_hears_of_the_keys(cloud: Cloud) -> None:
    feed = Feed(cloud.database, cloud.config)
    before = feed.changes("net1", 0)
    advance(cloud, Stage.ONE)
    changes = feed.changes("net1", before.revision, before.origin)
    assert not changes.complete
    assert {spec.key for spec in changes.put} == {"router/router80", "router/router81", "replication"}
    assert not feed.changes("compute1", before.revision, before.origin).put


def test_the_nodes_that_carry_routers_share_a_secret_for_replication(cloud: Cloud) -> None:
    specs = {node: NodeSpecs().after(Feed(cloud.database, cloud.config).changes(node, 0)).specs for node in NODES}
    first, second = (specs[node]["replication"] for node in NODES)
    assert isinstance(first, ReplicationSpec)
    assert first == second
    routers = [auth(cloud, "net1", name) for name in ("router80", "router81")]
    assert first.keys[0].secret not in [found.keys[0].secret for found in routers if found]
    assert "replication" not in NodeSpecs().after(Feed(cloud.database, cloud.config).changes("compute1", 0)).specs


def test_no_text_shows_a_secret(cloud: Cloud) -> None:
    with cloud.database.read() as view:
        (key,) = view.find(VrrpKey)
    found = auth(cloud, "net1")
    assert found is not None
    assert key.secret not in repr(key)
    assert repr(found.keys[0].secret) not in repr(found)
