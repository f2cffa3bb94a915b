"""Availability zones: what may fail together, as nodes say of themselves; where things are to be, and are."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from futago.config import ControllerConfig
from futago.controller.agent_types import DHCP, L3, ROLES
from futago.controller.resources import addressing_errors, errors, lookup, parse, schema
from futago.controller.resources.definition import Field, Reading, Rendered, Resource
from futago.controller.resources.schema import described
from futago.controller.store.database import View
from futago.controller.store.rows import DhcpReplica, Node, Replica, Row

_LONGEST: Final = 255
_RESOURCES: Final = {DHCP: "network", L3: "router"}


class Zone(Row, frozen=True, kw_only=True):
    """A zone, as far as one kind of resource can be in it."""

    name: str
    resource: str
    available: bool


@described(schema.array(schema.text(_LONGEST)))
def hints(value: Any) -> tuple[str, ...]:
    """A list of zones' names."""
    if value is None:
        raise parse.Unfit("'None' is not a list")
    names = parse.list_of(parse.text(_LONGEST))(value)
    if sum(len(name) for name in names) > _LONGEST:
        raise parse.Unfit("Too many availability_zone_hints specified")
    return names


def check(view: View, agent_type: str, names: Collection[str]) -> None:
    """See that there are agents of this type in all of these zones.

    Raises:
        addressing_errors.AvailabilityZoneNotFound: there are none in one.

    """
    known = {zone.name for zone in _zones(view, agent_type)} if names else set()
    for name in names:
        if name not in known:
            raise addressing_errors.AvailabilityZoneNotFound(availability_zone=name)


def fits(config: ControllerConfig, wanted: Collection[str], zone: str) -> bool:
    """Whether what has these hints may be in a zone."""
    named = wanted or config.default_availability_zones
    return not named or zone in named


def of_nodes(view: View, names: Collection[str]) -> dict[str, str]:
    """Node → its zone."""
    nodes = lookup.among(view, Node, "name", names)
    return {node.name: node.facts.availability_zone for node in nodes if node.facts is not None}


def of_each(view: View, replicas: Iterable[Replica | DhcpReplica], by: str) -> dict[str, list[str]]:
    """What the replicas are of → the zones in which they are."""
    placed = list(replicas)
    zones = of_nodes(view, {replica.node for replica in placed})
    found: dict[str, set[str]] = {}
    for replica in placed:
        if replica.node in zones:
            found.setdefault(getattr(replica, by), set()).add(zones[replica.node])
    return {object_id: sorted(names) for object_id, names in found.items()}


def find(reading: Reading, _wanted: Mapping[str, Sequence[str]]) -> list[Zone]:
    """Everybody may know the zones."""
    return [zone for agent_type in _RESOURCES for zone in _zones(reading.view, agent_type)]


def render(_reading: Reading, found: Sequence[Zone]) -> list[Rendered]:
    """Zones as Neutron shows them."""
    return [
        {
            "name": zone.name,
            "resource": zone.resource,
            "state": "available" if zone.available else "unavailable",
        }
        for zone in found
    ]


def _zones(view: View, agent_type: str) -> list[Zone]:
    """Where there are agents of this type; a zone is available that has an enabled one."""
    enabled: dict[str, bool] = {}
    for node in view.find(Node):
        if node.facts is None or ROLES[agent_type] not in node.facts.roles:
            continue
        name = node.facts.availability_zone
        enabled[name] = node.admin_state_up.get(agent_type, True) or enabled.get(name, False)
    return [
        Zone(name=name, resource=_RESOURCES[agent_type], available=available)
        for name, available in sorted(enabled.items())
    ]


AVAILABILITY_ZONES: Final = Resource(
    name="availability_zone",
    collection="availability_zones",
    url="availability_zones",
    kind=Zone,
    fields=tuple(Field(name=name, sortable=False) for name in ("name", "resource", "state")),
    not_found=lambda _name: errors.HTTPNotFound(),
    columns=(),
    find=find,
    render=render,
)
