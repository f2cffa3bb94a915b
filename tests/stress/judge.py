"""Whether what the clients have left makes sense: nothing twice, nothing lost, nothing left over."""

from collections import Counter
from collections.abc import Iterator

from futago.controller import allocate, device_owners
from futago.controller.store.database import View
from futago.controller.store.lowest_free import addresses_of, bound
from futago.controller.store.rows import (
    FixedIp,
    FloatingIp,
    HaNetwork,
    LowestFree,
    Network,
    Port,
    Replica,
    Router,
    Row,
    Segment,
    Subnet,
)
from futago.controller.store.tables import TABLES
from stress.cloud import NETWORK_QUOTA, Cloud, Tally

KINDS: dict[str, type[Row]] = {"ports": Port, "floatingips": FloatingIp, "routers": Router, "networks": Network}


def broken(view: View, cloud: Cloud, tally: Tally) -> Iterator[str]:
    """What does not make sense, while nobody writes."""
    yield from _addresses(view)
    yield from _routers(view)
    yield from _floating_ips(view)
    yield from _acknowledged(view, tally)
    yield from _bounds(view)
    networks = view.count(Network, project_id=cloud.project)
    if networks > NETWORK_QUOTA:
        yield f"the project has {networks} networks, and may have {NETWORK_QUOTA}"


def left_over(view: View, cloud: Cloud) -> Iterator[str]:
    """What is there although everything was deleted."""
    for kind in (Port, FixedIp, FloatingIp, Router, Replica, HaNetwork):
        number = view.count(kind)
        if number:
            yield f"{number} rows of {TABLES[kind].name} are left"
    for row in (*view.find(Network), *view.find(Subnet)):
        if row.id not in cloud.kept:
            yield f"{row} is left"
    if view.count(Segment) != view.count(Network):
        yield "there are not as many segments as networks"


def _addresses(view: View) -> Iterator[str]:
    ports = {port.id: port for port in view.find(Port)}
    fixed_ips = view.find(FixedIp)
    yield from (f"{row} has no port" for row in fixed_ips if row.port_id not in ports)
    twice = Counter((row.subnet_id, str(row.ip_address)) for row in fixed_ips)
    yield from (f"address {key} is there {number} times" for key, number in twice.items() if number > 1)
    bare = ports.keys() - {row.port_id for row in fixed_ips}
    yield from (f"port {port_id} has no address" for port_id in bare)


def _routers(view: View) -> Iterator[str]:
    routers = {router.id: router for router in view.find(Router)}
    twice = Counter((router.ha_network_id, router.vrid) for router in routers.values())
    yield from (f"VRID {key} is there {number} times" for key, number in twice.items() if number > 1)
    used = {router.ha_network_id for router in routers.values()}
    yield from (f"{row} has no router" for row in view.find(HaNetwork) if row.network_id not in used)
    yield from (f"{row} has no router" for row in view.find(Replica) if row.router_id not in routers)
    for port in view.find(Port, device_owner=device_owners.ROUTERS):
        if port.device_id not in routers:
            yield f"{port} has no router"
    gateways = {port.id for port in view.find(Port, device_owner=device_owners.GATEWAY)}
    if gateways != {router.gateway_port_id for router in routers.values()} - {None}:
        yield "gateway ports and routers do not fit"


def _floating_ips(view: View) -> Iterator[str]:
    floating_ips = view.find(FloatingIp)
    holders = {port.id for port in view.find(Port, device_owner=device_owners.FLOATING_IP)}
    if holders != {row.floating_port_id for row in floating_ips}:
        yield "floating IPs and their ports do not fit"
    known = {(row.port_id, str(row.ip_address)) for row in view.find(FixedIp)}
    for row in floating_ips:
        if row.port_id is not None and (row.port_id, str(row.fixed_ip_address)) not in known:
            yield f"{row} stands for an address that is not there"


def _acknowledged(view: View, tally: Tally) -> Iterator[str]:
    for collection, kind in KINDS.items():
        there = {getattr(row, "id", "") for row in view.find(kind)}
        made = set(tally.some(collection))
        yield from (f"{collection}: {one} was made, and is not there" for one in made - there)
        yield from (f"{collection}: {one} was deleted, and is there" for one in there & tally.gone)


def _bounds(view: View) -> Iterator[str]:
    """Nothing is free below what the store says is the lowest that may be."""
    for subnet in view.find(Subnet):
        of = view.get(LowestFree, pool=addresses_of(subnet.id))
        if of is None:
            continue
        taken = {row.ip_address for row in view.find(FixedIp, subnet_id=subnet.id)} | {subnet.gateway_ip}
        lowest = next((a for a in allocate.addresses(subnet.allocation_pools, 0) if a not in taken), None)
        if lowest is not None and int(lowest) < bound(of):
            yield f"{lowest} is free, below the bound of {subnet.id}"
