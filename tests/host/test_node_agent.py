"""The agent with a controller and the VRRP engine: joining, changes, reports, elections, sweeping."""

import json
import re
from collections.abc import Iterator

import msgspec
import pytest

from futago.contract.codec import decode
from futago.contract.report import NodeFacts
from futago.contract.specs import DhcpHost, DhcpSpec, PeerSpec, RouterSpec
from futago.node.features.tunnels import tunnel_name
from futago.node.host import LEARNED_COOKIE
from futago.values import IPv4Address, Mac, NetworkType, Role
from host.node_kit import FUTAGO, Hosts, ThrowAwayHost, wait_until
from host.node_specs import (
    DHCP,
    HA,
    HA_NET,
    INSIDE,
    NETNS,
    OUTSIDE,
    PEER_VM,
    QG,
    QR,
    VM,
    VM_MAC,
    dhcp,
    gateway_node,
    network,
    port,
    router,
)

VRRPD = f"{FUTAGO} vrrpd --socket {{state}}/vrrpd.sock --state /run/vrrpd.json >/dev/null 2>&1 &"


@pytest.fixture
def node() -> Iterator[ThrowAwayHost]:
    """A network node with a controller of its own and a running agent, and nothing to do yet."""
    with Hosts("gw") as (host,):
        host.add_provider("br-ex1", "outside", "10.0.80.1/24")
        host.write_config(roles='["l3", "dhcp"]', bridge_mappings='{external1 = "br-ex1"}', heartbeat_seconds=1.0)
        host.start_controller()
        host.start_agent()
        wait_until((host.state / "facts").exists, "the agent has introduced itself")
        yield host


def test_a_node_joins_and_says_what_it_is(node: ThrowAwayHost) -> None:
    facts = decode((node.state / "facts").read_bytes(), NodeFacts)
    assert facts.roles == ("l3", "dhcp")
    assert facts.bridge_mappings == {"external1": "br-ex1"}
    assert facts.datapath_type == "netdev"
    assert (node.state / "credential").stat().st_mode & 0o777 == 0o600


def test_a_router_without_election_is_wired_soon_and_reported(node: ThrowAwayHost) -> None:
    wait_until(lambda: node.succeeds("ovs-vsctl br-exists br-int"), "the bridges are there")
    node.give(gateway_node(), revision=1)
    report = node.wait_for_revision(1)
    assert {QR, QG, DHCP} <= set(report.ports_up)
    assert report.failures == ()


def test_a_new_floating_ip_touches_nothing_else(node: ThrowAwayHost) -> None:
    node.give(gateway_node(), revision=1)
    node.wait_for_revision(1)
    ages = flow_ages(node)
    more = router(ha=False, floating=(("10.0.80.110", "192.168.80.10"), ("10.0.80.111", "192.168.80.11")))
    node.give([spec for spec in gateway_node() if not isinstance(spec, RouterSpec)] + [more], revision=2)
    node.wait_for_revision(2)
    assert "10.0.80.111 : 192.168.80.11" in node.run(f"ip netns exec {NETNS} nft list table ip futago")
    assert "10.0.80.111/32" in node.run(f"ip -n {NETNS} addr")
    assert all(new >= old for new, old in zip(flow_ages(node), ages, strict=True))


def test_what_is_no_longer_wanted_goes_and_what_is_others_stays(node: ThrowAwayHost) -> None:
    node.run("ip netns add qrouter-of-somebody-else && ovs-vsctl --may-exist add-br br-other")
    node.give(gateway_node(), revision=1)
    node.wait_for_revision(1)
    node.run("ovs-ofctl add-flow br-int cookie=0x5,priority=1,in_port=77,actions=drop")
    node.give([], revision=2)
    node.wait_for_revision(2)
    assert node.run("ip netns list | cut -d' ' -f1 | sort").split() == ["outside", "qrouter-of-somebody-else"]
    assert not re.search(r"h[rghd]-|vxlan-", node.run("ovs-vsctl show; ip link"))
    assert not node.succeeds("ps -C dnsmasq -o stat= | grep -v Z")
    assert node.run("ls /run/futago/dhcp") == ""
    assert "cookie=0x5" in node.run("ovs-ofctl dump-flows br-int")


def test_what_was_unwanted_while_the_agent_was_away_goes_when_it_is_back(node: ThrowAwayHost) -> None:
    node.give(gateway_node(), revision=1)
    node.wait_for_revision(1)
    assert node.stop_agent() == 0
    node.give([], revision=2)
    node.start_agent()
    node.wait_for_revision(2)
    assert "qrouter" not in node.run("ip netns list")


