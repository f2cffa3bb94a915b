"""Planned moves, by the store: who yields, who is a fit target, and when it is done."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from futago.contract.report import Report, RouterRole
from futago.contract.specs import RouterSpec
from futago.controller import moves, schedule
from futago.controller.moves import Move, MoveRefused
from futago.controller.nodes import reports
from futago.controller.nodes.feed import Feed
from futago.controller.store.rows import Node, Replica
from futago.values import Role
from unit.controller.cloud import Cloud


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """Three routers on two network nodes; net1 is active for all of them."""
    cloud = Cloud(tmp_path)
    for name in ("net1", "net2"):
        cloud.node(name, "l3", "dhcp")
    for name in ("one", "two", "three"):
        cloud.router(name)
    for node, role in (("net1", Role.ACTIVE), ("net2", Role.BACKUP)):
        say(cloud, node, role)
    with cloud.database.write() as txn:
        for name in ("one", "two", "three"):
            moves.end(txn, Move(name, "net1"))
    return cloud


def say(cloud: Cloud, node: str, role: Role, *names: str) -> None:
    """The node reports this role for these routers (all), and the opposite for the others."""
    opposite = Role.BACKUP if role is Role.ACTIVE else Role.ACTIVE
    roles = tuple(
        RouterRole(router_id=name, role=role if not names or name in names else opposite, since=1.0, cause="test")
        for name in ("one", "two", "three")
    )
    reports.take(cloud.database, node, Report(revision=1, roles=roles, ports_up=(), failures=()))


def target(cloud: Cloud, name: str, wanted: str = "") -> Move:
    with cloud.database.read() as view:
        return moves.target(view, cloud.config, moves.router_named(view, name), wanted)


def yielding(cloud: Cloud, feed: Feed) -> dict[str, list[str]]:
    """Node → the routers that its specs say it is to leave."""
    found: dict[str, list[str]] = {}
    for node in ("net1", "net2"):
        specs = feed.changes(node, 0).put
        found[node] = sorted(s.router_id for s in specs if isinstance(s, RouterSpec) and s.ha and s.ha.yielding)
    return found


def kill(cloud: Cloud, name: str) -> None:
    with cloud.database.note() as txn:
        node = txn.get(Node, name=name)
        assert node is not None
        txn.replace(node, replace(node, heartbeat_at=0.0))


def test_a_move_has_all_but_its_target_yield_until_it_is_done(cloud: Cloud) -> None:
    feed = Feed(cloud.database, cloud.config)
    move = target(cloud, "one")
    assert move == Move("one", "net2")
    with cloud.database.write() as txn:
        moves.begin(txn, move)
    assert yielding(cloud, feed) == {"net1": ["one"], "net2": []}
    with cloud.database.read() as view:
        assert not moves.done(view, move)
    say(cloud, "net2", Role.ACTIVE, "one")
    with cloud.database.read() as view:
        assert not moves.done(view, move), "two are active by what the nodes have said"
    say(cloud, "net1", Role.BACKUP, "one")
    with cloud.database.read() as view:
        assert moves.done(view, move)
    with cloud.database.write() as txn:
        moves.end(txn, move)
    assert yielding(cloud, feed) == {"net1": [], "net2": []}


@pytest.mark.parametrize(
    ("router", "wanted", "says"),
    [
        ("nine", "", "there is no router nine"),
        ("one", "net9", "net9 does not carry router one; it is on net1, net2"),
        ("t", "", "is several routers: "),
    ],
)
def test_a_move_that_cannot_be_is_refused_with_the_reason(cloud: Cloud, router: str, wanted: str, says: str) -> None:
    with pytest.raises(MoveRefused, match=says):
        target(cloud, router, wanted)


def test_no_router_goes_to_a_node_that_is_dead_or_drained(cloud: Cloud) -> None:
    kill(cloud, "net2")
    with pytest.raises(MoveRefused, match="no other node is alive"):
        target(cloud, "one")
    with pytest.raises(MoveRefused, match="net2 is down or drained"):
        target(cloud, "one", "net2")


def test_a_drained_node_leaves_all_its_routers_and_is_told_at_once(cloud: Cloud) -> None:
    feed = Feed(cloud.database, cloud.config)
    feed.changes("net1", 0)
    with cloud.database.write() as txn:
        moves.set_drained(txn, "net1", drained=True)
    assert yielding(cloud, feed) == {"net1": ["one", "three", "two"], "net2": []}
    with cloud.database.read() as view:
        assert sorted(moves.held_by(view, cloud.config, "net1")[0]) == ["one", "three", "two"]
    kill(cloud, "net2")
    with cloud.database.read() as view:
        assert moves.held_by(view, cloud.config, "net1")[0] == []
        assert len(moves.held_by(view, cloud.config, "net1")[1]) == 3
    with cloud.database.write() as txn:
        moves.set_drained(txn, "net1", drained=False)
    assert yielding(cloud, feed) == {"net1": [], "net2": []}


def test_only_network_nodes_are_drained(cloud: Cloud) -> None:
    cloud.node("compute1")
    with (
        cloud.database.write() as txn,
        pytest.raises(MoveRefused, match="no network node compute1; there are: net1, net2"),
    ):
        moves.set_drained(txn, "compute1", drained=True)


def test_rebalance_moves_as_few_as_an_even_spread_takes(cloud: Cloud) -> None:
    with cloud.database.read() as view:
        assert len(moves.spread(view, cloud.config)) == 1
    kill(cloud, "net2")
    with cloud.database.read() as view:
        assert moves.spread(view, cloud.config) == []


def test_a_router_without_a_word_from_its_nodes_is_not_moved(cloud: Cloud) -> None:
    with cloud.database.note() as txn:
        for replica in txn.find(Replica):
            txn.replace(replica, replace(replica, role=Role.INITIALIZE))
    with cloud.database.read() as view:
        assert moves.spread(view, cloud.config) == []


def spread_of(cloud: Cloud, routers: int, nodes: tuple[str, ...]) -> dict[str, int]:
    """How many routers each node is active for when each has gone where it is to go."""
    with cloud.database.read() as view:
        replicas = view.find(Replica)
    held = dict.fromkeys(nodes, 0)
    for replica in replicas:
        held[replica.node] += not replica.yielding
    assert sum(held.values()) == routers, "of each router one replica does not yield"
    return held


@pytest.mark.parametrize("nodes", [("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d", "e")])
def test_new_routers_are_spread_evenly(tmp_path: Path, nodes: tuple[str, ...]) -> None:
    cloud = Cloud(tmp_path)
    for name in nodes:
        cloud.node(name, "l3")
    for number in range(22):
        cloud.router(f"r{number}")
    held = spread_of(cloud, 22, nodes)
    assert max(held.values()) - min(held.values()) <= 1


def test_new_routers_go_where_fewer_are_active_now(tmp_path: Path) -> None:
    """Not where fewer were to be: b was away, and a has all."""
    cloud = Cloud(tmp_path)
    for name in ("a", "b"):
        cloud.node(name, "l3")
    routers = [cloud.router(f"r{number}").id for number in range(6)]
    with cloud.database.write() as txn:
        for replica in txn.find(Replica):
            role = Role.ACTIVE if replica.node == "a" else Role.BACKUP
            txn.replace(replica, replace(replica, role=role, yielding=False))
    more = [cloud.router(f"s{number}").id for number in range(6)]
    with cloud.database.read() as view:
        wanted = {r.router_id: r.node for r in view.find(Replica, router_id=more) if not r.yielding}
    assert set(wanted.values()) == {"b"}
    assert len(routers) == len(more)


def test_a_new_router_goes_to_its_preferred_node_whichever_is_ready_first(cloud: Cloud) -> None:
    cloud.router("four")
    feed = Feed(cloud.database, cloud.config)
    told = yielding(cloud, feed)
    (other,) = [node for node, routers in told.items() if routers]
    wanted = "net1" if other == "net2" else "net2"
    assert told == {other: ["four"], wanted: []}
    moves.settle(cloud.database, cloud.config)
    assert yielding(cloud, feed) == told
    with cloud.database.note() as txn:
        for replica in txn.find(Replica, router_id="four"):
            txn.replace(replica, replace(replica, role=Role.ACTIVE if replica.node == wanted else Role.BACKUP))
    moves.settle(cloud.database, cloud.config)
    assert yielding(cloud, feed) == {"net1": [], "net2": []}


def disable(cloud: Cloud, router: str, node: str) -> None:
    with cloud.database.write() as txn:
        replica = txn.get(Replica, router_id=router, node=node)
        assert replica is not None
        txn.replace(replica, replace(replica, admin_state_up=False))


def test_a_disabled_replica_leaves_its_router_for_as_long_as_it_is_disabled(cloud: Cloud) -> None:
    feed = Feed(cloud.database, cloud.config)
    disable(cloud, "one", "net1")
    assert yielding(cloud, feed) == {"net1": ["one"], "net2": []}
    say(cloud, "net2", Role.ACTIVE, "one")
    say(cloud, "net1", Role.BACKUP, "one")
    moves.settle(cloud.database, cloud.config)
    assert yielding(cloud, feed) == {"net1": ["one"], "net2": []}


def test_no_router_goes_to_a_replica_that_is_disabled(cloud: Cloud) -> None:
    for name in ("one", "two", "three"):
        disable(cloud, name, "net2")
    with pytest.raises(MoveRefused, match="no other node is alive"):
        target(cloud, "one")
    with pytest.raises(MoveRefused, match="router one is disabled on net2"):
        target(cloud, "one", "net2")
    with cloud.database.read() as view:
        assert moves.spread(view, cloud.config) == []
        assert len(moves.held_by(view, cloud.config, "net1")[1]) == 3


def test_a_move_that_was_begun_by_a_program_that_died_ends_when_it_is_done(cloud: Cloud) -> None:
    feed = Feed(cloud.database, cloud.config)
    with cloud.database.write() as txn:
        moves.begin(txn, Move("one", "net2"))
    say(cloud, "net2", Role.ACTIVE, "one")
    moves.settle(cloud.database, cloud.config)
    assert yielding(cloud, feed) == {"net1": ["one"], "net2": []}
    with cloud.database.read() as view:
        assert moves.under_way(view, cloud.config, "one")
    say(cloud, "net1", Role.BACKUP, "one")
    moves.settle(cloud.database, cloud.config)
    assert yielding(cloud, feed) == {"net1": [], "net2": []}


def test_a_move_ends_when_its_target_dies_before_it_is_done(cloud: Cloud) -> None:
    feed = Feed(cloud.database, cloud.config)
    with cloud.database.write() as txn:
        moves.begin(txn, Move("one", "net2"))
    kill(cloud, "net2")
    moves.settle(cloud.database, cloud.config)
    assert yielding(cloud, feed) == {"net1": [], "net2": []}


NODES = ("a", "b", "c", "d")


@given(st.lists(st.sets(st.sampled_from(NODES), min_size=1), max_size=12), st.randoms(use_true_random=False))
def test_no_spread_is_more_even_than_ours(places: list[set[str]], random: object) -> None:
    """Each router stays where it is carried, and nothing that is even already moves."""
    carriers = {f"r{number}": sorted(nodes) for number, nodes in enumerate(places)}
    actives = {router: random.choice(nodes) for router, nodes in carriers.items()}  # type: ignore[attr-defined]
    after = schedule.spread(actives, carriers)
    assert after.keys() == actives.keys()
    assert all(node in carriers[router] for router, node in after.items())
    load = dict.fromkeys(NODES, 0)
    for node in after.values():
        load[node] += 1
    for router, node in after.items():
        for other in carriers[router]:
            assert load[other] >= load[node] - 1
    assert schedule.spread(after, carriers) == after
