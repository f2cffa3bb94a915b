"""Auto-allocated topologies: a project that asks for one gets a network and a router that leads outside."""

from typing import Any, Final

from futago.controller.caller import Caller
from futago.controller.resources import (
    addressing_errors,
    errors,
    network,
    router,
    router_interfaces,
    subnet,
    subnet_pool,
)
from futago.controller.resources.definition import Action, Params, Rendered, Resource, Values, Writing
from futago.controller.store.addressing_rows import AutoTopology, SubnetPool
from futago.controller.store.database import View
from futago.controller.store.rows import FixedIp, Network, Port, Router

_FAMILIES: Final = (4, 6)
_DRY_RUN: Final = "dry-run"


def show(writing: Writing, params: Params, _body: Any) -> Rendered:
    """The network of the project's topology, which is made if it is not there; or only whether it could be."""
    project_id = _project(writing, params, "get_auto_allocated_topology")
    asked = params.get("fields")
    if asked == _DRY_RUN:
        _default_network(writing.txn)
        if not _pools(writing.txn):
            raise addressing_errors.AutoAllocationFailure(reason="No default subnetpools defined")
        return _shown("dry-run=pass", project_id)
    if asked is not None:
        raise errors.BadRequest(resource="auto_allocate", reason="Unrecognized field")
    known = writing.txn.get(AutoTopology, project_id=project_id)
    if known is None:
        known = _made(_as_service(writing, project_id), project_id)
    return _shown(known.network_id, project_id)


def delete(writing: Writing, params: Params, _body: Any) -> None:
    """Take the project's topology away, if it has one."""
    project_id = _project(writing, params, "delete_auto_allocated_topology")
    known = writing.txn.get(AutoTopology, project_id=project_id)
    if known is None:
        return
    writing.txn.remove(known)
    serving = _as_service(writing, project_id)
    made = writing.txn.get(Router, id=known.router_id)
    if made is not None:
        for port in writing.txn.find(Port, device_id=made.id, network_id=known.network_id):
            for fixed_ip in writing.txn.find(FixedIp, port_id=port.id):
                router_interfaces.remove(serving, {"router_id": made.id}, {"subnet_id": fixed_ip.subnet_id})
        router.delete(serving, made)
    private = writing.txn.get(Network, id=known.network_id)
    if private is not None:
        network.delete(serving, private)


def _project(writing: Writing, params: Params, action: str) -> str:
    """Clients that know no project say "None", and mean their own."""
    project_id = params["project_id"]
    if project_id == "None":
        project_id = writing.caller.project_id
    if not writing.policy.allows(action, writing.caller, {"project_id": project_id}):
        raise errors.PolicyNotAuthorized(rules=f"rule:{action}")
    return project_id


def _as_service(writing: Writing, project_id: str) -> Writing:
    """What is made here may use default pools and networks that are not the project's own."""
    service = Caller(user_id=writing.caller.user_id, project_id=project_id, roles=frozenset({"admin", "member"}))
    return Writing(writing.txn, writing.config, service, writing.policy)


def _default_network(view: View) -> Network:
    found = view.get(Network, is_default=True, external=True)
    if found is None:
        raise addressing_errors.AutoAllocationFailure(reason="No default router:external network")
    return found


def _pools(view: View) -> list[SubnetPool]:
    found = (subnet_pool.default_of(view, version) for version in _FAMILIES)
    return [pool for pool in found if pool is not None]


def _made(serving: Writing, project_id: str) -> AutoTopology:
    outside = _default_network(serving.txn)
    try:
        private, subnet_ids = _private_network(serving, project_id)
    except errors.ApiError as error:
        reason = "Unable to provide project private network"
        raise addressing_errors.AutoAllocationFailure(reason=reason) from error
    try:
        made = _router(serving, project_id, outside, subnet_ids)
    except errors.ApiError as error:
        raise addressing_errors.AutoAllocationFailure(reason="Unable to provide external connectivity") from error
    return serving.txn.add(AutoTopology(project_id=project_id, network_id=private.id, router_id=made.id))


def _private_network(serving: Writing, project_id: str) -> tuple[Network, list[str]]:
    pools = _pools(serving.txn)
    if not pools:
        raise addressing_errors.SubnetPoolNotFound(subnetpool_id="default")
    private = network.create(serving, _filled(network.NETWORKS, project_id=project_id, name="auto_allocated_network"))
    made = [
        subnet.create(
            serving,
            _filled(
                subnet.SUBNETS,
                project_id=project_id,
                name=f"auto_allocated_subnet_v{pool.ip_version}",
                network_id=private.id,
                ip_version=pool.ip_version,
                subnetpool_id=pool.id,
            ),
        )
        for pool in pools
    ]
    return private, [row.id for row in made]


def _router(serving: Writing, project_id: str, outside: Network, subnet_ids: list[str]) -> Router:
    asked = {"name": "auto_allocated_router", "external_gateway_info": {"network_id": outside.id}}
    made = router.create(serving, _filled(router.ROUTERS, project_id=project_id, **asked))
    for subnet_id in subnet_ids:
        router_interfaces.add(serving, {"router_id": made.id}, {"subnet_id": subnet_id})
    return made


def _filled(resource: Resource[Any], **given: Any) -> Values:
    """What a request that says this comes to."""
    return {**{field.name: field.default for field in resource.fields if field.post}, **given}


def _shown(object_id: str, project_id: str) -> Rendered:
    return {"auto_allocated_topology": {"id": object_id, "tenant_id": project_id, "project_id": project_id}}


ACTIONS: Final = (
    Action("GET", "/auto-allocated-topology/{project_id}", write=show),
    Action("DELETE", "/auto-allocated-topology/{project_id}", write=delete, status=204),
)
