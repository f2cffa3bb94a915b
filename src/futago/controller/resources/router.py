"""Virtual routers: made highly available by default, with a gateway and extra routes."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from futago.controller import device_owners
from futago.controller.agent_types import L3
from futago.controller.resources import errors, ha, lookup, parse, router_gateway, schema, zones
from futago.controller.resources.definition import (
    STANDARD,
    Absent,
    Field,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    chosen,
    standard,
)
from futago.controller.resources.router_legs import legs
from futago.controller.resources.schema import described
from futago.controller.resources.subnet import host_routes
from futago.controller.store.addressing_rows import AutoTopology
from futago.controller.store.database import View
from futago.controller.store.routing_rows import ConntrackHelper
from futago.controller.store.rows import FixedIp, HostRoute, Port, Replica, Router

_COLUMNS: Final = {
    "name": "name",
    "description": "description",
    "admin_state_up": "admin_state_up",
    "routes": "routes",
    "availability_zone_hints": "availability_zone_hints",
}
_MOST_ROUTES: Final = 30


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[Router]:
    """A project sees its own routers."""
    return lookup.rows(reading, Router, wanted)


def create(writing: Writing, values: Values) -> Router:
    """Make a router and put it on nodes."""
    _check_centralized(values)
    zones.check(writing.txn, L3, values["availability_zone_hints"])
    asked = values["ha"]
    router = writing.txn.add(
        Router(
            id=str(uuid.uuid4()),
            project_id=values["project_id"],
            ha=writing.config.l3_ha if isinstance(asked, Absent) or asked is None else asked,
            **chosen(values, _COLUMNS),
        )
    )
    router = ha.place(writing.txn, writing.config, router)
    if values["external_gateway_info"] is not None:
        router = router_gateway.change(writing, router, values["external_gateway_info"])
    return router


def update(writing: Writing, router: Router, values: Values) -> Router:
    """Change a router."""
    _check_centralized(values)
    if values.get("ha") not in {None, router.ha}:
        router = _change_kind(writing, router, values["ha"])
    if "external_gateway_info" in values:
        router = router_gateway.change(writing, router, values["external_gateway_info"])
    changed = replace(router, **chosen(values, _COLUMNS))
    if "routes" in values:
        check_routes(writing.txn, router, changed.routes)
    return writing.txn.replace(router, changed)


def delete(writing: Writing, router: Router) -> None:
    """Delete a router that has no interfaces left; its gateway goes with it."""
    if writing.txn.count(Port, device_id=router.id, device_owner=device_owners.INTERFACES):
        raise errors.RouterInUse(router_id=router.id)
    router = router_gateway.change(writing, router, None)
    ha.withdraw(writing.txn, router)
    for topology in writing.txn.find(AutoTopology, router_id=router.id):
        writing.txn.replace(topology, replace(topology, router_id=None))
    for helper in writing.txn.find(ConntrackHelper, router_id=router.id):
        writing.txn.remove(helper)
    writing.txn.remove(router)


def render(reading: Reading, routers: Sequence[Router]) -> list[Rendered]:
    """Routers as Neutron shows them."""
    replicas = lookup.among(reading.view, Replica, "router_id", [router.id for router in routers])
    placed = zones.of_each(reading.view, replicas, "router_id")
    read = lookup.among(reading.view, ConntrackHelper, "router_id", [router.id for router in routers])
    helpers = lookup.grouped(read, "router_id")
    gateways = [router.gateway_port_id for router in routers if router.gateway_port_id is not None]
    addresses = lookup.grouped(lookup.among(reading.view, FixedIp, "port_id", gateways), "port_id")
    return [
        {
            **standard(router),
            "admin_state_up": router.admin_state_up,
            "status": "ACTIVE",
            "external_gateway_info": _gateway_info(router, addresses.get(router.gateway_port_id, [])),
            "availability_zones": placed.get(router.id, []),
            "availability_zone_hints": list(router.availability_zone_hints),
            "distributed": False,
            "ha": router.ha,
            "routes": [{"destination": str(r.destination), "nexthop": str(r.nexthop)} for r in router.routes],
            "flavor_id": None,
            "conntrack_helpers": [
                {"protocol": one.protocol, "port": one.port, "helper": one.helper} for one in helpers.get(router.id, [])
            ],
        }
        for router in routers
    ]


def check_routes(view: View, router: Router, routes: Sequence[HostRoute]) -> None:
    """See that every next hop is another host on a network of the router.

    Raises:
        errors.InvalidRoutes: one is not.
        errors.RoutesExhausted: there are too many.

    """
    if len(routes) > _MOST_ROUTES:
        raise errors.RoutesExhausted(router_id=router.id, limit=_MOST_ROUTES)
    attached = legs(view, router)
    shown = [{"destination": str(route.destination), "nexthop": str(route.nexthop)} for route in routes]
    for route in routes:
        if route.nexthop.version != route.destination.version:
            raise errors.InvalidRoutes(routes=shown, reason="destination and nexthop are not of the same IP version")
        if not any(route.nexthop in leg.subnet.cidr for leg in attached):
            raise errors.InvalidRoutes(routes=shown, reason="the nexthop is not connected with router")
        if any(route.nexthop == leg.fixed_ip.ip_address for leg in attached):
            raise errors.InvalidRoutes(routes=shown, reason="the nexthop is used by router")


def _change_kind(writing: Writing, router: Router, wanted: bool) -> Router:  # noqa: FBT001 - it is the attribute
    """Between one replica and several: all are taken off and placed again, so the router has to be down."""
    if router.admin_state_up:
        reason = "Cannot change HA attribute of active routers. Please set router admin_state_up to False first"
        raise errors.BadRequest(resource="router", reason=reason)
    ha.withdraw(writing.txn, router)
    bare = writing.txn.get(Router, id=router.id)
    assert bare is not None, "withdrawing keeps the router"
    changed = writing.txn.replace(bare, replace(bare, ha=wanted))
    owner = device_owners.REPLICATED_INTERFACE if wanted else device_owners.INTERFACE
    for port in {leg.port.id: leg.port for leg in legs(writing.txn, router) if not leg.gateway}.values():
        current = writing.txn.get(Port, id=port.id)
        if current is not None:
            writing.txn.replace(current, replace(current, device_owner=owner))
    return ha.place(writing.txn, writing.config, changed)


def _check_centralized(values: Values) -> None:
    if values.get("distributed"):
        raise errors.BadRequest(resource="router", reason="distributed routers are not supported by this version")


def _gateway_info(router: Router, addresses: Sequence[FixedIp]) -> Rendered | None:
    if router.gateway_network_id is None:
        return None
    return {
        "network_id": router.gateway_network_id,
        "external_fixed_ips": [
            {"subnet_id": fixed_ip.subnet_id, "ip_address": str(fixed_ip.ip_address)}
            for fixed_ip in sorted(addresses, key=lambda fixed_ip: fixed_ip.position)
        ],
        "enable_snat": router.enable_snat,
        **({} if router.gateway_qos_policy_id is None else {"qos_policy_id": router.gateway_qos_policy_id}),
    }


@described(schema.FLAG)
def _optional_boolean(value: Any) -> bool | None:
    return None if value is None else parse.boolean(value)


ROUTERS: Final = Resource(
    name="router",
    collection="routers",
    kind=Router,
    fields=(
        *STANDARD,
        Field(name="admin_state_up", parse=parse.boolean, default=True, post=True, put=True),
        Field(
            name="external_gateway_info",
            parse=router_gateway.parse_info,
            default=None,
            post=True,
            put=True,
            filterable=False,
            sortable=False,
        ),
        Field(
            name="ha",
            parse=_optional_boolean,
            post=True,
            put=True,
            filterable=False,
            sortable=False,
            admin_sets=True,
            admin_sees=True,
        ),
        Field(
            name="distributed",
            parse=_optional_boolean,
            post=True,
            put=True,
            filterable=False,
            sortable=False,
            admin_sets=True,
            admin_sees=True,
        ),
        Field(name="routes", parse=host_routes, put=True, filterable=False, sortable=False),
        Field(
            name="availability_zone_hints", parse=zones.hints, default=(), post=True, filterable=False, sortable=False
        ),
        Field(name="flavor_id", parse=parse.nothing, post=True),
        Field(name="availability_zones", filterable=False, sortable=False),
        Field(name="status", filterable=False),
        Field(name="conntrack_helpers", filterable=False, sortable=False),
    ),
    not_found=lambda router_id: errors.RouterNotFound(router_id=router_id),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
    tagged=True,
    limited=True,
)
