"""Subnets on segments: which may be, and the routes by which hosts on one reach the subnets on the others.

A host reaches the rest of its network by its subnet's gateway, whatever its default route is.
"""

from typing import Final

from msgspec.structs import replace

from futago.controller.resources import segment_errors
from futago.controller.store.database import Transaction
from futago.controller.store.rows import HostRoute, Segment, Subnet
from futago.values import IPAddress, IPNetwork

_ROUTED: Final = "network:routed"
"""The service type of subnets whose addresses the fabric routes to any segment: they are on none."""


def check_new(txn: Transaction, row: Subnet) -> None:
    """See that a new subnet may be on its segment, or on none.

    Raises:
        segment_errors.SegmentNotFound: there is no such segment.
        segment_errors.SubnetsNotAllAssociatedWithSegments: the network's others are on some and it is not, or not.
        segment_errors.NetworkIdsDontMatch: the segment is another network's.

    """
    segment = _segment(txn, row)
    others = txn.find(Subnet, network_id=row.network_id)
    kept = [one for one in (*others, row) if _ROUTED not in one.service_types]
    if len({one.segment_id is None for one in kept}) > 1:
        raise segment_errors.SubnetsNotAllAssociatedWithSegments(network_id=row.network_id)
    _check_network(row, segment)


def check_changed(txn: Transaction, row: Subnet, changed: Subnet) -> None:
    """See that a subnet that is there may come to a segment: the only one of the network, as its only subnet.

    Raises:
        ApiError: it may not.

    """
    if changed.segment_id == row.segment_id:
        return
    segment = _segment(txn, changed)
    if txn.count(Subnet, network_id=row.network_id) > 1:
        raise segment_errors.SubnetsNotAllAssociatedWithSegments(network_id=row.network_id)
    if row.segment_id is not None:
        raise segment_errors.SubnetSegmentAssociationChangeNotAllowed
    if txn.count(Segment, network_id=row.network_id) > 1:
        raise segment_errors.NoUpdateSubnetWhenMultipleSegmentsOnNetwork(network_id=row.network_id)
    _check_network(changed, segment)


def with_routes_to_peers(txn: Transaction, row: Subnet, old_gateway: IPAddress | None = None) -> Subnet:
    """A subnet on a segment, with a route by its gateway to each subnet on another that no route of it leads to."""
    return _with_routes(row, _peers(txn, row), old_gateway)


def tell_peers(txn: Transaction, row: Subnet) -> None:
    """Give the subnets on other segments a route to a new one."""
    for peer in _peers(txn, row):
        txn.replace(peer, _with_routes(peer, [row]))


def forget_peer(txn: Transaction, row: Subnet) -> None:
    """Take the routes to a subnet that has gone from those on other segments."""
    for peer in _peers(txn, row):
        routes = tuple(one for one in peer.host_routes if (one.destination, one.nexthop) != (row.cidr, peer.gateway_ip))
        txn.replace(peer, replace(peer, host_routes=routes))


def _with_routes(row: Subnet, peers: list[Subnet], old_gateway: IPAddress | None = None) -> Subnet:
    former = {(peer.cidr, old_gateway) for peer in peers} if old_gateway not in {None, row.gateway_ip} else set()
    routes = [one for one in row.host_routes if (one.destination, one.nexthop) not in former]
    if row.gateway_ip is not None:
        for peer in peers:
            if not any(_within(peer.cidr, one.destination) for one in routes):
                routes.append(HostRoute(destination=peer.cidr, nexthop=row.gateway_ip))
    return replace(row, host_routes=tuple(routes))


def _within(part: IPNetwork, whole: IPNetwork) -> bool:
    return part.version == whole.version and part.subnet_of(whole)  # type: ignore[arg-type]  # of one version


def _peers(txn: Transaction, row: Subnet) -> list[Subnet]:
    """The subnets of its family on the network's other segments."""
    if row.segment_id is None:
        return []
    beside = txn.find(Subnet, network_id=row.network_id, ip_version=row.ip_version)
    found = [one for one in beside if one.segment_id not in {None, row.segment_id}]
    return sorted(found, key=lambda one: int(one.cidr.network_address))


def _segment(txn: Transaction, row: Subnet) -> Segment | None:
    segment = None if row.segment_id is None else txn.get(Segment, id=row.segment_id)
    if segment is None and row.segment_id is not None:
        raise segment_errors.SegmentNotFound(segment_id=row.segment_id)
    return segment


def _check_network(row: Subnet, segment: Segment | None) -> None:
    if segment is not None and segment.network_id != row.network_id:
        raise segment_errors.NetworkIdsDontMatch(subnet_network=row.network_id, segment_id=segment.id)