def test_what_is_ours_and_not_wanted_goes_though_nobody_remembers_it(node: ThrowAwayHost) -> None:
    """A router that has an election now and no gateway; it had neither, and a provider bridge, before a restart."""
    node.give(gateway_node(), revision=1)
    node.wait_for_revision(1)
    node.stop_agent()
    node.write_config(roles='["l3", "dhcp"]', heartbeat_seconds=1.0)
    (node.state / "specs.json").unlink()
    node.run(f"ip -n {NETNS} addr add 10.9.9.9/32 dev qr-{QR[:11]}")
    without = msgspec.structs.replace(router(ha=True), gateway=None, floating_ips=())
    node.give([*(spec for spec in gateway_node() if not isinstance(spec, RouterSpec)), without], revision=2)
    node.start_agent()
    node.wait_for_revision(2)
    assert "table ip futago" not in node.run(f"ip netns exec {NETNS} nft list tables")
    assert "192.168.80.1/24" not in node.run(f"ip -n {NETNS} addr")
    assert "10.9.9.9/32" in node.run(f"ip -n {NETNS} addr")
    wait_until(lambda: "0xf7a0" not in node.run("ovs-ofctl dump-flows br-ex1"), "no flow of ours is on the bridge")
    assert "phy-br-ex1" not in node.run("ovs-vsctl show")


def test_a_missing_provider_bridge_is_reported_and_holds_up_nothing_else(node: ThrowAwayHost) -> None:
    node.stop_agent()
    node.write_config(
        roles='["l3", "dhcp"]', bridge_mappings='{external1 = "br-ex1", external2 = "br-ex2"}', heartbeat_seconds=1.0
    )
    node.give(gateway_node(), revision=1)
    node.start_agent()
    report = node.wait_for_revision(1)
    assert {QR, QG, DHCP} <= set(report.ports_up)
    assert "bridge br-ex2 does not exist" in report.failures[0].message
    node.run("ovs-vsctl add-br br-ex2 -- set bridge br-ex2 datapath_type=netdev")
    wait_until(lambda: node.last_report().failures == (), "the failure is over")


def test_a_new_lease_is_given_by_the_same_server(node: ThrowAwayHost) -> None:
    """dnsmasq reads its hosts again, as the user that it has become; it is not started anew."""
    node.give(gateway_node(), revision=1)
    node.wait_for_revision(1)
    server = node.run("cat /run/futago/dhcp/*/pid")
    guest = DhcpHost(mac=Mac("fa:16:3e:00:00:77"), address=IPv4Address("192.168.80.77"), hostname="guest")
    more = msgspec.structs.replace(dhcp(), hosts=(*dhcp().hosts, guest))
    node.give([more if isinstance(spec, DhcpSpec) else spec for spec in [*gateway_node(), port()]], revision=2)
    node.wait_for_revision(2)
    node.run("ip netns add vm1")
    node.run(f"{FUTAGO} port plug {VM} --netns vm1 --mac {guest.mac}")
    wait_until(lambda: VM in node.last_report().ports_up, "the port is wired")
    said = node.run("ip netns exec vm1 udhcpc -i eth0 -n -q -t 10 -T 1 -s /bin/true 2>&1")
    assert "lease of 192.168.80.77 obtained" in said
    assert node.run("cat /run/futago/dhcp/*/pid") == server


def test_a_dhcp_server_that_died_is_started_again(node: ThrowAwayHost) -> None:
    """By whichever agent there is: the one that started it, and one that found it running."""
    node.give(gateway_node(), revision=1)
    node.wait_for_revision(1)
    for _ in range(2):
        server = node.run("cat /run/futago/dhcp/*/pid")
        node.run(f"kill -9 {server}")
        # Long before the whole host would be looked at again by itself.
        wait_until(lambda server=server: node.run("cat /run/futago/dhcp/*/pid") != server, "another server runs")
        node.stop_agent()
        node.start_agent()
        wait_until(lambda: node.last_report().revision == 1, "the agent is back")


def test_without_a_controller_everything_stays_and_with_one_it_goes_on(node: ThrowAwayHost) -> None:
    node.give(gateway_node(), revision=1)
    node.wait_for_revision(1)
    node.stop_controller()
    node.stop_agent()
    node.start_agent()
    wait_until(lambda: "controller not reachable" in node.agent_log(), "the controller is missed")
    assert node.succeeds(f"ip netns exec {NETNS} nft list table ip futago")
    node.start_controller()
    node.give(gateway_node()[:3], revision=5)
    node.wait_for_revision(5)
    assert "qrouter" not in node.run("ip netns list")


