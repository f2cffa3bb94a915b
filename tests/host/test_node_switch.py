"""The switch's database as the agent sees it, and the tunnels between two switches, on throw-away hosts."""

import threading
from collections.abc import Iterator
from typing import Self

import pytest

from futago.node.drivers.ovsdb import Ovsdb, only
from futago.node.host import HostRefused
from host.node_kit import FUTAGO, GENEROUS_SECONDS, Hosts, ThrowAwayHost, wait_until
from host.node_specs import PEER_GW, PEER_VM, VM, VM_MAC, compute_node

TWO_BRIDGES_OF_ONE_NAME = [
    {"op": "insert", "table": "Bridge", "row": {"name": "twice", "ports": ["set", []]}, "uuid-name": name}
    for name in ("one", "two")
] + [
    {
        "op": "mutate",
        "table": "Open_vSwitch",
        "where": [],
        "mutations": [["bridges", "insert", ["set", [["named-uuid", "one"], ["named-uuid", "two"]]]]],
    }
]
RENAME = [{"op": "update", "table": "Bridge", "where": [], "row": {"external_ids": ["map", [["seen", "yes"]]]}}]


@pytest.fixture
def host() -> Iterator[ThrowAwayHost]:
    with Hosts("sw") as (host,):
        yield host


class Watched:
    """A connection to a host's switch, and whether it said that something has changed."""

    def __init__(self, host: ThrowAwayHost) -> None:
        self.changed = threading.Event()
        where = f"unix:/proc/{host.init}/root/run/openvswitch/db.sock"
        self.ovsdb = Ovsdb(where, on_change=self.changed.set)

    def __enter__(self) -> Self:
        self.ovsdb.start()
        self.wait_for_news()
        return self

    def __exit__(self, *_: object) -> None:
        self.ovsdb.close()

    def wait_for_news(self) -> None:
        assert self.changed.wait(GENEROUS_SECONDS)
        self.changed.clear()

    def bridges(self) -> set[str]:
        return {row["name"] for row in self.ovsdb.table("Bridge").values()}


@pytest.fixture
def switch(host: ThrowAwayHost) -> Iterator[Watched]:
    with Watched(host) as watched:
        yield watched


def test_what_others_do_is_mirrored_and_told(host: ThrowAwayHost, switch: Watched) -> None:
    host.run("ovs-vsctl add-br br-new -- set bridge br-new datapath_type=netdev fail_mode=secure other_config:x=y")
    assert switch.ovsdb.wait_for(lambda: switch.bridges() == {"br-new"}, GENEROUS_SECONDS)
    switch.wait_for_news()
    (row,) = switch.ovsdb.table("Bridge").values()
    assert only(row["fail_mode"]) == "secure"
    assert set(row["ports"]) == switch.ovsdb.table("Port").keys()
    host.run("ovs-vsctl del-br br-new")
    assert switch.ovsdb.wait_for(lambda: not switch.ovsdb.table("Interface"), GENEROUS_SECONDS)


def test_a_change_is_in_the_mirror_when_it_is_done(host: ThrowAwayHost, switch: Watched) -> None:
    host.run("ovs-vsctl add-br br-new -- set bridge br-new datapath_type=netdev")
    switch.ovsdb.commit(RENAME, GENEROUS_SECONDS)
    (row,) = switch.ovsdb.table("Bridge").values()
    assert row["external_ids"] == {"seen": "yes"}


def test_a_refused_change_says_why_and_changes_nothing(switch: Watched) -> None:
    with pytest.raises(HostRefused, match=r"constraint violation: .*twice"):
        switch.ovsdb.commit(TWO_BRIDGES_OF_ONE_NAME, GENEROUS_SECONDS)
    assert switch.bridges() == set()


def test_a_switch_that_does_not_follow_its_database_is_told_of(host: ThrowAwayHost, switch: Watched) -> None:
    host.run("ovs-vsctl add-br br-new -- set bridge br-new datapath_type=netdev")
    host.kill_switch("ovs-vswitchd")
    with pytest.raises(HostRefused, match="is it running"):
        switch.ovsdb.commit(RENAME, 0.2)
    host.start_vswitchd()
    switch.wait_for_news()
    switch.ovsdb.commit(RENAME, GENEROUS_SECONDS)


def test_a_database_that_is_away_is_told_of_and_found_again(host: ThrowAwayHost, switch: Watched) -> None:
    host.run("ovs-vsctl add-br br-one -- set bridge br-one datapath_type=netdev")
    host.kill_switch("ovsdb-server")
    assert switch.ovsdb.wait_for(lambda: not switch.ovsdb.synced, GENEROUS_SECONDS)
    with pytest.raises(HostRefused, match="does not answer"):
        switch.ovsdb.table("Bridge")
    with pytest.raises(HostRefused, match="does not answer"):
        switch.ovsdb.commit(RENAME, GENEROUS_SECONDS)
    switch.changed.clear()
    host.start_database()
    host.run("ovs-vsctl --no-wait del-br br-one -- add-br br-two")
    switch.wait_for_news()
    assert switch.ovsdb.wait_for(lambda: switch.bridges() == {"br-two"}, GENEROUS_SECONDS)


def test_a_connection_that_never_was_ends_at_once(host: ThrowAwayHost) -> None:
    ovsdb = Ovsdb(f"unix:{host.state}/no.sock")
    ovsdb.start()
    with pytest.raises(HostRefused, match="does not answer"):
        ovsdb.commit(RENAME, GENEROUS_SECONDS)
    ovsdb.close()


def test_an_instance_is_wired_after_the_database_was_started_anew(host: ThrowAwayHost) -> None:
    host.write_config()
    host.save_specs(compute_node())
    host.start_agent()
    wait_until(lambda: host.succeeds("ovs-vsctl br-exists br-int"), "the bridge is there")
    host.kill_switch("ovsdb-server")
    wait_until(lambda: "switch database lost" in host.agent_log(), "the agent has noticed")
    host.start_database()
    host.run("ip netns add vm1")
    host.run(f"{FUTAGO} port plug {VM} --netns vm1 --mac {VM_MAC}")
    wait_until(lambda: host.run(f"ovs-vsctl get port tap{VM[:11]} tag").strip() == "1", "the instance is wired")


def test_tunnels_are_warm_without_any_traffic_of_tenants() -> None:
    """The first frame into a tunnel may be a new active's announcement: its far end must be known by then."""
    with Hosts("gw", "vm") as (gw, vm):
        for host, peer in ((gw, PEER_VM), (vm, PEER_GW)):
            host.write_config()
            host.save_specs([peer])
            host.start_agent()
        for host, peer in ((gw, PEER_VM), (vm, PEER_GW)):
            wait_until(lambda host=host: "Local Session State: up" in bfd(host), f"BFD is up on {host.name}")
            assert str(peer.tunnel_address) in host.run("ovs-appctl tnl/neigh/show")


def bfd(host: ThrowAwayHost) -> str:
    return host.run("ovs-appctl bfd/show", check=False)
