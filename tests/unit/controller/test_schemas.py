"""What the API's description says of a value is what its parser takes."""

import ipaddress
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from futago.controller.resources import parse, schema
from futago.controller.resources.catalog import ACTIONS, RESOURCES
from futago.controller.resources.definition import Field
from futago.controller.resources.errors import ApiError

_FORMATS = {
    "uuid": st.uuids().map(str),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
}
_TAKEN = {
    f"{resource.name}.{field.name}": field
    for resource in RESOURCES
    for field in resource.fields
    if (field.post or field.put) and field.parse is not parse.anything
}
SOME_ID = str(uuid.UUID(int=1))


def values(of: schema.Schema) -> st.SearchStrategy[Any]:
    """What a schema allows, as far as ours go."""
    if "anyOf" in of:
        rest = {key: value for key, value in of.items() if key != "anyOf"}
        return st.one_of([values(rest | option) for option in of["anyOf"]])
    if "enum" in of or "const" in of:
        return st.sampled_from(of.get("enum") or [of["const"]])
    return _TYPES[of["type"]](of)


def _lists(of: schema.Schema) -> st.SearchStrategy[Any]:
    unique = repr if of["uniqueItems"] else None
    return st.lists(values(of["items"]), max_size=min(3, of.get("maxItems", 3)), unique_by=unique)


def _texts(of: schema.Schema) -> st.SearchStrategy[Any]:
    if "format" in of:
        return _FORMATS[of["format"]]
    found = st.from_regex(of.get("pattern", ".*"), fullmatch=True)
    return found.filter(lambda text: of.get("minLength", 0) <= len(text) <= of.get("maxLength", 1 << 20))


def _objects(of: schema.Schema) -> st.SearchStrategy[Any]:
    known = {name: values(one) for name, one in of.get("properties", {}).items()}
    required = of.get("required", ())
    return st.fixed_dictionaries(
        {name: known[name] for name in required},
        optional={name: one for name, one in known.items() if name not in required},
    )


_TYPES: dict[str, Callable[[schema.Schema], st.SearchStrategy[Any]]] = {
    "null": lambda _of: st.none(),
    "boolean": lambda _of: st.booleans(),
    "integer": lambda of: st.integers(of.get("minimum"), of.get("maximum")),
    "array": _lists,
    "object": _objects,
    "string": _texts,
}
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_IS_FORMAT = {"uuid": uuid.UUID, "ipv4": ipaddress.IPv4Address, "ipv6": ipaddress.IPv6Address}


def allows(of: schema.Schema, value: Any) -> bool:
    """Whether a value is as the schema says, as far as ours go."""
    if "type" in of and not isinstance(value, _KINDS[of["type"]]):
        return False
    laws = [
        "anyOf" not in of or any(allows(option, value) for option in of["anyOf"]),
        value in of.get("enum", [value]),
        value == of.get("const", value),
        "format" not in of or _is_format(of["format"], value),
    ]
    if isinstance(value, str):
        laws += [re.search(of.get("pattern", ""), value) is not None]
        laws += [of.get("minLength", 0) <= len(value) <= of.get("maxLength", len(value))]
    if isinstance(value, int):
        laws += [of.get("minimum", value) <= value <= of.get("maximum", value)]
    if isinstance(value, list):
        laws += [
            len(value) <= of.get("maxItems", len(value)),
            *("items" not in of or allows(of["items"], one) for one in value),
        ]
    if isinstance(value, dict):
        known = of.get("properties", {})
        laws += [value.keys() >= set(of.get("required", ()))]
        laws += [of.get("additionalProperties", True) or value.keys() <= known.keys()]
        laws += [allows(known.get(name, {}), one) for name, one in value.items()]
    return all(laws)


def _is_format(name: str, value: str) -> bool:
    try:
        return bool(_IS_FORMAT[name](value))
    except ValueError:
        return False


def refusal(field: Field, value: Any) -> Exception | None:
    try:
        field.parse(value)
    except (parse.Unfit, ApiError) as error:
        return error
    return None