def test_a_node_that_reboots_comes_back_without_a_controller(node: ThrowAwayHost) -> None:
    """What a reboot takes: processes, namespaces, links, flows, /run. What it leaves: the disk, with the database."""
    node.give(gateway_node(), revision=1)
    node.wait_for_revision(1)
    node.stop_controller()
    node.stop_agent()
    node.run("kill -9 $(cat /run/openvswitch/ovs-vswitchd.pid) $(cat /run/futago/dhcp/*/pid)")
    node.run("for name in $(ip netns list | grep -o '^q[^ ]*'); do ip netns del $name; done; rm -r /run/futago")
    wait_until(lambda: not re.search(r"\bh[rgd]-", node.run("ip -o link")), "the links are gone")
    node.start_vswitchd()
    node.start_agent()
    wait_until(lambda: node.succeeds("ip netns exec outside ping -c1 -W1 10.0.80.101"), "the router answers")
    wait_until(lambda: node.succeeds("kill -0 $(cat /run/futago/dhcp/*/pid)"), "the DHCP server runs")


def test_a_node_that_the_controller_does_not_know_any_more_joins_again(node: ThrowAwayHost) -> None:
    node.stop_agent()
    (node.state / "credential").write_text("of-another-time")
    node.start_agent()
    node.give(gateway_node(), revision=1)
    node.wait_for_revision(1)
    assert (node.state / "credential").read_text() == "known-node"


def test_another_controller_is_asked_when_one_fails(node: ThrowAwayHost) -> None:
    node.stop_agent()
    config = node.state / "node.toml"
    config.write_text(config.read_text().replace('["http', '["http://127.0.0.1:1", "http'))
    node.give(gateway_node(), revision=1)
    node.start_agent()
    node.wait_for_revision(1)


def test_a_plugged_port_is_wired_and_reported_at_once(node: ThrowAwayHost) -> None:
    node.give([network(INSIDE, NetworkType.VXLAN, 1000), port()], revision=1)
    node.wait_for_revision(1)
    assert node.last_report().ports_up == ()
    node.run("ip netns add vm1")
    plug = f"{FUTAGO} port plug {VM} --netns vm1 --ifname eth0 --mac {VM_MAC} --mtu 1450"
    node.run(plug)
    wait_until(lambda: node.last_report().ports_up == (VM,), "the port is reported")
    node.run(plug)
    assert node.run(f"ovs-vsctl get port tap{VM[:11]} tag").strip() == "1"
    node.run(f"{FUTAGO} port unplug {VM}")
    wait_until(lambda: node.last_report().ports_up == (), "the port is reported as gone")
    assert f"tap{VM[:11]}" not in node.run("ip link; ovs-vsctl show")


def test_a_port_that_nobody_knows_hears_nothing(node: ThrowAwayHost) -> None:
    """A port of the integration bridge without a tag would see the frames of every network."""
    node.give([], revision=1)
    node.wait_for_revision(1)
    node.run("ip netns add vm1")
    node.run(f"{FUTAGO} port plug {VM} --netns vm1 --ifname eth0 --mac {VM_MAC}")
    node.run(f"ovs-vsctl clear port tap{VM[:11]} tag")
    wait_until(lambda: node.run(f"ovs-vsctl get port tap{VM[:11]} tag").strip() == "4095", "it has the dead VLAN")


def test_a_router_is_elected_for_once_it_is_wired_and_its_role_is_reported(node: ThrowAwayHost) -> None:
    node.run(VRRPD.format(state=node.state))
    node.give(gateway_node(ha=True), revision=1)
    report = node.wait_for_revision(1)
    assert {QR, QG, HA} <= set(report.ports_up)
    wait_until(lambda: roles(node) == [Role.ACTIVE], "it is active")
    addresses = json.loads(node.run(f"ip -n {NETNS} -j addr"))
    found = {one["local"] for link in addresses for one in link["addr_info"] if link["ifname"] != "lo"}
    assert found == {"169.254.192.1", "192.168.80.1", "10.0.80.101", "10.0.80.110"}


def test_a_peer_that_the_switch_refuses_holds_up_no_election_and_no_other_peer(node: ThrowAwayHost) -> None:
    node.run(VRRPD.format(state=node.state))
    bad = PeerSpec(node="bad", tunnel_address=IPv4Address("224.0.0.5"))
    inside = network(INSIDE, NetworkType.VXLAN, 1000, "bad", "vm")
    others = [spec for spec in gateway_node(ha=True) if spec.key != inside.key]
    node.give([bad, inside, *others], revision=1)
    wait_until(lambda: roles(node) == [Role.ACTIVE], "it is active")
    assert [failure.key for failure in node.last_report().failures] == [bad.key]
    floods = node.run("ovs-ofctl -O OpenFlow14 --names --no-stats dump-flows br-tun table=22,dl_vlan=1")
    assert re.findall(r"output:\"?(\S+?)\"?$", floods.strip()) == [tunnel_name("vxlan", PEER_VM.tunnel_address)]


