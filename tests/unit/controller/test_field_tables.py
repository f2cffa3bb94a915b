"""Every attribute is as neutron-lib's tables have it: permissions, defaults, filters, and what values it takes."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from futago.controller.resources import parse
from futago.controller.resources.catalog import RESOURCES
from futago.controller.resources.definition import ABSENT, REQUIRED, Field, Resource
from futago.controller.resources.errors import ApiError
from futago.controller.resources.extension import ALIASES
from neutron_kit import tables
from neutron_kit.differences import DIFFERENCES, known
from neutron_kit.probes import PROBES

THEIRS = tables.collections(ALIASES)
OUR_ALIASES = {"l3-ha-replica"}
NOT_IN_NEUTRON_LIB = {
    "l3_agent_scheduler",
    "quota_details",
    "quotas",
    "rbac-policies",
    "security-group",
    "security-groups-default-rules",
    "standard-attr-description",
    "standard-attr-revisions",
    "standard-attr-tag",
    "standard-attr-timestamp",
    "subnet_allocation",
}
COMPARED = [resource for resource in RESOURCES if resource.collection in THEIRS]


def differences(resource: Resource[Any]) -> Iterator[tuple[str, str, str]]:
    """What differs: attribute, what, and the two in words."""
    specs = THEIRS[resource.collection]
    for name in specs.keys() - {field.name for field in resource.fields}:
        yield name, "missing", str(specs[name])
    for field in resource.fields:
        spec = specs.get(field.name)
        if spec is None:
            yield field.name, "extra", ""
            continue
        for what, ours, theirs in properties(field, spec):
            if ours != theirs:
                yield field.name, what, f"{ours!r}, but in neutron-lib {theirs!r}"
        if field.post or field.put:
            yield from values(field, spec)


def properties(field: Field, spec: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    yield "post", field.post, spec.get("allow_post", False)
    yield "put", field.put, spec.get("allow_put", False)
    yield "visible", field.shown, spec["is_visible"]
    yield "filter", field.filterable, spec.get("is_filter", False)
    yield "sort", field.sortable, spec.get("is_sort_key", False)
    if field.post and spec.get("allow_post"):
        left_open = tables.UNSET if field.name in {"project_id", "tenant_id"} else REQUIRED
        theirs = spec.get("default", left_open)
        ours = list(field.default) if isinstance(field.default, tuple) else field.default
        yield "default", ours, ABSENT if theirs is tables.UNSET else theirs


def values(field: Field, spec: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for probe in PROBES:
        ours, theirs = refusal(field, probe), tables.refusal(spec, copy.deepcopy(probe))
        alike = ours == theirs or (ours is not None and theirs is not None and theirs.kind == "failure")
        if not alike:
            yield field.name, repr(probe), f"{ours}, but in neutron-lib {theirs}"


def refusal(field: Field, probe: Any) -> tables.Refusal | None:
    try:
        field.parse(copy.deepcopy(probe))
    except parse.Unfit as error:
        return tables.Refusal("", str(error))
    except ApiError as error:
        return tables.Refusal(error.kind, str(error))
    return None


def test_every_extension_has_an_alias_of_neutron() -> None:
    assert set(ALIASES) - set(tables.by_alias()) <= OUR_ALIASES | NOT_IN_NEUTRON_LIB


def test_every_extension_that_one_needs_is_listed_too() -> None:
    core = {"network", "port", "subnet", "subnetpool", "dvr"}  # of "dvr" a router shows that it is not distributed
    for alias in set(ALIASES) & set(tables.by_alias()):
        needed = set(getattr(tables.by_alias()[alias], "REQUIRED_EXTENSIONS", None) or ())
        assert needed <= set(ALIASES) | core, alias


@pytest.mark.parametrize("resource", COMPARED, ids=lambda resource: resource.collection)
def test_a_table_is_neutrons(resource: Resource[Any]) -> None:
    unknown = [found for found in differences(resource) if known(resource.collection, *found[:2]) is None]
    assert not unknown, "\n".join(" | ".join(found) for found in unknown)


def test_every_known_difference_is_still_one() -> None:
    found = {known(resource.collection, *found[:2]) for resource in COMPARED for found in differences(resource)}
    assert sorted(DIFFERENCES.keys() - found) == []
