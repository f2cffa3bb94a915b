"""Routers and DHCP servers over IPv6, beside IPv4 or alone."""

from msgspec.structs import replace

from futago.contract.advertisement import AdvertisedPrefix, Advertisement
from futago.contract.specs import DhcpHost, DhcpSpec, DhcpSubnet, RouterSpec
from futago.node.features.compose import host_state
from futago.node.features.dhcp import render_config, render_hosts, render_names, render_options
from futago.node.features.ha import elections
from futago.node.features.nat import render
from futago.node.features.uplinks import uplinks
from futago.node.host import Layer3
from futago.values import IPv4Address, IPv6Address, IPv6Interface, IPv6Network
from futago.vrrp.config import AdvertisedLink, VirtualAddress
from host.node_specs import DHCP, QG, QR, VM_MAC, dhcp, gateway_node, router
from unit.node.kit import PLACE, VLANS, golden, specs_of

QR_NAME, QG_NAME = f"qr-{QR[:11]}", f"qg-{QG[:11]}"
QR_LINK_LOCAL, QG_LINK_LOCAL = "fe80::f816:3eff:fe00:1/64", "fe80::f816:3eff:fe00:2/64"
TOLD = Advertisement(
    managed=False,
    other=True,
    mtu=1450,
    prefixes=(AdvertisedPrefix(prefix=IPv6Network("2001:db8:1::/64"), autonomous=True),),
)


def dual_stack(*, ha: bool = True) -> RouterSpec:
    plain = router(ha=ha)
    (inner,), outer = plain.interfaces, plain.gateway
    assert outer is not None
    inner_v6 = replace(inner, addresses=(*inner.addresses, IPv6Interface("2001:db8:1::1/64")), advertisement=TOLD)
    outer_v6 = replace(outer.port, addresses=(*outer.port.addresses, IPv6Interface("2001:db8:80::101/64")))
    hops = (*outer.next_hops, IPv6Address("fe80::1"))
    return replace(plain, interfaces=(inner_v6,), gateway=replace(outer, port=outer_v6, next_hops=hops))


def ipv6_addresses(spec: RouterSpec) -> set[tuple[str, str]]:
    (config,) = elections(specs_of([spec]), VLANS).values()
    return {(one.interface, str(one.address)) for one in config.addresses if one.address.version == 6}


def test_the_engine_is_told_of_ipv6_addresses_with_a_link_local_one_for_each_leg() -> None:
    """It is the active's alone, and the same wherever that is."""
    assert ipv6_addresses(dual_stack()) == {
        (QR_NAME, "2001:db8:1::1/64"),
        (QR_NAME, QR_LINK_LOCAL),
        (QG_NAME, "2001:db8:80::101/64"),
        (QG_NAME, QG_LINK_LOCAL),
    }


def test_where_instances_ask_who_they_are_is_the_active_s_and_comes_last() -> None:
    """The first link-local address of a leg is what it speaks from; who does not answer has none."""
    plain = dual_stack()
    spec = replace(plain, interfaces=tuple(replace(one, asked_over_ipv6=True) for one in plain.interfaces))
    (config,) = elections(specs_of([spec]), VLANS, metadata=True).values()
    (without,) = elections(specs_of([spec]), VLANS).values()
    asked = VirtualAddress(interface=QR_NAME, address=IPv6Interface("fe80::a9fe:a9fe/128"))
    assert config.addresses == (*without.addresses, asked)
    assert asked not in without.addresses


def test_a_router_without_ipv6_has_no_link_local_address() -> None:
    assert ipv6_addresses(router(ha=True)) == set()


def test_there_is_a_default_route_of_each_family() -> None:
    (config,) = elections(specs_of([dual_stack()]), VLANS).values()
    assert {(str(one.destination), str(one.next_hop), one.interface) for one in config.routes} == {
        ("0.0.0.0/0", "10.0.80.1", QG_NAME),
        ("::/0", "fe80::1", QG_NAME),
    }


def test_the_engine_tells_hosts_what_the_leg_says() -> None:
    (config,) = elections(specs_of([dual_stack()]), VLANS).values()
    assert config.links == (AdvertisedLink(interface=QR_NAME, advertisement=TOLD),)