@pytest.mark.parametrize("name", _TAKEN)
def test_every_value_that_a_request_may_give_is_described(name: str) -> None:
    assert schema.of(_TAKEN[name].parse)


@settings(max_examples=200)
@given(st.data())
def test_a_described_value_is_taken_or_refused_with_a_reason(data: st.DataObject) -> None:
    field = _TAKEN[data.draw(st.sampled_from(sorted(_TAKEN)))]
    value = data.draw(values(schema.of(field.parse)))
    error = refusal(field, value)
    assert error is None or str(error)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subnet.ip_version", 4),
        ("subnet.ipv6_ra_mode", "slaac"),
        ("subnet.allocation_pools", [{"start": "10.0.0.2", "end": "10.0.0.9"}]),
        ("subnet.host_routes", [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}]),
        ("subnet.service_types", ["compute:nova"]),
        ("subnet.cidr", "2001:db8::/64"),
        ("port.fixed_ips", [{"subnet_id": SOME_ID, "ip_address": "10.0.0.2"}]),
        ("port.allowed_address_pairs", [{"ip_address": "10.0.0.0/24", "mac_address": "fa:16:3e:00:00:01"}]),
        ("port.extra_dhcp_opts", [{"opt_name": "mtu", "opt_value": "1400", "ip_version": 4}]),
        ("router.external_gateway_info", {"network_id": SOME_ID, "external_fixed_ips": [{"ip_address": "10.0.0.2"}]}),
        ("security_group_rule.protocol", "tcp"),
        ("security_group_rule.protocol", "255"),
        ("security_group_rule.remote_ip_prefix", "10.0.0.1/24"),
        ("rbac_policy.target_tenant", "*"),
        ("trunk.sub_ports", [{"port_id": SOME_ID, "segmentation_type": "vlan", "segmentation_id": 7}]),
        ("port_forwarding.internal_port_range", "80:90"),
        ("dscp_marking_rule.dscp_mark", 26),
        ("network.dns_domain", "example.org."),
    ],
)
def test_what_clients_send_is_described_and_taken(name: str, value: Any) -> None:
    assert allows(schema.of(_TAKEN[name].parse), value)
    assert refusal(_TAKEN[name], value) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subnet.ip_version", 5),
        ("subnet.ipv6_ra_mode", "none"),
        ("subnet.allocation_pools", [{"start": "10.0.0.2"}]),
        ("subnet.host_routes", [{"destination": "10.9.0.0/16", "gateway": "10.0.0.9"}]),
        ("subnet.service_types", ["nova"]),
        ("subnet.cidr", "10.0.0.0/33"),
        ("port.fixed_ips", ["10.0.0.2"]),
        ("port.allowed_address_pairs", [{"mac_address": "fa:16:3e:00:00:01"}]),
        ("port.allowed_address_pairs", [{"ip_address": f"10.0.0.{number}"} for number in range(11)]),
        ("port.extra_dhcp_opts", [{"opt_name": "mtu"}]),
        ("port.mac_address", "01:00:5e:00:00:01"),
        ("router.external_gateway_info", {"enable_snat": True}),
        ("security_group_rule.protocol", "256"),
        ("security_group_rule.protocol", "tcpp"),
        ("rbac_policy.target_tenant", "everybody"),
        ("trunk.sub_ports", [{"segmentation_type": "vlan", "segmentation_id": 7}]),
        ("port_forwarding.internal_port_range", "80:90:100"),
        ("dscp_marking_rule.dscp_mark", 7),
        ("network.dns_domain", "example.org"),
        ("network.name", " blue"),
        ("subnetpool.name", ""),
    ],
)
def test_what_is_refused_is_not_described(name: str, value: Any) -> None:
    assert not allows(schema.of(_TAKEN[name].parse), value)
    assert refusal(_TAKEN[name], value) is not None


def test_every_action_that_reads_its_body_says_what_it_takes() -> None:
    bare = {
        action.path.rpartition("/")[2] for action in ACTIONS if action.method in {"PUT", "POST"} and not action.takes
    }
    assert bare == {"activate"}
