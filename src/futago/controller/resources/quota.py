"""Quotas: how many of each thing a project may have."""

from typing import Any, Final

from futago.config import ControllerConfig
from futago.controller.resources import addressing_errors, errors, parse, schema
from futago.controller.resources.definition import Action, Params, Reading, Rendered, Writing
from futago.controller.store.addressing_rows import RbacPolicy, SubnetPool
from futago.controller.store.database import Transaction, View
from futago.controller.store.rows import (
    FloatingIp,
    Network,
    Port,
    Quota,
    Router,
    Row,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
)

UNBOUNDED: Final = -1
LARGEST: Final = 2**31 - 1
_LIMITED: Final[dict[str, tuple[type[Row], int]]] = {
    "network": (Network, 100),
    "subnet": (Subnet, 100),
    "subnetpool": (SubnetPool, UNBOUNDED),
    "port": (Port, 500),
    "router": (Router, 10),
    "floatingip": (FloatingIp, 50),
    "rbac_policy": (RbacPolicy, 10),
    "security_group": (SecurityGroup, 10),
    "security_group_rule": (SecurityGroupRule, 100),
}
"""What is bounded: the rows that count, and Neutron's limit."""
DEFAULTS: Final = {resource: limit for resource, (_, limit) in _LIMITED.items()}


def check(writing: Writing, project_id: str, resource: str, more: int) -> None:
    """See that the project may have `more` of a resource; what belongs to nobody is not counted.

    Raises:
        errors.OverQuota: it may not.

    """
    limit = limits(writing.reading, project_id)[resource]
    if project_id and limit != UNBOUNDED and used(writing.txn, project_id, resource) + more > limit:
        raise errors.OverQuota(overs=[resource])


def limits(reading: Reading, project_id: str) -> dict[str, int]:
    """The project's limits, the defaults where it has none of its own."""
    own = {quota.resource: quota.limit for quota in reading.view.find(Quota, project_id=project_id)}
    return {**defaults(reading.config), **own}


def defaults(config: ControllerConfig) -> dict[str, int]:
    """The limits of a project that has none of its own."""
    return {**DEFAULTS, **config.quotas}


def used(view: View, project_id: str, resource: str) -> int:
    """How many the project has."""
    return view.count(_LIMITED[resource][0], project_id=project_id)


def show_all(reading: Reading, _params: Params) -> Rendered:
    """Of every project that has limits of its own."""
    _check(reading, "get_quota", "")
    projects = sorted({quota.project_id for quota in reading.view.find(Quota)})
    shown = [{**limits(reading, project), "project_id": project, "tenant_id": project} for project in projects]
    return {"quotas": shown}


def show(reading: Reading, params: Params) -> Rendered:
    """The limits of one project."""
    project_id = _project(reading, params)
    return {"quota": limits(reading, project_id)}


def show_defaults(reading: Reading, params: Params) -> Rendered:
    """The limits of a project that has none of its own."""
    _project(reading, params)
    return {"quota": defaults(reading.config)}


def show_details(reading: Reading, params: Params) -> Rendered:
    """The limits of one project, with what it uses."""
    project_id = _project(reading, params)
    return {
        "quota": {
            resource: {"limit": limit, "used": used(reading.view, project_id, resource), "reserved": 0}
            for resource, limit in limits(reading, project_id).items()
        }
    }


def show_caller(reading: Reading, kind: str) -> Rendered:
    """Whose limits `/quotas/<project>` would show."""
    project_id = reading.caller.project_id
    return {kind: {f"{kind}_id": project_id}}


def update(writing: Writing, params: Params, body: Any) -> Rendered:
    """Give a project limits of its own."""
    _check(writing.reading, "update_quota", params["project_id"])
    project_id = params["project_id"]
    asked, forced = _asked(body)
    if not forced:
        _check_used(writing.txn, project_id, asked)
    for resource, limit in asked.items():
        known = writing.txn.get(Quota, project_id=project_id, resource=resource)
        fresh = Quota(project_id=project_id, resource=resource, limit=limit)
        if known is None:
            writing.txn.add(fresh)
        else:
            writing.txn.replace(known, fresh)
    return {"quota": limits(writing.reading, project_id)}


def delete(writing: Writing, params: Params, _body: Any) -> None:
    """Back to the defaults."""
    _check(writing.reading, "delete_quota", params["project_id"])
    own = writing.txn.find(Quota, project_id=params["project_id"])
    if not own:
        raise addressing_errors.TenantQuotaNotFound(tenant_id=params["project_id"])
    for quota in own:
        writing.txn.remove(quota)


def _project(reading: Reading, params: Params) -> str:
    project_id = params["project_id"]
    if project_id != reading.caller.project_id:
        _check(reading, "get_quota", project_id)
    return project_id


def _check(reading: Reading, rule: str, project_id: str) -> None:
    if not reading.policy.allows(rule, reading.caller, {"project_id": project_id}):
        raise errors.PolicyNotAuthorized(rules=f"rule:{rule}")


def _asked(body: Any) -> tuple[dict[str, int], bool]:
    """The limits, and whether they are set by force."""
    wanted = body.get("quota") if isinstance(body, dict) else None
    if not isinstance(wanted, dict):
        raise errors.HTTPBadRequest(message="Unable to find 'quota' in request body")
    ignored = {"tenant_id", "project_id", "force", "check_limit"}
    unknown = [name for name in wanted if name not in DEFAULTS and name not in ignored]
    if unknown:
        raise errors.HTTPBadRequest(message=f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    asked = {name: _limit(name, value) for name, value in wanted.items() if name in DEFAULTS}
    return asked, wanted.get("force") is True


def _limit(name: str, value: Any) -> int:
    try:
        return parse.between(UNBOUNDED, LARGEST)(value)
    except parse.Unfit as unfit:
        raise errors.HTTPBadRequest(message=f"Invalid input for {name}. Reason: {unfit}.") from unfit


def _check_used(txn: Transaction, project_id: str, limits: dict[str, int]) -> None:
    """A limit below what a project has already is a mistake, unless a request insists on it."""
    for resource, limit in limits.items():
        have = used(txn, project_id, resource)
        if limit != UNBOUNDED and have > limit:
            sentence = f"Quota limit {limit} for {resource} must be greater than or equal to already used {have}"
            raise errors.HTTPBadRequest(message=sentence)


_BODY: Final = schema.keyed(
    {name: schema.number(UNBOUNDED, LARGEST) for name in DEFAULTS}
    | dict.fromkeys(("tenant_id", "project_id"), schema.text(255))
    | dict.fromkeys(("force", "check_limit"), schema.FLAG)
)
ACTIONS: Final = (
    Action("GET", "/quotas", read=show_all),
    Action("GET", "/quotas/tenant", read=lambda reading, _params: show_caller(reading, "tenant")),
    Action("GET", "/quotas/project", read=lambda reading, _params: show_caller(reading, "project")),
    Action("GET", "/quotas/{project_id}", read=show),
    Action("GET", "/quotas/{project_id}/default", read=show_defaults),
    Action("GET", "/quotas/{project_id}/details", read=show_details),
    Action("GET", "/quotas/{project_id}/details.json", read=show_details),
    Action("PUT", "/quotas/{project_id}", write=update, takes=schema.enveloped("quota", _BODY)),
    Action("DELETE", "/quotas/{project_id}", write=delete, status=204),
)
