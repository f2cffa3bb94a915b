"""Metadata: where instances ask who they are, on 169.254.169.254, and what each of them is told.

    routed      the router that an instance sends to has the address on its `lo`: it is nobody's neighbour there, and a
                standby, to which no frame for it comes, says nothing
    isolated    the DHCP servers of the network have it on their legs, and DHCP tells the way to it (RFC 3442)
    over IPv6   fe80::a9fe:a9fe is on the instance's link, at one place of each network: an active router's leg
                (`features.ha`), or a DHCP server's; a link-local sender is known by the MAC that its address has

All these places are one program's (`futago metadata`), which has a socket in each.
"""

from collections.abc import Mapping

from futago.contract.codec import encode
from futago.contract.specs import DhcpSpec, InstanceSpec, NodeSpecs, RouterSpec
from futago.metadata.config import METADATA_ADDRESS, METADATA_ADDRESS_IPV6, Listener, instance_path
from futago.node.features import dhcp, routing
from futago.node.host import HOST, Answers, Asked, Layer3, Owned, Place
from futago.values import LINK_LOCAL, IPv4Interface, Vlan, eui64

_LOOPBACK = IPv4Interface("127.0.0.1/8")


def metadata(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place) -> list[Owned]:
    """All of it; nothing where the node has not this role. No router's election waits for it: the host owns it."""
    if not place.metadata:
        return []
    owned: list[Owned] = []
    for spec in specs.specs.values():
        match spec:
            case InstanceSpec():
                owned += [Owned(HOST, answers) for answers in _answers(spec)]
            case RouterSpec(admin_state_up=True):
                owned += _router(spec, vlans)
            case DhcpSpec() if spec.network_id in vlans and place.metadata_route != "never":
                owned += _server(spec)
            case _:
                pass
    return owned


def _answers(spec: InstanceSpec) -> list[Answers]:
    text = encode(spec).decode()
    addresses = {one.address.ip: None for one in spec.addresses} | {eui64(LINK_LOCAL, spec.mac): None}
    return [Answers(path=str(instance_path(spec.network_id, str(address))), text=text) for address in addresses]


def _router(spec: RouterSpec, vlans: Mapping[str, Vlan]) -> list[Owned]:
    namespace = routing.namespace_of(spec.router_id)
    addresses = tuple(sorted((_LOOPBACK, IPv4Interface(METADATA_ADDRESS))))
    networks = tuple(sorted({port.network_id for port in spec.interfaces}))
    return [
        Owned(HOST, Layer3(namespace=namespace, interface="lo", addresses=addresses)),
        Owned(HOST, _asked(namespace, networks)),
        *(
            Owned(HOST, _asked_on_link(namespace, routing.leg("qr-", port.port_id), port.network_id))
            for port in spec.interfaces
            if port.asked_over_ipv6 and port.network_id in vlans
        ),
    ]


def _server(spec: DhcpSpec) -> list[Owned]:
    namespace = dhcp.namespace_of(spec.network_id)
    owned = [Owned(HOST, _asked(namespace, (spec.network_id,)))]
    if spec.asked_over_ipv6:
        owned.append(Owned(HOST, _asked_on_link(namespace, routing.leg("tap", spec.port_id), spec.network_id)))
    return owned


def _asked(namespace: str, networks: tuple[str, ...]) -> Asked:
    return Asked(listener=Listener(name=namespace, namespace=namespace, networks=networks))


def _asked_on_link(namespace: str, interface: str, network_id: str) -> Asked:
    return Asked(
        listener=Listener(
            name=f"{namespace}.{interface}",
            namespace=namespace,
            networks=(network_id,),
            address=METADATA_ADDRESS_IPV6,
            interface=interface,
        )
    )
