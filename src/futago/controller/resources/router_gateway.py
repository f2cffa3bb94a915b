"""A router's way out: its port on an external network."""

from typing import Any

from msgspec.structs import replace

from futago.controller import device_owners
from futago.controller.resources import errors, lookup, network, parse, qos_policy, schema
from futago.controller.resources.definition import ABSENT, Writing
from futago.controller.resources.port_addresses import change as change_addresses
from futago.controller.resources.port_addresses import fixed_ips, give, wishes
from futago.controller.resources.router_legs import check_no_overlap, legs
from futago.controller.resources.schema import described
from futago.controller.resources.service_ports import add_port, remove_port
from futago.controller.store.rows import FloatingIp, Network, Port, Router

Info = dict[str, Any]
"""`external_gateway_info` as a request gives it."""

_read = parse.entry(
    {
        "network_id": parse.identifier,
        "enable_snat": parse.boolean,
        "external_fixed_ips": fixed_ips,
        "qos_policy_id": parse.nullable(parse.identifier),
    },
    ("network_id",),
)


@described(schema.or_null(schema.of(_read)))
def parse_info(value: Any) -> Info | None:
    """Null and {} take the gateway away."""
    return _read(value) if value else None


def change(writing: Writing, router: Router, info: Info | None) -> Router:
    """Set, change or clear the gateway of `router`.

    Raises:
        errors.RouterExternalGatewayInUseByFloatingIp: floating IPs need the gateway that would go.

    """
    if info is not None:
        info = {**info, "network_id": _external(writing, info["network_id"]).id}
    policy_id = None if info is None else qos_policy.given(writing, router.gateway_qos_policy_id, info)
    staying = info is not None and info["network_id"] == router.gateway_network_id
    if not staying:
        router = _clear(writing, router)
    if info is not None:
        router = _keep(writing, router, info) if staying else _set(writing, router, info)
    return writing.txn.replace(router, replace(router, gateway_qos_policy_id=policy_id))


def _external(writing: Writing, network_id: str) -> Network:
    external = lookup.one(writing.reading, network.NETWORKS, network_id)
    if not external.external:
        raise errors.BadRequest(resource="router", reason=f"Network {network_id} is not an external network")
    return external


def _clear(writing: Writing, router: Router) -> Router:
    if router.gateway_port_id is None:
        return router
    if writing.txn.count(FloatingIp, router_id=router.id):
        raise errors.RouterExternalGatewayInUseByFloatingIp(router_id=router.id, network_id=router.gateway_network_id)
    port = writing.txn.get(Port, id=router.gateway_port_id)
    cleared = replace(router, gateway_port_id=None, gateway_network_id=None, enable_snat=True)
    cleared = writing.txn.replace(router, cleared)
    if port is not None:
        remove_port(writing.txn, port)
    return cleared


def _set(writing: Writing, router: Router, info: Info) -> Router:
    txn = writing.txn
    external = txn.get(Network, id=info["network_id"])
    assert external is not None, "it has been looked up"
    port = add_port(txn, network=external, project_id="", device_owner=device_owners.GATEWAY, device_id=router.id)
    before = legs(txn, router)
    asked = info.get("external_fixed_ips") or ABSENT
    give(txn, port, wishes(txn, external, asked, port.device_owner))
    for leg in legs(txn, router):
        if leg.port.id == port.id:
            check_no_overlap(before, leg.subnet)
    return txn.replace(
        router,
        replace(
            router,
            gateway_port_id=port.id,
            gateway_network_id=external.id,
            enable_snat=info.get("enable_snat", True),
        ),
    )


def _keep(writing: Writing, router: Router, info: Info) -> Router:
    """The same network: the port stays, its addresses change if the request names them."""
    port = writing.txn.get(Port, id=router.gateway_port_id)
    external = writing.txn.get(Network, id=info["network_id"])
    assert port is not None
    assert external is not None
    if info.get("external_fixed_ips"):
        wanted = wishes(writing.txn, external, info["external_fixed_ips"], port.device_owner)
        change_addresses(writing.txn, port, wanted)
        writing.txn.touch(f"router/{router.id}")
    return writing.txn.replace(router, replace(router, enable_snat=info.get("enable_snat", router.enable_snat)))