def test_a_network_does_not_get_the_vlan_of_one_that_has_just_gone(node: ThrowAwayHost) -> None:
    """What was learned of the old one would send the new one's frames into it: to another tenant."""
    others = [network(HA_NET, NetworkType.VXLAN, 1001), network(OUTSIDE, NetworkType.VXLAN, 1002)]
    node.give([network(INSIDE, NetworkType.VXLAN, 1000), others[0]], revision=1)
    node.wait_for_revision(1)
    for vlan, key in ((1, 1000), (2, 1001)):
        learned = f"cookie=0x{LEARNED_COOKIE:x},table=20,vlan_tci={vlan}/0xfff,dl_dst=fa:16:3e:00:00:99"
        node.run(f"ovs-ofctl add-flow br-tun '{learned},actions=load:0->NXM_OF_VLAN_TCI[],load:{key}->NXM_NX_TUN_ID[]'")
    node.give(others[:1], revision=2)
    node.wait_for_revision(2)
    assert re.findall(r"load:(0x\w+)->NXM_NX_TUN_ID", node.run("ovs-ofctl dump-flows br-tun table=20")) == ["0x3e9"]
    node.give(others, revision=3)
    node.wait_for_revision(3)
    tags = re.findall(r"tun_id=(\w+) .*set_field:(\d+)->", node.run("ovs-ofctl -OOpenFlow14 dump-flows br-tun table=4"))
    assert sorted(tags) == [("0x3e9", "4098"), ("0x3ea", "4099")]


def test_a_restart_of_the_agent_changes_no_role(node: ThrowAwayHost) -> None:
    node.run(VRRPD.format(state=node.state))
    node.give(gateway_node(ha=True), revision=1)
    wait_until(lambda: roles(node) == [Role.ACTIVE], "it is active")
    since = node.last_report().roles[0].since
    node.stop_agent()
    seen = node.reports()
    node.start_agent()
    wait_until(lambda: node.reports() > seen + 2, "the agent reports again")
    assert [(role.role, role.since) for role in node.last_report().roles] == [(Role.ACTIVE, since)]


def test_a_removed_router_is_elected_for_no_more(node: ThrowAwayHost) -> None:
    node.run(VRRPD.format(state=node.state))
    node.give(gateway_node(ha=True), revision=1)
    wait_until(lambda: roles(node) == [Role.ACTIVE], "it is active")
    node.give([network(HA_NET, NetworkType.VXLAN, 1001)], revision=2)
    node.wait_for_revision(2)
    assert roles(node) == []
    assert NETNS not in node.run("ip netns list")


def test_an_engine_that_comes_late_is_told(node: ThrowAwayHost) -> None:
    node.give(gateway_node(ha=True), revision=1)
    node.wait_for_revision(1)
    wait_until(lambda: "is `futago vrrpd` running?" in str(node.last_report().failures), "its absence is reported")
    node.run(VRRPD.format(state=node.state))
    wait_until(lambda: roles(node) == [Role.ACTIVE], "it is active")
    wait_until(lambda: node.last_report().failures == (), "nothing fails any more")


def test_a_router_that_is_administratively_down_is_quiet_and_comes_back(node: ThrowAwayHost) -> None:
    node.run(VRRPD.format(state=node.state))
    down = msgspec.structs.replace(router(ha=True), admin_state_up=False)
    others = [spec for spec in gateway_node() if not isinstance(spec, RouterSpec)]
    node.give([*others, router(ha=True)], revision=1)
    wait_until(lambda: roles(node) == [Role.ACTIVE], "it is active")
    node.give([*others, down], revision=2)
    node.wait_for_revision(2)
    assert roles(node) == []
    assert "state UP" not in node.run(f"ip -n {NETNS} link show qr-{QR[:11]}")
    node.give([*others, router(ha=True)], revision=3)
    wait_until(lambda: roles(node) == [Role.ACTIVE], "it is active again")


def test_a_replica_that_is_not_active_transmits_nothing(node: ThrowAwayHost) -> None:
    """One frame with the router's MAC from the wrong node would teach every switch the wrong way."""
    node.give(gateway_node(ha=True), revision=1)
    node.wait_for_revision(1)
    node.run("ip netns exec outside ping -c 5 -i 0.2 -W 1 10.0.80.101 >/dev/null; true")
    sent = {
        link["ifname"]: link["stats64"]["tx"]["packets"]
        for link in json.loads(node.run(f"ip -n {NETNS} -s -j link"))
        if link["ifname"].startswith(("qr-", "qg-"))
    }
    assert sent == {f"qr-{QR[:11]}": 0, f"qg-{QG[:11]}": 0}


def roles(host: ThrowAwayHost) -> list[Role]:
    return [role.role for role in host.last_report().roles]


def flow_ages(host: ThrowAwayHost) -> list[float]:
    """The seconds since each of the integration bridge's flows was written."""
    flows = host.run("ovs-ofctl -O OpenFlow14 dump-flows br-int cookie=0xf7a0000000000000/0xffff000000000000")
    return [float(age) for age in re.findall(r"duration=([0-9.]+)s", flows)]
