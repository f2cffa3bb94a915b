"""What is watched of the external networks, from where, and who gives way when one is lost."""

import pytest
from msgspec.structs import replace

from futago.contract.specs import Spec
from futago.node.drivers import neighbours
from futago.node.drivers.arp import question, read_answer
from futago.node.features.compose import host_state
from futago.node.features.ha import elections, give_way
from futago.node.features.uplinks import NAMESPACE, uplinks
from futago.node.host import Impairment, Namespace, OvsPort, Place, Uplink, Veth
from futago.values import IPv4Address, IPv6Address, NetworkType, Vlan
from futago.vrrp.packet import internet_checksum
from host.node_specs import INSIDE, OUTSIDE, QG, gateway_node, leg, network, router
from unit.node.kit import PLACE, VLANS, specs_of

PROBING = replace(PLACE, node="gw", probe_uplinks=True)
GATEWAY = IPv4Address("10.0.80.1")
OURS, THEIRS = bytes.fromhex("02aabbccddee"), bytes.fromhex("020000000001")


def ours(place: Place, specs: list[Spec] | None = None) -> set[str]:
    state = host_state(specs_of(specs or gateway_node(ha=True)), VLANS, place)
    return {key for key in state.elements if NAMESPACE in key or "hu-" in key}


def test_an_external_network_is_watched_where_routers_have_their_gateway() -> None:
    assert uplinks(specs_of(gateway_node(ha=True)), PROBING) == (
        Uplink(
            network_id=OUTSIDE,
            physical_network="external1",
            bridge="br-ex1",
            gateways=(GATEWAY,),
            namespace=NAMESPACE,
            interface=f"up-{OUTSIDE[:11]}",
        ),
    )


def test_a_userspace_switch_with_many_ports_has_more_time_to_answer() -> None:
    routers = [replace(router(ha=True), router_id=str(number)) for number in range(167)]
    specs = specs_of([network(OUTSIDE, NetworkType.FLAT, None), *routers])
    assert [one.misses for one in uplinks(specs, replace(PROBING, datapath_type="netdev"))] == [9]
    assert [one.misses for one in uplinks(specs, replace(PROBING, datapath_type="system"))] == [3]


def test_the_gateway_is_asked_from_an_interface_without_an_address_beside_the_routers() -> None:
    state = host_state(specs_of(gateway_node(ha=True)), VLANS, PROBING)
    veth = state.elements[f"veth/{NAMESPACE}/up-{OUTSIDE[:11]}"].element
    assert isinstance(veth, Veth)
    assert veth.mac.startswith("02:")
    port = OvsPort(name=veth.host_name, bridge="br-ex1", tag=Vlan(0))
    assert state.elements[port.key].element == port
    assert state.elements[f"namespace/{NAMESPACE}"].element == Namespace(name=NAMESPACE, forwarding=False)
    assert not any(key.startswith(f"layer3/{NAMESPACE}") for key in state.elements)


def test_on_a_vlan_network_the_question_is_tagged() -> None:
    tagged = replace(network(OUTSIDE, NetworkType.FLAT, 80), network_type=NetworkType.VLAN)
    specs = [tagged if spec.key == tagged.key else spec for spec in gateway_node(ha=True)]
    port = host_state(specs_of(specs), VLANS, PROBING).elements[f"ovs-port/hu-{OUTSIDE[:11]}"].element
    assert isinstance(port, OvsPort)
    assert port.tag == 80


def test_two_nodes_ask_with_different_addresses() -> None:
    macs = {
        element.mac
        for node in ("net1", "net2")
        for one in host_state(specs_of(gateway_node(ha=True)), VLANS, replace(PROBING, node=node)).elements.values()
        if isinstance(element := one.element, Veth) and element.namespace == NAMESPACE
    }
    assert len(macs) == 2


@pytest.mark.parametrize(
    ("place", "ha"), [(PLACE, True), (PROBING, False), (replace(PROBING, bridge_mappings={}), True)]
)
def test_nobody_is_asked_where_it_is_of_no_use(place: Place, *, ha: bool) -> None:
    """Probing is off; nobody could take over; there is no way out that we know of."""
    assert ours(place, gateway_node(ha=ha)) == set()


def test_a_network_without_a_gateway_address_is_watched_by_its_carrier_alone() -> None:
    plain = router(ha=True)
    assert plain.gateway is not None
    mute = replace(plain, gateway=replace(plain.gateway, next_hops=()))
    specs = [mute if spec.key == mute.key else spec for spec in gateway_node(ha=True)]
    (uplink,) = uplinks(specs_of(specs), PROBING)
    assert (uplink.gateways, uplink.interface) == ((), "")
    assert ours(PROBING, specs) == set()


