"""IPv6 on two throw-away hosts, from specs on their disks: a router without election, and DHCPv6 with a real client."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from futago.contract.advertisement import AdvertisedPrefix, Advertisement
from futago.contract.specs import DhcpHost, DhcpSpec, DhcpSubnet, RouterSpec, Spec, StaticRoute
from futago.values import IPv6Address, IPv6Interface, IPv6Network
from host.node_kit import FUTAGO, Hosts, ThrowAwayHost, wait_until
from host.node_specs import DHCP, INSIDE, NETNS, QG, QR, VM, VM_MAC, compute_node, dhcp, gateway_node, router

OUTSIDE_HOST, VM_ADDRESS, LEASED = "2001:db8:80::99", "2001:db8:1::10", "2001:db8:2::10"
QR_NAME, QG_NAME, TAP = f"qr-{QR[:11]}", f"qg-{QG[:11]}", f"tap{DHCP[:11]}"
Pair = tuple[ThrowAwayHost, ThrowAwayHost]


def dual_stack_router() -> RouterSpec:
    """Its next hop outside is a link-local one."""
    plain = router(ha=False)
    (inner,), outer = plain.interfaces, plain.gateway
    assert outer is not None
    told = Advertisement(
        managed=False,
        other=False,
        mtu=1450,
        prefixes=(AdvertisedPrefix(prefix=IPv6Network("2001:db8:1::/64"), autonomous=True),),
    )
    inner = replace(inner, addresses=(*inner.addresses, IPv6Interface("2001:db8:1::1/64")), advertisement=told)
    port = replace(outer.port, addresses=(*outer.port.addresses, IPv6Interface("2001:db8:80::101/64")))
    hops = (*outer.next_hops, IPv6Address("fe80::99"))
    beyond = StaticRoute(destination=IPv6Network("2001:db8:77::/48"), next_hop=IPv6Address("2001:db8:1::77"))
    return replace(plain, interfaces=(inner,), gateway=replace(outer, port=port, next_hops=hops), routes=(beyond,))


def dual_stack_dhcp() -> DhcpSpec:
    plain = dhcp()
    subnet = DhcpSubnet(
        subnet_id="66666666-aaaa-4000-8000-000000000006",
        cidr=IPv6Network("2001:db8:2::/64"),
        gateway=None,
        dns_servers=(IPv6Address("2001:db8::53"),),
        routes=(),
    )
    return replace(
        plain,
        addresses=(*plain.addresses, IPv6Interface("2001:db8:2::2/64")),
        subnets=(*plain.subnets, subnet),
        hosts=(*plain.hosts, DhcpHost(mac=VM_MAC, address=IPv6Address(LEASED), hostname="vm1")),
    )


def gateway() -> list[Spec]:
    changed = {spec.key: spec for spec in (dual_stack_router(), dual_stack_dhcp())}
    return [changed.get(spec.key, spec) for spec in gateway_node()]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Pair]:
    with Hosts("gw", "vm") as (gw, vm):
        gw.add_provider("br-ex1", "outside", "10.0.80.1/24")
        gw.run("ip -n outside addr add fe80::99/64 dev eth0 nodad")
        gw.run(f"ip -n outside addr add {OUTSIDE_HOST}/64 dev eth0 nodad")
        gw.run("ip -n outside route add 2001:db8:1::/64 via 2001:db8:80::101")
        gw.write_config(roles='["l3", "dhcp"]', bridge_mappings='{external1 = "br-ex1"}', resync_seconds=2.0)
        gw.save_specs(gateway())
        vm.write_config()
        vm.save_specs(compute_node())
        gw.start_agent()
        vm.start_agent()
        wait_until(lambda: vm.succeeds("ovs-vsctl br-exists br-int"), "the compute node has its bridge")
        vm.run("ip netns add vm1 && ip -n vm1 link set lo up")
        vm.run(f"{FUTAGO} port plug {VM} --netns vm1 --ifname eth0 --mac {VM_MAC} --mtu 1450")
        vm.run(f"ip -n vm1 addr add {VM_ADDRESS}/64 dev eth0 nodad")
        wait_until(lambda: pings(vm, OUTSIDE_HOST), "the instance is online, by the route that it was told of")
        yield gw, vm


def pings(vm: ThrowAwayHost, address: str) -> bool:
    return vm.succeeds(f"ip netns exec vm1 ping -6 -c1 -W1 {address}")


def addresses(host: ThrowAwayHost, namespace: str, interface: str) -> set[str]:
    words = host.run(f"ip -n {namespace} -6 -o addr show dev {interface}").split()
    return {word for word in words if "/" in word}


def test_a_router_s_legs_have_their_addresses_at_once_and_a_link_local_one(hosts: Pair) -> None:
    gw, _ = hosts
    assert addresses(gw, NETNS, QR_NAME) == {"2001:db8:1::1/64", "fe80::f816:3eff:fe00:1/64"}
    assert addresses(gw, NETNS, QG_NAME) == {"2001:db8:80::101/64", "fe80::f816:3eff:fe00:2/64"}
    assert "tentative" not in gw.run(f"ip -n {NETNS} -6 addr")


def test_routes_lead_out_by_a_link_local_next_hop_and_to_what_is_behind_a_host(hosts: Pair) -> None:
    gw, _ = hosts
    routes = gw.run(f"ip -n {NETNS} -6 route")
    assert f"default via fe80::99 dev {QG_NAME} proto 70" in routes
    assert f"2001:db8:77::/48 via 2001:db8:1::77 dev {QR_NAME} proto 70" in routes


def test_outside_and_inside_reach_each_other_without_translation(hosts: Pair) -> None:
    gw, vm = hosts
    assert gw.succeeds(f"ip netns exec outside ping -6 -c1 -W1 {VM_ADDRESS}")
    heard = gw.popen(f"timeout 10 ip netns exec outside tcpdump -l -c 1 -n -i eth0 'icmp6 and src host {VM_ADDRESS}'")
    assert heard.stdout is not None
    while "listening" not in heard.stdout.readline():
        pass
    assert pings(vm, OUTSIDE_HOST)
    assert f"{VM_ADDRESS} > {OUTSIDE_HOST}" in heard.communicate()[0]


def test_an_agent_that_comes_back_puts_what_is_missing_and_touches_nothing_else(hosts: Pair) -> None:
    gw, _ = hosts
    changes = f"{gw.state}/changes"
    gw.stop_agent()
    gw.run(f"timeout 600 ip -n {NETNS} -6 monitor address route > {changes} 2>&1 < /dev/null &")
    wait_until(lambda: gw.succeeds(f"pgrep -f 'ip -n {NETNS} -6 monitor'"), "the monitor runs")
    gw.run(f"ip -n {NETNS} addr del 2001:db8:80::101/64 dev {QG_NAME}")
    gw.start_agent()
    wait_until(lambda: "2001:db8:80::101/64" in addresses(gw, NETNS, QG_NAME), "the address is back")
    wait_until(lambda: gw.run(f"cat {changes}").count("inet6 2001:db8:80::101/64") == 2, "both changes were seen")
    told = gw.run(f"cat {changes}")
    assert not any(other in told for other in ("2001:db8:1::", "2001:db8:77::", "default", "fe80::f816")), told


def test_what_has_no_ipv6_address_says_nothing_over_ipv6(hosts: Pair) -> None:
    gw, _ = hosts
    settings = gw.run(
        f"ip netns exec {NETNS} sysctl -n net.ipv6.conf.default.disable_ipv6 net.ipv6.conf.lo.disable_ipv6"
    )
    assert settings.split() == ["1", "1"]


def test_an_instance_gets_its_lease_by_dhcpv6(hosts: Pair) -> None:
    gw, vm = hosts
    assert addresses(gw, f"qdhcp-{INSIDE}", TAP) == {"2001:db8:2::2/64", "fe80::f816:3eff:fe00:4/64"}
    script = vm.state / "lease6"
    script.write_text("#!/bin/sh\nenv | grep new_\n")
    script.chmod(0o755)
    client = f"dhclient -6 -1 -v -sf {script} -lf {vm.state}/leases6 -pf {vm.state}/pid6 eth0"
    said = vm.run(
        f"ip netns exec vm1 timeout 60 {client} 2>&1; ip netns exec vm1 dhclient -6 -x -pf {vm.state}/pid6 || true",
        seconds=90,
    )
    assert f"new_ip6_address={LEASED}" in said, said
    assert "new_dhcp6_name_servers=2001:db8::53" in said
    assert "new_dhcp6_domain_search=openstacklocal." in said


def test_the_agent_tells_hosts_of_a_router_without_election(hosts: Pair) -> None:
    _, vm = hosts
    said = vm.run("ip netns exec vm1 rdisc6 -1 -r 5 -w 5000 eth0", seconds=60)
    assert "2001:db8:1::/64" in said
    assert "from fe80::f816:3eff:fe00:1" in said
