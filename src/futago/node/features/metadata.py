"""Metadata: where instances ask who they are, on 169.254.169.254, and what each of them is told.

    routed      the router that an instance sends to has the address on its `lo`: it is nobody's neighbour there, and a
                standby, to which no frame for it comes, says nothing
    isolated    the DHCP servers of the network have it on their legs, and DHCP tells the way to it (RFC 3442)

All these places are one program's (`futago metadata`), which has a socket in each.
"""

from collections.abc import Mapping

from futago.contract.codec import encode
from futago.contract.specs import DhcpSpec, InstanceSpec, NodeSpecs, RouterSpec
from futago.metadata.config import METADATA_ADDRESS, Listener, instance_path
from futago.node.features import dhcp, routing
from futago.node.host import HOST, Answers, Asked, Layer3, Owned, Place
from futago.values import IPv4Interface, Vlan

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
                owned += _router(spec)
            case DhcpSpec() if spec.network_id in vlans and place.metadata_route != "never":
                namespace = dhcp.namespace_of(spec.network_id)
                owned.append(Owned(HOST, _asked(namespace, (spec.network_id,))))
            case _:
                pass
    return owned


def _answers(spec: InstanceSpec) -> list[Answers]:
    text = encode(spec).decode()
    addresses = (str(one.address.ip) for one in spec.addresses)
    return [Answers(path=str(instance_path(spec.network_id, address)), text=text) for address in addresses]


def _router(spec: RouterSpec) -> list[Owned]:
    namespace = routing.namespace_of(spec.router_id)
    addresses = tuple(sorted((_LOOPBACK, IPv4Interface(METADATA_ADDRESS))))
    networks = tuple(sorted({port.network_id for port in spec.interfaces}))
    return [
        Owned(HOST, Layer3(namespace=namespace, interface="lo", addresses=addresses)),
        Owned(HOST, _asked(namespace, networks)),
    ]


def _asked(namespace: str, networks: tuple[str, ...]) -> Asked:
    return Asked(listener=Listener(name=namespace, namespace=namespace, networks=networks))
