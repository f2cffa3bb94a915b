"""Adding prefixes to a subnet pool, taking them out, and taking in the subnets of a network."""

from typing import Any, Final

from msgspec.structs import replace

from futago.controller import prefixes
from futago.controller.resources import addressing_errors, errors, lookup, parse, schema, subnet_pool
from futago.controller.resources.definition import Action, Params, Rendered, Writing, owned_by_project
from futago.controller.resources.network import NETWORKS
from futago.controller.resources.subnet_pool import SUBNET_POOLS
from futago.controller.store.addressing_rows import SubnetPool
from futago.controller.store.rows import Subnet
from futago.values import IPNetwork


def add(writing: Writing, params: Params, body: Any) -> Rendered:
    """Give a pool more prefixes."""
    pool = lookup.own(writing, SUBNET_POOLS, params["id"], "add_prefixes")
    return _shown(subnet_pool.update(writing, pool, {"prefixes": (*pool.prefixes, *_asked(body))}))


def remove(writing: Writing, params: Params, body: Any) -> Rendered:
    """Take prefixes out of a pool; no subnet may have come of them."""
    pool = lookup.own(writing, SUBNET_POOLS, params["id"], "remove_prefixes")
    asked = _asked(body)
    if not prefixes.meet(pool.prefixes, asked):
        return _shown(pool)
    used = [row.cidr for row in writing.txn.find(Subnet, subnetpool_id=pool.id)]
    if prefixes.meet(used, asked):
        msg = "One or more the prefixes to be removed is in use by a subnet."
        raise addressing_errors.IllegalSubnetPoolPrefixUpdate(msg=msg)
    left = prefixes.without(pool.prefixes, asked)
    return _shown(writing.txn.replace(pool, replace(pool, prefixes=left)))


def onboard(writing: Writing, params: Params, body: Any) -> list[Rendered]:
    """Have a pool take in a network's subnets of its family, as if they had been cut from it."""
    pool = lookup.own(writing, SUBNET_POOLS, params["id"], "onboard_network_subnets")
    network_id = body.get("network_id") if isinstance(body, dict) else None
    if not isinstance(network_id, str):
        raise errors.InvalidInput(reason="network_id must be specified.")
    network = lookup.one(writing.reading, NETWORKS, network_id)
    if not owned_by_project(writing.reading, network):
        raise errors.PolicyNotAuthorized(rules="rule:onboard_network_subnets")
    rows = writing.txn.find(Subnet, network_id=network.id, ip_version=pool.ip_version)
    allocated = [row.cidr for row in writing.txn.find(Subnet, subnetpool_id=pool.id)]
    for row in rows:
        if prefixes.meet([row.cidr], allocated):
            refusal = f"Onboarding subnet {row.id}: {row.cidr} conflicts with allocated prefixes in subnet pool"
            raise addressing_errors.IllegalSubnetPoolUpdate(reason=f"{refusal} {pool.id}")
    subnet_pool.update(writing, pool, {"prefixes": (*pool.prefixes, *(row.cidr for row in rows))})
    for row in rows:
        writing.txn.replace(row, replace(row, subnetpool_id=pool.id))
    return [{"id": row.id, "cidr": str(row.cidr)} for row in rows]


def _asked(body: Any) -> tuple[IPNetwork, ...]:
    asked = body.get("prefixes") if isinstance(body, dict) else None
    if not asked or not isinstance(asked, list):
        raise errors.HTTPBadRequest(message="Request body contains invalid data")
    try:
        return parse.list_of(parse.prefix, distinct=False)(asked)
    except parse.Unfit as unfit:
        raise errors.HTTPBadRequest(message=f"Invalid input for prefixes. Reason: {unfit}.") from unfit


def _shown(pool: SubnetPool) -> Rendered:
    return {"prefixes": [str(prefix) for prefix in pool.prefixes]}


_PREFIXES: Final = schema.enveloped("prefixes", schema.array(schema.PREFIX, distinct=False) | {"minItems": 1})
_NETWORK: Final = schema.enveloped("network_id", schema.UUID)
ACTIONS: Final = (
    Action("PUT", "/subnetpools/{id}/add_prefixes", write=add, takes=_PREFIXES),
    Action("PUT", "/subnetpools/{id}/remove_prefixes", write=remove, takes=_PREFIXES),
    Action(
        "PUT",
        "/subnetpools/{id}/onboard_network_subnets",
        write=onboard,
        takes=_NETWORK,
    ),
)
