import re

import pytest
from msgspec.structs import replace

from futago.contract.router_parts import ConntrackHelperSpec, MeterRule, MeterSpec, PortForwardingSpec
from futago.contract.specs import DhcpOption, DhcpRoute, StaticRoute
from futago.node.features.compose import host_state
from futago.node.features.dhcp import render_config, render_hosts, render_names, render_options
from futago.node.features.ha import elections
from futago.node.features.nat import nat, render
from futago.node.features.routing import routing
from futago.node.host import (
    Layer3,
    MetadataRoute,
    Namespace,
    NftTable,
    OvsPort,
    Route,
    Veth,
)
from futago.node.router_tables import Helper, HelperTable, MeterTable, NftCounter
from futago.values import IPv4Address, IPv4Interface, IPv4Network
from futago.vrrp.config import Version, VirtualAddress, VirtualRoute
from host.node_specs import DHCP, HA, INSIDE, NETNS, OUTSIDE, QG, QR, VM, dhcp, gateway_node, port, router
from unit.node.kit import PLACE, VLANS, golden, specs_of

QR_NAME, QG_NAME, HA_NAME = f"qr-{QR[:11]}", f"qg-{QG[:11]}", f"ha-{HA[:11]}"


def elements(kind: type, *, ha: bool) -> dict[str, object]:
    state = host_state(specs_of(gateway_node(ha=ha)), VLANS, PLACE)
    return {key: one.element for key, one in state.elements.items() if isinstance(one.element, kind)}


def test_a_replica_has_its_own_address_only() -> None:
    """What is on qr- and qg- is the virtual router's: a standby that had it would answer ARP."""
    layer3 = elements(Layer3, ha=True)
    assert layer3[f"layer3/{NETNS}/{HA_NAME}"] == Layer3(
        namespace=NETNS, interface=HA_NAME, addresses=(IPv4Interface("169.254.192.1/18"),)
    )
    assert f"layer3/{NETNS}/{QR_NAME}" not in layer3


def test_a_router_without_election_has_everything_and_says_so() -> None:
    layer3 = elements(Layer3, ha=False)
    assert layer3[f"layer3/{NETNS}/{QG_NAME}"] == Layer3(
        namespace=NETNS,
        interface=QG_NAME,
        addresses=(IPv4Interface("10.0.80.101/24"), IPv4Interface("10.0.80.110/32")),
        routes=(Route(destination=IPv4Network("0.0.0.0/0"), next_hop=IPv4Address("10.0.80.1")),),
        announce=True,
    )


def test_every_replica_has_the_same_legs() -> None:
    veths = elements(Veth, ha=True)
    assert veths[f"veth/{NETNS}/{QR_NAME}"] == Veth(
        namespace=NETNS,
        name=QR_NAME,
        host_name=f"hr-{QR[:11]}",
        mac=router(ha=True).interfaces[0].mac,
        mtu=1450,
        up=True,
    )
    assert f"veth/{NETNS}/{HA_NAME}" in veths
    assert all(len(veth.name) <= 15 and len(veth.host_name) <= 15 for veth in veths.values() if isinstance(veth, Veth))


def test_a_leg_is_on_the_switch_with_its_networks_vlan() -> None:
    port = elements(OvsPort, ha=True)[f"ovs-port/hr-{QR[:11]}"]
    assert isinstance(port, OvsPort)
    assert port.tag == VLANS[INSIDE]
    assert dict(port.iface_ids)["iface-id"] == QR


def test_a_router_that_is_down_is_quiet() -> None:
    down = replace(router(ha=True), admin_state_up=False)
    owned = [one.element for one in routing(specs_of([*gateway_node(), down]), VLANS, PLACE)]
    assert Namespace(name=NETNS, forwarding=True) in owned
    assert not any(veth.up for veth in owned if isinstance(veth, Veth))
    assert not [one for one in owned if isinstance(one, Layer3)]
    assert elections(specs_of([down]), VLANS) == {}


def test_an_extra_route_goes_out_by_the_leg_that_reaches_its_next_hop() -> None:
    inner = StaticRoute(destination=IPv4Network("172.16.0.0/16"), next_hop=IPv4Address("192.168.80.99"))
    lost = StaticRoute(destination=IPv4Network("172.17.0.0/16"), next_hop=IPv4Address("203.0.113.1"))
    (config,) = elections(specs_of([replace(router(ha=True), routes=(inner, lost))]), VLANS).values()
    assert config.routes[1:] == (
        VirtualRoute(destination=inner.destination, next_hop=inner.next_hop, interface=QR_NAME),
    )