def test_only_the_routers_of_the_lost_network_yield() -> None:
    here = router(ha=True)
    assert here.gateway is not None
    elsewhere = replace(
        here,
        router_id="another",
        gateway=replace(here.gateway, port=leg(QG, INSIDE, "fa:16:3e:00:00:09", 1500, "10.0.80.102/24")),
    )
    inner = replace(here, router_id="inner", gateway=None)
    specs = specs_of([here, elsewhere, inner])
    wanted = elections(specs, VLANS)

    def yielding(impairment: Impairment) -> set[str]:
        return {key for key, one in give_way(wanted, wanted, specs, impairment).items() if one.yielding}

    assert yielding(Impairment()) == set()
    assert yielding(Impairment(networks=frozenset({OUTSIDE}))) == {here.key}
    assert yielding(Impairment(switch=True)) == {here.key, elsewhere.key, inner.key}


def test_a_router_that_is_wanted_to_yield_does_so_on_a_healthy_node_too() -> None:
    specs = specs_of([router(ha=True)])
    plain = elections(specs, VLANS)
    asked = {key: replace(one, priority=7) for key, one in plain.items()}
    assert give_way(plain, asked, specs, Impairment()) == asked
    assert give_way(asked, plain, specs, Impairment()) == plain


def test_the_question_names_no_sender_and_asks_all_or_one() -> None:
    broadcast, alone = question(OURS, GATEWAY), question(OURS, GATEWAY, THEIRS)
    assert (broadcast[:6], alone[:6]) == (b"\xff" * 6, THEIRS)
    assert broadcast[6:12] == broadcast[22:28] == OURS
    assert broadcast[28:32] == bytes(4)
    assert broadcast[38:42] == GATEWAY.packed


def answer(*, to: bytes = OURS, operation: int = 2) -> bytes:
    body = bytes.fromhex("0001080006040000") + THEIRS + GATEWAY.packed + to + bytes(4)
    return to + THEIRS + b"\x08\x06" + body[:6] + operation.to_bytes(2) + body[8:]


def test_an_answer_tells_who_has_the_address() -> None:
    assert read_answer(answer() + bytes(18), OURS) == (GATEWAY, THEIRS)


@pytest.mark.parametrize("frame", [b"", answer()[:41], answer(to=THEIRS), answer(operation=1), bytes(60)])
def test_anything_else_is_no_answer(frame: bytes) -> None:
    assert read_answer(frame, OURS) is None


GATEWAY_IPV6 = IPv6Address("fe80::99")


def advertisement(*, to: bytes = OURS, kind: int = 136, hops: int = 255) -> bytes:
    body = bytes([kind, 0, 0, 0, 0x60, 0, 0, 0]) + GATEWAY_IPV6.packed
    head = bytes.fromhex("60000000") + len(body).to_bytes(2) + bytes([58, hops])
    return to + THEIRS + b"\x86\xdd" + head + GATEWAY_IPV6.packed + bytes(16) + body


def test_an_answer_over_ipv6_tells_who_has_the_address() -> None:
    assert neighbours.read_answer(advertisement() + bytes(8), OURS) == (GATEWAY_IPV6, THEIRS)


@pytest.mark.parametrize(
    "frame",
    [b"", advertisement()[:77], advertisement(to=THEIRS), advertisement(kind=135), advertisement(hops=64), bytes(86)],
)
def test_anything_else_is_no_answer_over_ipv6(frame: bytes) -> None:
    assert neighbours.read_answer(frame, OURS) is None


def test_over_ipv6_who_knows_that_it_is_asked_is_asked_by_multicast_and_who_is_known_alone() -> None:
    """From the address that the MAC makes, which it tells, so that the answer comes to us alone."""
    everybody = neighbours.question(OURS, GATEWAY_IPV6, None)
    alone = neighbours.question(OURS, GATEWAY_IPV6, THEIRS)
    assert everybody[:6] == bytes.fromhex("3333ff000099")
    assert alone[:6] == THEIRS
    for frame, destination in ((everybody, IPv6Address("ff02::1:ff00:99")), (alone, GATEWAY_IPV6)):
        assert frame[22:38] == IPv6Address("fe80::aa:bbff:fecc:ddee").packed
        assert frame[38:54] == destination.packed
        assert frame[54:56] == bytes([135, 0])
        assert frame[62:] == GATEWAY_IPV6.packed + bytes([1, 1]) + OURS
        pseudo = frame[22:54] + (len(frame) - 54).to_bytes(4) + bytes([0, 0, 0, 58])
        assert internet_checksum(pseudo + frame[54:]) == 0
