"""The node's data plane on two throw-away hosts, from specs on their disks: no controller is ever there."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from host.node_kit import ThrowAwayHost
from host.node_specs import INSIDE, NETNS, QG, QR
from host.two_hosts import FLOATING, GATEWAY, OUTSIDE_HOST, Pair, online


@pytest.fixture(scope="module")
def hosts() -> Iterator[Pair]:
    with online() as pair:
        yield pair


def pings(host: ThrowAwayHost, namespace: str, address: str) -> bool:
    return host.succeeds(f"ip netns exec {namespace} ping -c 3 -i 0.2 -W 1 {address}")


def listen(host: ThrowAwayHost, source: str) -> "subprocess.Popen[str]":
    """A listener outside, which ends with the first ping from `source`."""
    heard = host.popen(f"timeout 10 ip netns exec outside tcpdump -l -c 1 -n -i eth0 icmp and src host {source}")
    assert heard.stdout is not None
    while "listening" not in heard.stdout.readline():
        pass
    return heard


def test_an_instance_gets_its_address_by_dhcp(hosts: Pair) -> None:
    _, vm = hosts
    script = vm.state / "lease"
    script.write_text("#!/bin/sh\nenv\n")
    script.chmod(0o755)
    said = vm.run(f"ip netns exec vm1 udhcpc -i eth0 -n -q -t 10 -T 1 -s {script} 2>&1")
    assert "lease of 192.168.80.10 obtained from 192.168.80.2" in said
    assert "router=192.168.80.1" in said
    assert "dns=192.168.80.2" in said
    assert "mtu=1450" in said


def test_the_dhcp_server_answers_for_the_instances_names(hosts: Pair) -> None:
    gw, _ = hosts
    code = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5);"
        "s.sendto(b'\\x00\\x01\\x01\\x00\\x00\\x01' + bytes(6) + b'\\x12host-192-168-80-10\\x0eopenstacklocal\\x00"
        "\\x00\\x01\\x00\\x01', ('192.168.80.2', 53)); print(s.recv(512)[-4:].hex())"
    )
    assert gw.run(f'ip netns exec qdhcp-{INSIDE} python3 -c "{code}"').strip() == "c0a8500a"


def test_an_instance_reaches_its_gateway(hosts: Pair) -> None:
    _, vm = hosts
    assert pings(vm, "vm1", GATEWAY)


def test_an_instance_with_a_floating_ip_goes_out_under_it(hosts: Pair) -> None:
    gw, vm = hosts
    heard = listen(gw, "10.0.80.110")
    assert pings(vm, "vm1", OUTSIDE_HOST)
    assert "10.0.80.110 > 10.0.80.1" in heard.communicate()[0]


def test_the_outside_reaches_an_instance_by_its_floating_ip(hosts: Pair) -> None:
    gw, _ = hosts
    assert pings(gw, "outside", FLOATING)


def test_the_inside_reaches_an_instance_by_its_floating_ip(hosts: Pair) -> None:
    """Hairpin: without a rewritten source the reply would go straight to the sender, and be dropped there."""
    _, vm = hosts
    assert pings(vm, "vm1", FLOATING)


def test_an_instance_without_a_floating_ip_goes_out_under_the_gateways_address(hosts: Pair) -> None:
    gw, vm = hosts
    vm.run("ip -n vm1 addr add 192.168.80.77/24 dev eth0")
    heard = listen(gw, "10.0.80.101")
    assert vm.succeeds(f"ip netns exec vm1 ping -c 3 -i 0.2 -W 1 -I 192.168.80.77 {OUTSIDE_HOST}")
    assert "10.0.80.101 > 10.0.80.1" in heard.communicate()[0]


def test_the_routers_legs_are_named_by_port_with_mac_and_mtu(hosts: Pair) -> None:
    gw, _ = hosts
    links = gw.run(f"ip -n {NETNS} -o link")
    assert re.search(rf"qr-{QR[:11]}@\S+ .* mtu 1450 .* link/ether fa:16:3e:00:00:01", links)
    assert re.search(rf"qg-{QG[:11]}@\S+ .* mtu 1500 .* link/ether fa:16:3e:00:00:02", links)


def test_the_switch_tells_whose_the_ports_are(hosts: Pair) -> None:
    gw, _ = hosts
    ids = gw.run("ovs-vsctl --bare --columns external_ids find interface name=hr-" + QR[:11])
    assert f"iface-id={QR}" in ids
    assert "attached-mac=" in ids


def test_a_frame_from_one_tunnel_never_goes_into_another(hosts: Pair) -> None:
    """Split horizon: a full mesh would loop without it."""
    gw, _ = hosts
    frame = "tun_id=0x3e8,dl_src=fa:16:3e:00:00:99,dl_dst=ff:ff:ff:ff:ff:ff"
    number = gw.run("ovs-vsctl get interface vxlan-c0000202 ofport").strip()
    trace = gw.run(f"ovs-appctl ofproto/trace br-tun in_port={number},{frame}")
    assert "native tunnel" not in trace
    assert "NORMAL" in trace


def test_a_frame_of_an_unknown_network_is_dropped(hosts: Pair) -> None:
    gw, _ = hosts
    frame = "tun_id=0xfff,dl_src=fa:16:3e:00:00:99,dl_dst=ff:ff:ff:ff:ff:ff"
    number = gw.run("ovs-vsctl get interface vxlan-c0000202 ofport").strip()
    assert "Datapath actions: drop" in gw.run(f"ovs-appctl ofproto/trace br-tun in_port={number},{frame}")


def test_a_restart_of_the_agent_changes_nothing_and_loses_no_packet(hosts: Pair) -> None:
    gw, vm = hosts
    before = fingerprint(gw)
    ping = vm.popen(f"ip netns exec vm1 ping -c 150 -i 0.02 -W 1 {OUTSIDE_HOST}")
    monitor = gw.popen(f"exec timeout 3 ip -n {NETNS} monitor link address route rule")
    gw.stop_agent()
    gw.start_agent()
    assert " 0% packet loss" in ping.communicate()[0]
    assert monitor.communicate()[0] == ""
    assert fingerprint(gw) == before


def test_the_agent_is_small(hosts: Pair) -> None:
    _, vm = hosts
    memory = vm.run("cat /proc/$(pgrep -f '[n]ode --config' | tail -1)/smaps_rollup")
    kibibytes = int(re.findall(r"^Pss:\s+(\d+)", memory, re.MULTILINE)[0])
    assert kibibytes < 80 * 1024


def fingerprint(host: ThrowAwayHost) -> str:
    """All of the node's state that nothing but a write changes."""
    flows = "".join(
        host.run(f"ovs-ofctl -O OpenFlow14 --no-stats dump-flows {bridge} cookie=0xf7a0000000000000/0xffff000000000000")
        for bridge in ("br-int", "br-tun", "br-ex1")
    )
    switch = host.run("ovs-vsctl -f csv --columns=_uuid,name,tag,external_ids list port")
    inside = host.run(f"ip -n {NETNS} -d addr; ip netns exec {NETNS} nft -a list table ip futago")
    leases = host.run("cat /run/futago/dhcp/*/pid; cat /proc/net/dev | wc -l")
    return flows + switch + re.sub(r"(valid|preferred)_lft \S+", "", inside) + leases