def test_what_the_engine_is_told_of_a_router() -> None:
    (config,) = elections(specs_of([router(ha=True)]), VLANS).values()
    assert (config.namespace, config.interface, config.version) == (NETNS, HA_NAME, Version.V2)
    assert config.source == IPv4Address("169.254.192.1")
    assert config.advertised == (IPv4Address("169.254.0.1"),)
    assert config.addresses == (
        VirtualAddress(interface=QG_NAME, address=IPv4Interface("10.0.80.101/24")),
        VirtualAddress(interface=QG_NAME, address=IPv4Interface("10.0.80.110/32")),
        VirtualAddress(interface=QR_NAME, address=IPv4Interface("192.168.80.1/24")),
    )
    assert config.routes == (
        VirtualRoute(destination=IPv4Network("0.0.0.0/0"), next_hop=IPv4Address("10.0.80.1"), interface=QG_NAME),
    )


def test_the_table_of_a_router_with_floating_ips() -> None:
    many = router(ha=True, floating=(("10.0.80.111", "192.168.80.11"), ("10.0.80.110", "192.168.80.10")))
    assert many.gateway is not None
    golden("floating_ips.nft", render(many, many.gateway))


def forwarding(first: int, last: int, inside: int, inside_last: int) -> PortForwardingSpec:
    return PortForwardingSpec(
        outside=IPv4Address("10.0.80.120"),
        protocol="tcp",
        first=first,
        last=last,
        inside=IPv4Address("192.168.80.12"),
        inside_first=inside,
        inside_last=inside_last,
    )


def test_the_table_of_a_router_that_forwards_ports() -> None:
    """One of them, to as many others, to the same ones, all to one."""
    ranges = (forwarding(22, 22, 2222, 2222), forwarding(30, 32, 40, 42), forwarding(50, 59, 50, 59))
    parts = replace(router(ha=True), port_forwardings=(*ranges, forwarding(60, 69, 80, 80)))
    assert parts.gateway is not None
    golden("port_forwardings.nft", render(parts, parts.gateway))


def test_the_address_of_which_ports_are_forwarded_is_the_virtual_routers() -> None:
    parts = replace(router(ha=True), port_forwardings=(forwarding(22, 22, 22, 22), forwarding(23, 23, 23, 23)))
    (config,) = elections(specs_of([parts]), VLANS).values()
    outside = [one.address for one in config.addresses if one.interface == QG_NAME]
    assert outside == [IPv4Interface(text) for text in ("10.0.80.101/24", "10.0.80.110/32", "10.0.80.120/32")]


def test_no_election_waits_for_helpers_and_meters() -> None:
    """They have owners of their own, under which their failures are told."""
    rules = (
        MeterRule(outwards=True, excluded=True, destination=IPv4Network("10.0.80.0/24")),
        MeterRule(outwards=True, excluded=False, source=IPv4Network("0.0.0.0/0")),
    )
    parts = replace(
        router(ha=True),
        conntrack_helpers=(ConntrackHelperSpec(helper="h323", protocol="tcp", port=1720),),
        meters=(MeterSpec(label_id="a-b", rules=rules),),
    )
    elements = host_state(specs_of([*gateway_node(ha=True), parts]), VLANS, PLACE).elements
    helpers, meters = elements[f"helpers/{NETNS}"], elements[f"meters/{NETNS}"]
    assert (helpers.owner, meters.owner) == (f"{parts.key}/conntrack-helpers", f"{parts.key}/meters")
    assert helpers.element == HelperTable(namespace=NETNS, helpers=(Helper(kind="Q.931", protocol="tcp", port=1720),))
    assert meters.element == MeterTable(
        namespace=NETNS,
        meters=(
            NftCounter(
                name="label_a_b",
                rules=(
                    f'oifname "{QG_NAME}" ip daddr 10.0.80.0/24 return',
                    f'oifname "{QG_NAME}" meta nfproto ipv4 counter name "label_a_b" return',
                ),
            ),
        ),
    )


def test_the_table_of_a_router_without_snat() -> None:
    plain = router(ha=True, floating=())
    assert plain.gateway is not None
    golden("no_snat.nft", render(plain, replace(plain.gateway, enable_snat=False)))


def test_the_table_does_not_depend_on_who_is_active() -> None:
    ours, theirs = router(ha=True), router(ha=True)
    assert theirs.ha is not None
    theirs = replace(theirs, ha=replace(theirs.ha, priority=100, address=IPv4Interface("169.254.192.2/18")))
    assert nat(specs_of([ours])) == nat(specs_of([theirs]))


def test_a_router_without_a_gateway_has_no_table() -> None:
    alone = replace(router(ha=True), gateway=None, floating_ips=())
    state = host_state(specs_of([*gateway_node(), alone]), VLANS, PLACE)
    assert not [one for one in state.elements.values() if isinstance(one.element, NftTable)]


