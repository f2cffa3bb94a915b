"""What neutron-lib says of each attribute, put together for the extensions that we list.

neutron-lib has no table for what Neutron keeps to itself: security groups and the standard attributes stand here.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterable
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

from neutron_lib import constants, exceptions
from neutron_lib.api import converters, definitions, validators
from neutron_lib.db import constants as sizes
from oslo_config import cfg
from webob import exc

Specs = dict[str, dict[str, Any]]
"""Attributes of one collection, as neutron-lib writes them."""

UNSET = constants.ATTR_NOT_SPECIFIED
_CORE = ("network", "port", "subnet", "subnetpool")
_TAGGED = {
    "networks",
    "network_segment_ranges",
    "segments",
    "subnets",
    "subnetpools",
    "ports",
    "routers",
    "floatingips",
    "security_groups",
    "policies",
    "trunks",
}
_STANDARD = {*_TAGGED, "security_group_rules"}


# Neutron registers these; the validators read them.
cfg.CONF.register_opts(
    [
        cfg.StrOpt("dns_domain", default="openstacklocal"),
        cfg.IntOpt("max_allowed_address_pair", default=10),
        cfg.StrOpt("base_mac", default="fa:16:3e:00:00:00"),
        cfg.BoolOpt("sg_filter_ethertypes", default=False),
    ]
)


def _spec(*, post: bool = False, put: bool = False, **others: Any) -> dict[str, Any]:
    return {"allow_post": post, "allow_put": put, "is_visible": True} | others


_LISTED = {"is_filter": True, "is_sort_key": True}
_PROJECT = _spec(post=True, validate={"type:string": sizes.PROJECT_ID_FIELD_SIZE}, required_by_policy=True, **_LISTED)
_FACTS: dict[str, dict[str, Specs]] = {
    "standard-attr-description": {
        collection: {
            "description": _spec(
                post=True,
                put=True,
                validate={"type:string": sizes.DESCRIPTION_FIELD_SIZE},
                default="",
                is_filter=True,
            )
        }
        for collection in _STANDARD
    },
    "standard-attr-timestamp": {
        collection: {name: _spec(default=None) for name in ("created_at", "updated_at")} for collection in _STANDARD
    },
    "standard-attr-revisions": {
        collection: {"revision_number": _spec(default=None, is_filter=True)} for collection in _STANDARD
    },
    "standard-attr-tag": {collection: {"tags": _spec(is_filter=True)} for collection in _TAGGED},
    "tag-ports-during-bulk-creation": {
        "ports": {"tags": _spec(post=True, validate={"type:list_of_unique_strings": 255}, default=[], is_filter=True)}
    },
    "security-group": {
        "ports": {
            "security_groups": _spec(
                post=True,
                put=True,
                convert_to=converters.convert_none_to_empty_list,
                validate={"type:uuid_list": None},
                default=UNSET,
                is_filter=True,
            )
        },
        "security_groups": {
            "id": _spec(**_LISTED),
            "name": _spec(post=True, put=True, default="", validate={"type:string": sizes.NAME_FIELD_SIZE}, **_LISTED),
            "tenant_id": _PROJECT,
            "security_group_rules": _spec(),
        },
        "security_group_rules": {
            "id": _spec(**_LISTED),
            "security_group_id": _spec(post=True, validate={"type:string": sizes.UUID_FIELD_SIZE}, **_LISTED),
            "direction": _spec(post=True, validate={"type:values": ["ingress", "egress"]}, **_LISTED),
            "ethertype": _spec(post=True, default="IPv4", **_LISTED),
            **{
                name: _spec(post=True, default=None, **_LISTED)
                for name in ("remote_group_id", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix")
            },
            "tenant_id": _PROJECT,
        },
    },
}


@cache
def by_alias() -> dict[str, ModuleType]:
    """neutron-lib's definitions by alias."""
    modules = (
        importlib.import_module(f"{definitions.__name__}.{found.name}")
        for found in pkgutil.iter_modules(definitions.__path__)
    )
    return {module.ALIAS: module for module in modules if hasattr(module, "ALIAS")}


def collections(aliases: Iterable[str]) -> dict[str, Specs]:
    """The attributes of every collection that these extensions bring or extend, and of the three core ones."""
    found: dict[str, Specs] = {}
    for alias in _in_order(aliases):
        tables = _FACTS.get(alias) or getattr(by_alias().get(alias), "RESOURCE_ATTRIBUTE_MAP", None) or {}
        for collection, specs in tables.items():
            have = found.setdefault(collection, {})
            for name, spec in specs.items():
                have[name] = have.get(name, {}) | spec
    for specs in found.values():
        project = specs.get("tenant_id") or specs.get("project_id")
        if project is not None:
            specs |= {"tenant_id": project, "project_id": project}
    return found


def _in_order(aliases: Iterable[str]) -> list[str]:
    """Each after those that it requires, whose attributes it may change."""
    ordered: list[str] = []

    def add(alias: str) -> None:
        for required in getattr(by_alias().get(alias), "REQUIRED_EXTENSIONS", None) or ():
            add(required)
        if alias not in ordered:
            ordered.append(alias)

    for alias in (*_CORE, *_FACTS, *sorted(aliases)):
        add(alias)
    return ordered


class Refusal(NamedTuple):
    """Why a value is not taken."""

    kind: str
    """The exception; "" where the reason stands in a sentence with the attribute's name."""
    reason: str


def refusal(spec: dict[str, Any], value: Any) -> Refusal | None:
    """What Neutron says of a value; None if it takes it."""
    try:
        if "convert_to" in spec:
            value = spec["convert_to"](value)
        for rule, about in spec.get("validate", {}).items():
            reason = validators.get_validator(rule)(value, about)
            if reason:
                return Refusal("", _settled(str(reason)))
    except (exceptions.NeutronException, exc.HTTPException) as error:
        return Refusal(type(error).__name__, _settled(str(error)))
    except Exception as error:  # noqa: BLE001 - it fails on this value, and its caller is told so with a 500
        return Refusal("failure", str(error))
    return None


def _settled(reason: str) -> str:
    """Python's sets have no order."""
    return re.sub(r"\{('[^{}:]*')\}", lambda found: f"{{{', '.join(sorted(found[1].split(', ')))}}}", reason)