def test_a_router_without_election_has_its_ipv6_addresses_and_routes_itself() -> None:
    state = host_state(specs_of([*gateway_node(), dual_stack(ha=False)]), VLANS, PLACE)
    layer3 = {one.element.interface: one.element for one in state.elements.values() if isinstance(one.element, Layer3)}
    outer = layer3[QG_NAME]
    assert {str(one) for one in outer.addresses if one.version == 6} == {"2001:db8:80::101/64", QG_LINK_LOCAL}
    assert {str(one.next_hop) for one in outer.routes} == {"10.0.80.1", "fe80::1"}


def test_of_a_router_without_election_the_agent_tells_hosts() -> None:
    (told,) = host_state(specs_of([*gateway_node(), dual_stack(ha=False)]), VLANS, PLACE).hosts_told
    assert told.links == (AdvertisedLink(interface=QR_NAME, advertisement=TOLD),)
    assert QR_LINK_LOCAL in {str(one.address) for one in told.addresses}
    assert host_state(specs_of([*gateway_node(), dual_stack(ha=True)]), VLANS, PLACE).hosts_told == ()
    down = replace(dual_stack(ha=False), admin_state_up=False)
    assert host_state(specs_of([*gateway_node(), down]), VLANS, PLACE).hosts_told == ()


def test_nothing_is_translated_over_ipv6() -> None:
    both, plain = dual_stack(), router(ha=True)
    assert both.gateway is not None
    assert plain.gateway is not None
    assert render(both, both.gateway) == render(plain, plain.gateway)


def test_a_router_that_leads_out_over_ipv6_only_translates_nothing() -> None:
    spec = dual_stack()
    assert spec.gateway is not None
    port = replace(spec.gateway.port, addresses=spec.gateway.port.addresses[1:])
    text = render(replace(spec, floating_ips=()), replace(spec.gateway, port=port, next_hops=()))
    assert "snat to" not in text
    assert "dnat to" not in text


def test_gateways_of_both_families_are_asked_for_a_sign_of_life() -> None:
    specs = specs_of([*gateway_node(ha=True), dual_stack()])
    (uplink,) = uplinks(specs, replace(PLACE, probe_uplinks=True))
    assert uplink.gateways == (IPv4Address("10.0.80.1"), IPv6Address("fe80::1"))


def dual_stack_dhcp() -> DhcpSpec:
    """A network with an IPv4 subnet, one with leases of IPv6, and one whose hosts make their addresses."""
    plain = dhcp()
    stateful, stateless, wide = (
        DhcpSubnet(
            subnet_id=f"{number}6666666-aaaa-4000-8000-000000000006",
            cidr=IPv6Network(cidr),
            gateway=None,
            dns_servers=servers,
            routes=(),
            stateless=number == 2,
        )
        for number, cidr, servers in (
            (1, "2001:db8:1::/64", ()),
            (2, "2001:db8:2::/64", (IPv6Address("2001:db8::53"), IPv6Address("2001:db8::54"))),
            (3, "2001:db8:3::/56", ()),
        )
    )
    hosts = tuple(
        DhcpHost(mac=VM_MAC, address=IPv6Address(address), hostname=name)
        for address, name in (("2001:db8:1::10", "vm1"), ("2001:db8:2::10", "vm1-too"))
    )
    return replace(
        plain,
        addresses=(*plain.addresses, IPv6Interface("2001:db8:1::2/64"), IPv6Interface("2001:db8:2::2/64")),
        subnets=(*plain.subnets, stateful, stateless, wide),
        hosts=(*plain.hosts, *hosts),
    )


def test_the_files_of_a_dhcp_server_of_both_families() -> None:
    spec = dual_stack_dhcp()
    told = f"{render_config(spec)}# options\n{render_options(spec)}"
    golden("dual_stack.dnsmasq", f"{told}# hosts\n{render_hosts(spec)}# names\n{render_names(spec)}")


def test_a_dhcp_server_has_a_link_local_address_from_which_it_answers() -> None:
    state = host_state(specs_of([*gateway_node(), dual_stack_dhcp()]), VLANS, PLACE)
    (layer3,) = (
        one.element
        for one in state.elements.values()
        if isinstance(one.element, Layer3) and one.element.interface == f"tap{DHCP[:11]}"
    )
    assert [str(one) for one in layer3.addresses] == [
        "192.168.80.2/24",
        "2001:db8:1::2/64",
        "2001:db8:2::2/64",
        "fe80::f816:3eff:fe00:4/64",
    ]