def test_the_files_of_a_dhcp_server() -> None:
    route = DhcpRoute(destination=IPv4Network("172.16.0.0/16"), next_hop=IPv4Address("192.168.80.99"))
    spec = dhcp()
    spec = replace(spec, subnets=(replace(spec.subnets[0], routes=(route,)),))
    told = {"bootfile-name": "x.0", "150": "192.0.2.9", "client-id": "blue"}
    options = tuple(DhcpOption(name=name, value=value) for name, value in told.items())
    spec = replace(spec, hosts=(replace(spec.hosts[0], port_id=VM, options=options),))
    rendered = {"options": render_options(spec), "hosts": render_hosts(spec), "names": render_names(spec)}
    golden("server.dnsmasq", render_config(spec) + "".join(f"# {name}\n{text}" for name, text in rendered.items()))


def test_a_host_is_found_under_a_name_in_another_domain_too() -> None:
    spec = dhcp()
    named = replace(spec, hosts=(replace(spec.hosts[0], hostname="vm1", fqdn="vm1.example.org"),))
    assert render_names(named) == "192.168.80.10 vm1.openstacklocal vm1.example.org vm1\n"


def test_clients_of_a_subnet_without_a_gateway_are_told_of_none() -> None:
    """Without the option dnsmasq would name itself."""
    spec = dhcp()
    options = render_options(replace(spec, subnets=(replace(spec.subnets[0], gateway=None),)))
    assert "option:router\n" in options


def options_of(metadata: MetadataRoute, **subnet: object) -> str:
    spec = dhcp()
    return render_options(replace(spec, subnets=(replace(spec.subnets[0], **subnet),)), metadata=metadata)


def test_metadata_is_reached_through_the_dhcp_server_where_no_router_leads_to_it() -> None:
    way = "169.254.169.254/32,192.168.80.2"
    assert way in options_of("isolated", isolated=True)
    assert way in options_of("always", isolated=False)
    assert way not in options_of("isolated", isolated=False)
    assert way not in options_of("never", isolated=True)


def test_a_route_to_metadata_that_an_operator_has_set_stands() -> None:
    own = DhcpRoute(destination=IPv4Network("169.254.169.254/32"), next_hop=IPv4Address("192.168.80.77"))
    assert "169.254.169.254/32,192.168.80.77,0.0.0.0/0" in options_of("always", routes=(own,))


def test_clients_ask_both_dhcp_servers_for_names_unless_the_subnet_names_others() -> None:
    twin = (IPv4Address("192.168.80.3"),)
    assert "option:dns-server,192.168.80.2,192.168.80.3\n" in options_of("never", servers=twin)
    assert "option:dns-server,8.8.8.8\n" in options_of("never", servers=twin, dns_servers=(IPv4Address("8.8.8.8"),))
    assert "option:dns-server\n" in options_of("never", dns_servers=(IPv4Address("0.0.0.0"),))


def test_subnets_of_one_network_reach_each_other_without_a_router() -> None:
    assert ",121,10.1.0.0/24,0.0.0.0,0.0.0.0/0," in options_of("never", neighbours=(IPv4Network("10.1.0.0/24"),))


def test_specs_whose_network_is_not_there_yet_wait_for_it() -> None:
    state = host_state(specs_of([dhcp()]), {}, PLACE)
    assert not [key for key in state.elements if DHCP[:11] in key]


@pytest.mark.parametrize("missing", [INSIDE, OUTSIDE])
def test_a_leg_whose_network_is_not_there_is_told_of_and_not_elected_for(missing: str) -> None:
    here = {network: vlan for network, vlan in VLANS.items() if network != missing}
    state = host_state(specs_of([router(ha=True)]), here, PLACE)
    (config,) = state.elections.values()
    lost = QR_NAME if missing == INSIDE else QG_NAME
    assert {address.interface for address in config.addresses} == {QR_NAME, QG_NAME} - {lost}
    assert lost not in {route.interface for route in config.routes}
    assert missing in state.problems[router(ha=True).key]


def test_specs_whose_networks_are_there_are_no_problem() -> None:
    assert host_state(specs_of([*gateway_node(ha=True), port()]), VLANS, PLACE).problems == {}


def test_a_new_port_seldom_restarts_a_dhcp_server() -> None:
    """Its hosts file is read again without one; the configuration must not name how many there are."""
    configs = {render_config(replace(dhcp(), hosts=dhcp().hosts * many)) for many in range(3000)}
    assert len(configs) <= 5
    assert all(int(re.findall("lease-max=([0-9]+)", config)[0]) >= 1000 for config in configs)
