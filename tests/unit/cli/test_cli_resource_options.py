"""What a command line says of attributes, as the JSON that it stands for."""

from typing import Any

import pytest

from futago.cli.resource_options import named
from futago.client import ApiClient, ApiRefused
from futago.controller.resources import schema
from futago.controller.resources.catalog import RESOURCES

NETWORK = "11111111-1111-1111-1111-111111111111"


class OneNetwork(ApiClient):
    """Knows a network and a subnet `blue`, and nothing else."""

    def __init__(self) -> None:
        pass

    def list(self, collection: str, **query: str) -> Any:
        known = collection in {"networks", "subnets"} and query == {"name": "blue"}
        return [{"id": NETWORK}] if known else []


def read(resource: str, field: str, given: Any) -> Any:
    fields = next(one for one in RESOURCES if one.name == resource).field(field)
    assert fields is not None
    name = field.replace(":", "_")
    return named(OneNetwork(), {field: schema.of(fields.parse)}, {name: given})


@pytest.mark.parametrize(
    ("resource", "field", "given", "meant"),
    [
        ("network", "description", "[dev] net", "[dev] net"),
        ("network", "description", "", ""),
        ("network", "name", "null", "null"),
        ("port", "network_id", "blue", NETWORK),
        ("subnet", "gateway_ip", "null", None),
        ("subnet", "dns_nameservers", ("9.9.9.9", "8.8.8.8"), ["9.9.9.9", "8.8.8.8"]),
        ("subnet", "dns_nameservers", ("[]",), []),
        ("subnet", "allocation_pools", ("start=10.0.0.2,end=10.0.0.9",), [{"start": "10.0.0.2", "end": "10.0.0.9"}]),
        ("port", "fixed_ips", ("subnet=blue",), [{"subnet_id": NETWORK}]),
        ("port", "fixed_ips", ("ip-address=10.0.0.9",), [{"ip_address": "10.0.0.9"}]),
        ("port", "fixed_ips", ('[{"ip_address": "10.0.0.9"}]',), [{"ip_address": "10.0.0.9"}]),
        ("port", "fixed_ips", ('{"ip_address": "10.0.0.9"}',), [{"ip_address": "10.0.0.9"}]),
        ("port", "binding:profile", "a=1", {"a": "1"}),
        (
            "router",
            "external_gateway_info",
            "network=blue,enable_snat=false",
            {"network_id": NETWORK, "enable_snat": False},
        ),
        ("router", "external_gateway_info", "null", None),
        ("security_groups_default_statefulness", "project_id", "null", None),
        ("security_groups_default_statefulness", "project_id", "blue", "blue"),
        (
            "trunk",
            "sub_ports",
            (f"port={NETWORK},segmentation_type=vlan,segmentation_id=7",),
            [{"port_id": NETWORK, "segmentation_type": "vlan", "segmentation_id": 7}],
        ),
    ],
)
def test_a_command_line_means(resource: str, field: str, given: Any, meant: Any) -> None:
    assert read(resource, field, given) == {field: meant}


@pytest.mark.parametrize(
    ("resource", "field", "given", "says"),
    [
        ("port", "fixed_ips", ("address=10.0.0.9",), "--fixed-ips address=10.0.0.9: expected ip_address=…,subnet_id=…"),
        ("port", "fixed_ips", ("10.0.0.9",), "or JSON"),
        ("port", "fixed_ips", ("{",), "this is no JSON"),
        ("port", "network_id", "green", "there is no network green"),
    ],
)
def test_what_means_nothing_is_refused(resource: str, field: str, given: Any, says: str) -> None:
    with pytest.raises(ApiRefused) as refused:
        read(resource, field, given)
    assert says in str(refused.value)
