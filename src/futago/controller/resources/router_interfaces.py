"""Joining routers to subnets and parting them: `add_router_interface` and `remove_router_interface`."""

from typing import Any, Final

from msgspec.structs import replace

from futago.controller import device_owners
from futago.controller.resources import errors, lookup, parse, schema
from futago.controller.resources.definition import Action, Params, Rendered, Writing, owned_by_project
from futago.controller.resources.port import PORTS
from futago.controller.resources.port_addresses import serves
from futago.controller.resources.router import ROUTERS
from futago.controller.resources.router_legs import (
    Leg,
    check_advertised,
    check_leg,
    check_no_overlap,
    check_unneeded,
    ipv6_leg,
    legs,
)
from futago.controller.resources.schema import Schema
from futago.controller.resources.service_ports import add_port, give_address, remove_port
from futago.controller.resources.subnet import SUBNETS
from futago.controller.store.rows import FixedIp, Network, Port, Router, Subnet

_IPV6: Final = 6


def add(writing: Writing, params: Params, body: Any) -> Rendered:
    """Give a router a leg: in a subnet, where it takes the gateway's address, or by a port made before."""
    router = own_router(writing, params["router_id"], "add_router_interface")
    subnet_id, port_id = _target(body)
    if subnet_id is not None and port_id is not None:
        raise errors.BadRequest(resource="router", reason="Cannot specify both subnet-id and port-id")
    if port_id is not None:
        port = _adopt(writing, router, lookup.one(writing.reading, PORTS, port_id))
    else:
        port = _in_subnet(writing, router, lookup.one(writing.reading, SUBNETS, str(subnet_id)))
    addresses = writing.txn.find(FixedIp, port_id=port.id)
    return _answer(router, port, [one for one in addresses if subnet_id in {None, one.subnet_id}])


def remove(writing: Writing, params: Params, body: Any) -> Rendered:
    """Take a leg off a router; its port goes with it, unless it has other subnets and only one of them was named.

    Raises:
        errors.RouterInterfaceInUseByFloatingIP: floating IPs need the leg.
        errors.RouterInterfaceInUseByRoute: an extra route goes through it.

    """
    router = own_router(writing, params["router_id"], "remove_router_interface")
    subnet_id, port_id = _target(body)
    attached = [leg for leg in legs(writing.txn, router) if not leg.gateway]
    leg = _leg(router, attached, subnet_id, port_id)
    on_port = [other for other in attached if other.port.id == leg.port.id]
    going = on_port if port_id is not None else [leg]
    for other in going:
        check_unneeded(writing.txn, router, other.subnet)
    if len(going) == len(on_port):
        remove_port(writing.txn, leg.port)
    else:
        writing.txn.remove(leg.fixed_ip)
        writing.txn.touch(f"router/{router.id}")
    return _answer(router, leg.port, [other.fixed_ip for other in going])


def own_router(writing: Writing, router_id: str, action: str) -> Router:
    """The router with this id, if the caller may do `action` to it."""
    return lookup.own(writing, ROUTERS, router_id, action)


def _target(body: Any) -> tuple[str | None, str | None]:
    if not isinstance(body, dict) or not (body.get("subnet_id") or body.get("port_id")):
        raise errors.BadRequest(resource="router", reason="Either subnet_id or port_id must be specified")
    found = []
    for name in ("subnet_id", "port_id"):
        try:
            found.append(parse.empty_as_none(parse.identifier)(body.get(name)))
        except parse.Unfit as error:
            raise errors.InvalidInput(reason=f"Invalid input for {name}. Reason: {error}") from error
    return found[0], found[1]


def _in_subnet(writing: Writing, router: Router, subnet: Subnet) -> Port:
    network = writing.txn.get(Network, id=subnet.network_id)
    assert network is not None, "a subnet has its network"
    if not owned_by_project(writing.reading, subnet) and not owned_by_project(writing.reading, network):
        refusal = (
            f"Cannot add interface to router because subnet {subnet.id} is not owned by project making the request"
        )
        raise errors.BadRequest(resource="router", reason=refusal)
    if subnet.gateway_ip is None:
        raise errors.BadRequest(resource="router", reason="Subnet for router interface must have a gateway IP")
    check_advertised(subnet)
    if not serves(subnet, _owner(router)):
        failure = f"Failed to create port on network {network.id}"
        raise errors.InvalidInput(reason=f"{failure}, because fixed_ips included invalid subnet {subnet.id}")
    if subnet.gateway_ip not in subnet.cidr:
        raise errors.InvalidIpForSubnet(ip_address=subnet.gateway_ip)
    attached = legs(writing.txn, router)
    check_no_overlap(attached, subnet)
    if writing.txn.count(FixedIp, subnet_id=subnet.id, ip_address=subnet.gateway_ip):
        raise errors.IpAddressAlreadyAllocated(ip_address=subnet.gateway_ip, subnet_id=subnet.id)
    present = ipv6_leg(attached, subnet.network_id) if subnet.ip_version == _IPV6 else None
    if present is not None:
        position = 1 + max(leg.fixed_ip.position for leg in attached if leg.port.id == present.id)
        give_address(writing.txn, present, (subnet, subnet.gateway_ip), position)
        writing.txn.touch(f"router/{router.id}")
        return present
    return add_port(
        writing.txn,
        network=network,
        project_id=router.project_id,
        device_owner=_owner(router),
        device_id=router.id,
        addresses=[(subnet, subnet.gateway_ip)],
    )


def _adopt(writing: Writing, router: Router, port: Port) -> Port:
    if port.device_id:
        raise errors.PortInUse(port_id=port.id, network_id=port.network_id, device_id=port.device_id)
    addresses = writing.txn.find(FixedIp, port_id=port.id)
    if not addresses:
        raise errors.BadRequest(resource="router", reason="Router port must have at least one fixed IP")
    attached = legs(writing.txn, router)
    subnets = lookup.among(writing.txn, Subnet, "id", {fixed_ip.subnet_id for fixed_ip in addresses})
    check_leg(attached, port.id, port.network_id, subnets)
    for subnet in subnets:
        check_no_overlap(attached, subnet)
    adopted = replace(port, device_id=router.id, device_owner=_owner(router), security_group_ids=(), host_id="")
    writing.txn.touch(f"port/{port.id}")
    return writing.txn.replace(port, adopted)


def _owner(router: Router) -> str:
    return device_owners.REPLICATED_INTERFACE if router.ha else device_owners.INTERFACE


def _leg(router: Router, attached: list[Leg], subnet_id: str | None, port_id: str | None) -> Leg:
    if port_id is None:
        found = [leg for leg in attached if leg.subnet.id == subnet_id]
        if not found:
            raise errors.RouterInterfaceNotFoundForSubnet(router_id=router.id, subnet_id=subnet_id)
        return found[0]
    of_port = [leg for leg in attached if leg.port.id == port_id]
    if not of_port:
        raise errors.RouterInterfaceNotFound(router_id=router.id, port_id=port_id)
    matching = [leg for leg in of_port if subnet_id in {None, leg.subnet.id}]
    if not matching:
        raise errors.SubnetMismatchForPort(port_id=port_id, subnet_id=subnet_id)
    return matching[0]


def _answer(router: Router, port: Port, addresses: list[FixedIp]) -> Rendered:
    subnet_ids = [fixed_ip.subnet_id for fixed_ip in sorted(addresses, key=lambda fixed_ip: fixed_ip.position)]
    return {
        "id": router.id,
        "project_id": router.project_id,
        "tenant_id": router.project_id,
        "port_id": port.id,
        "network_id": port.network_id,
        "subnet_id": subnet_ids[0],
        "subnet_ids": subnet_ids,
    }


_LEG: Final[Schema] = {
    "type": "object",
    "properties": {"subnet_id": schema.UUID, "port_id": schema.UUID},
    "anyOf": [{"required": ["subnet_id"]}, {"required": ["port_id"]}],
}
ACTIONS: Final = (
    Action("PUT", "/routers/{router_id}/add_router_interface", write=add, takes=_LEG),
    Action("PUT", "/routers/{router_id}/remove_router_interface", write=remove, takes=_LEG),
)
