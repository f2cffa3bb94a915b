"""Requests that are refused: Neutron's status, type and words, and nothing has changed."""

# ruff: noqa: E501 - a case of a table stands on one line

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from api_kit import OTHER_PROJECT, PROJECT, Client
from futago.controller.store.database import Database

NOBODY = "99999999-9999-4999-8999-999999999999"
SUBNET_CASES = [
    ({"cidr": "nonsense"}, 400, "InvalidInput", "Invalid input for operation: nonsense is not in a CIDR format."),
    ({"cidr": 5}, 400, "InvalidInput", "5 is not in a CIDR format"),
    ({"cidr": "0.0.0.0/0"}, 400, "InvalidInput", "0 is not allowed as CIDR prefix length"),
    ({"cidr": "224.0.0.0/24"}, 400, "InvalidInput", "not a range of addresses"),
    ({"cidr": "10.0.0.0/31"}, 400, "InvalidInput", "incompatible with DHCP"),
    ({"cidr": None}, 400, "BadRequest", "Bad subnets request: a subnetpool must be specified"),
    ({"cidr": "2001:db8::/64"}, 400, "InvalidInput", "cidr '2001:db8::/64' does not match the ip_version '4'"),
    ({"cidr": "10.0.0.0/24", "ip_version": 6}, 400, "InvalidInput", "does not match the ip_version '6'"),
    ({"cidr": "10.0.0.0/24", "ip_version": "7"}, 400, "HTTPBadRequest", "Invalid input for ip_version"),
    ({"cidr": "192.168.80.128/25"}, 400, "InvalidInput", "overlaps with another subnet"),
    ({"cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.0"}, 400, "InvalidInput", "Gateway is not valid on subnet"),
    ({"cidr": "10.0.0.0/24", "gateway_ip": "10.1.0.1"}, 400, "InvalidInput", "Gateway is not valid on subnet"),
    ({"allocation_pools": [{"start": "10.0.0.2", "end": "10.0.1.9"}]}, 400, "OutOfBoundsAllocationPool", "spans beyond"),
    ({"allocation_pools": [{"start": "10.0.0.9", "end": "10.0.0.2"}]}, 400, "InvalidAllocationPool", "is not valid"),
    ({"allocation_pools": [{"start": "10.0.0.1", "end": "10.0.0.9"}]}, 409, "GatewayConflictWithAllocationPools", "10.0.0.1"),
    ({"allocation_pools": "none"}, 400, "InvalidInput", "Invalid data format for allocation pools"),
    (
        {"allocation_pools": [{"start": "10.0.0.2"}]},
        400,
        "HTTPBadRequest",
        "Validation of dictionary's keys failed. Expected keys: {'end', 'start'} Provided keys: {'start'}",
    ),
    (
        {"allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.9"}, {"start": "10.0.0.5", "end": "10.0.0.12"}]},
        409,
        "OverlappingAllocationPools",
        "10.0.0.2-10.0.0.9 10.0.0.5-10.0.0.12",
    ),
    ({"network_id": NOBODY}, 404, "NetworkNotFound", f"Network {NOBODY} could not be found."),
    ({"network_id": "name"}, 400, "HTTPBadRequest", "Invalid input for network_id. Reason: 'name' is not a valid UUID."),
    ({"host_routes": [{"destination": "10.9.0.0/16"}]}, 400, "HTTPBadRequest", "nexthop"),
    ({"dns_nameservers": [f"8.8.8.{i}" for i in range(9)]}, 400, "DNSNameServersExhausted", "exceeds the limit 5"),
    ({"enable_dhcp": "notabool"}, 400, "InvalidInput", "'notabool' cannot be converted to boolean"),
    ({"subnetpool_id": NOBODY}, 404, "SubnetPoolNotFound", f"Subnet pool {NOBODY} could not be found."),
]  # fmt: skip
NETWORK_CASES = [
    ({"router:external1": "True"}, 400, "HTTPBadRequest", "Unrecognized attribute(s) 'router:external1'"),
    ({"shared": "notabool"}, 400, "InvalidInput", "'notabool' cannot be converted to boolean."),
    ({"id": NOBODY}, 400, "HTTPBadRequest", "Attribute 'id' not allowed in POST"),
    ({"name": 5}, 400, "HTTPBadRequest", "Invalid input for name. Reason: '5' is not a valid string."),
    ({"name": "x" * 256}, 400, "HTTPBadRequest", "exceeds maximum length of 255"),
    ({"name": "a\0b"}, 400, "HTTPBadRequest", "is not a valid string"),
    ({"name": " a"}, 400, "HTTPBadRequest", "Invalid input for name. Reason: ' a' is not a valid string."),
    ({"name": "a\tb"}, 400, "HTTPBadRequest", "is not a valid string"),
    (
        {"provider:network_type": "local"},
        400,
        "InvalidInput",
        "network type 'local' is not supported; there are: flat, vlan, gre, vxlan",
    ),
    ({"provider:network_type": "flat"}, 400, "InvalidInput", "physical_network required for flat provider network"),
    ({"provider:physical_network": "external1"}, 400, "InvalidInput", "network_type required"),
    (
        {"provider:network_type": "flat", "provider:physical_network": "taken"},
        409,
        "FlatNetworkInUse",
        "Unable to create the flat network. Physical network taken is in use.",
    ),
    (
        {"provider:network_type": "vxlan", "provider:segmentation_id": "1234"},
        409,
        "TunnelIdInUse",
        "The tunnel ID 1234 is in use.",
    ),
    ({"provider:network_type": "vxlan", "provider:segmentation_id": 2**24}, 400, "InvalidInput", "out of range"),
    ({"provider:network_type": "vxlan", "provider:physical_network": "x"}, 400, "InvalidInput", "specified for vxlan"),
    ({"mtu": -1}, 400, "HTTPBadRequest", "'-1' should be non-negative"),
    ({"provider:network_type": "vxlan", "provider:segmentation_id": 0}, 400, "InvalidInput", "out of range"),
    ({"provider:segmentation_id": "x"}, 400, "InvalidInput", "'x' is not an integer"),
    ({"mtu": 9000}, 400, "InvalidInput", "Requested MTU is too big, maximum is 1450"),
    ({"project_id": "a", "tenant_id": "b"}, 400, "HTTPBadRequest", "'project_id' and 'tenant_id' do not match"),
]  # fmt: skip
PORT_CASES = [
    ({"network_id": NOBODY}, 404, "NetworkNotFound", "could not be found"),
    ({"fixed_ips": [{"ip_address": "192.168.80.10"}]}, 409, "IpAddressAlreadyAllocated", "192.168.80.10"),
    ({"fixed_ips": [{"ip_address": "10.9.9.9"}]}, 400, "InvalidIpForNetwork", "is not a valid IP for any of the subnets"),
    ({"fixed_ips": [{"ip_address": "192.168.80.255"}]}, 400, "InvalidIpForNetwork", "is not a valid IP"),
    ({"fixed_ips": [{"subnet_id": NOBODY}]}, 400, "InvalidInput", "invalid subnet"),
    ({"fixed_ips": [{}]}, 400, "InvalidInput", "subnet_id or ip_address"),
    ({"fixed_ips": "all"}, 400, "HTTPBadRequest", "Invalid data format for fixed IP: 'all'"),
    ({"fixed_ips": [{"ip_address": "10.0.0.9"}] * 2}, 400, "HTTPBadRequest", "Duplicate IP address '10.0.0.9'"),
    ({"fixed_ips": [{"ip_address": "010.0.0.9"}]}, 400, "HTTPBadRequest", "accepted IP address, '10.0.0.9' is recom"),
    ({"mac_address": "fa:16:3e:00:00:01"}, 409, "MacAddressInUse", "The mac address fa:16:3e:00:00:01 is in use."),
    ({"mac_address": "FA-16-3E-00-00-01"}, 409, "MacAddressInUse", "is in use"),
    ({"mac_address": "01:00:5e:00:00:01"}, 400, "HTTPBadRequest", "is not a valid MAC address"),
    ({"mac_address": ["a"]}, 400, "HTTPBadRequest", "is not a valid MAC address"),
    ({"security_groups": [NOBODY]}, 404, "SecurityGroupNotFound", "does not exist"),
    ({"dns_name": "two\nlines"}, 400, "HTTPBadRequest", "not a valid PQDN or FQDN"),
    ({"binding:vnic_type": "direct"}, 400, "HTTPBadRequest", "direct is not in valid_values"),
    ({"tags": "red"}, 400, "HTTPBadRequest", "Invalid input for tags. Reason: 'red' is not a list."),
    ({"allowed_address_pairs": {}}, 400, "HTTPBadRequest", "Allowed address pairs must be a list."),
    ({"allowed_address_pairs": [{"ip_address": "224.0.0.1"}]}, 400, "HTTPBadRequest", "is a multicast address"),
    ({"allowed_address_pairs": [{"mac_address": "fa:16:3e:00:00:02"}]}, 400, "AllowedAddressPairsMissingIP", "ip_address"),
    (
        {"port_security_enabled": False, "allowed_address_pairs": [{"ip_address": "10.0.0.1"}]},
        409,
        "AddressPairAndPortSecurityRequired",
        "Port Security must be enabled",
    ),
]  # fmt: skip
BODIES = [
    (b"{", "Body contains invalid data"),
    (b"", "Unable to find 'network' in request body"),
    (b"\xff\xfe", "Body contains invalid data"),
    (b"[" * 100_000, "Body contains invalid data"),
    (b'{"network": {"name": ' + b"[" * 900 + b"]" * 900 + b"}}", ""),
    (b"null", "Body contains invalid data"),
    (b"[]", "Body contains invalid data"),
    (b'{"networks": []}', "Resources required"),
    (b'{"port": {}}', "Unable to find 'network' in request body"),
    (b'{"network": 5}', "Object 'network' contains invalid data"),
    (b'{"network": null}', "Unable to find 'network' in request body"),
    (b'{"networks": "all"}', "Body contains invalid data"),
    (b'{"networks": [5]}', "Body contains invalid data"),
    (b'{"network": {"name": "a", "nam": "b", "x": 1}}', "Unrecognized attribute(s) 'nam, x'"),
]


def _revision(database: Database) -> int:
    with database.read() as view:
        return view.revision()


@pytest.mark.parametrize(("change", "status", "kind", "words"), SUBNET_CASES)
def test_a_bad_subnet_is_refused_and_nothing_changes(
    admin: Client, database: Database, change: dict[str, Any], status: int, kind: str, words: str
) -> None:
    network = admin.network(name="n")
    admin.subnet(network, "192.168.80.0/24")
    before = _revision(database)
    body = {"network_id": network["id"], "cidr": "10.0.0.0/24", "ip_version": 4, **change}
    admin.refused("POST", "/v2.0/subnets", {"subnet": body}, status, kind, words)
    assert _revision(database) == before


@pytest.mark.parametrize(("body", "status", "kind", "words"), NETWORK_CASES)
def test_a_bad_network_is_refused_and_nothing_changes(
    admin: Client, database: Database, body: dict[str, Any], status: int, kind: str, words: str
) -> None:
    admin.network(**{"provider:network_type": "flat", "provider:physical_network": "taken"})
    admin.network(**{"provider:network_type": "vxlan", "provider:segmentation_id": 1234})
    before = _revision(database)
    admin.refused("POST", "/v2.0/networks", {"network": body}, status, kind, words)
    assert _revision(database) == before


@pytest.mark.parametrize(("change", "status", "kind", "words"), PORT_CASES)
def test_a_bad_port_is_refused_and_nothing_changes(
    admin: Client, database: Database, change: dict[str, Any], status: int, kind: str, words: str
) -> None:
    network = admin.network(name="n")
    admin.subnet(network, "192.168.80.0/24")
    admin.port(network, mac_address="fa:16:3e:00:00:01", fixed_ips=[{"ip_address": "192.168.80.10"}])
    before = _revision(database)
    body = {"network_id": network["id"], **change}
    admin.refused("POST", "/v2.0/ports", {"port": body}, status, kind, words)
    assert _revision(database) == before


@pytest.mark.parametrize(("content", "words"), BODIES)
def test_a_body_that_is_not_a_request_is_refused(admin: Client, database: Database, content: bytes, words: str) -> None:
    before = _revision(database)
    answer = admin.request("POST", "/v2.0/networks", content)
    assert answer.status_code == 400
    assert answer.json()["NeutronError"]["type"] == "HTTPBadRequest"
    assert words in answer.json()["NeutronError"]["message"]
    assert _revision(database) == before


def test_a_body_of_many_megabytes_is_not_read_to_its_end(admin: Client) -> None:
    answer = admin.request("POST", "/v2.0/networks", b" " * (5 * 1024 * 1024))
    assert answer.status_code == 413


@pytest.mark.parametrize("token", ["", "wrong"])
@pytest.mark.parametrize("path", ["/v2.0/networks", "/v2.0/", "/v2.0/extensions", "/v2.0/nothing", "/v2.0/quotas/x"])
def test_without_a_good_token_there_is_nothing_to_see(as_: Callable[[str], Client], token: str, path: str) -> None:
    answer = as_(token).request("GET", path)
    assert answer.status_code == 401
    message = "The request you have made requires authentication."
    assert answer.json() == {"error": {"code": 401, "title": "Unauthorized", "message": message}}
    assert answer.headers["WWW-Authenticate"] == 'Keystone uri="http://controller:9696/identity"'
    assert answer.headers["x-openstack-request-id"].startswith("req-")


@pytest.mark.parametrize(
    ("collection", "kind", "words"),
    [
        ("networks", "NetworkNotFound", "Network x could not be found."),
        ("subnets", "SubnetNotFound", "Subnet x could not be found."),
        ("ports", "PortNotFound", "Port x could not be found."),
        ("routers", "RouterNotFound", "Router x could not be found"),
        ("floatingips", "FloatingIPNotFound", "Floating IP x could not be found"),
        ("security-groups", "SecurityGroupNotFound", "Security group x does not exist"),
        ("security-group-rules", "SecurityGroupRuleNotFound", "Security group rule x does not exist"),
        ("agents", "AgentNotFound", "Agent x could not be found."),
        ("nothing", "HTTPNotFound", "The resource could not be found."),
    ],
)
def test_what_there_is_not_is_not_found_even_by_a_name(admin: Client, collection: str, kind: str, words: str) -> None:
    admin.refused("GET", f"/v2.0/{collection}/x", None, 404, kind, words)


def test_everything_that_can_stand_in_a_field_gives_an_answer_and_never_a_traceback(admin: Client) -> None:
    """Each attribute of each resource with values of every JSON type: 2xx or 4xx, nothing else."""
    network = admin.network(name="n")
    odd: list[Any] = [None, True, -1, 2**70, 1.5, "", "x", "é\u202e", [], [None], [[]], [{}], {}, {"a": {}}, [1, "1"]]
    for name, path, field_names in _writable():
        for attribute in field_names:
            for value in odd:
                body = {"network_id": network["id"], "cidr": "10.0.0.0/24", "ip_version": 4} if name == "subnet" else {}
                body = {"network_id": network["id"]} if name == "port" else body
                answer = admin.request("POST", path, {name: {**body, attribute: value}})
                assert answer.status_code < 500 or answer.status_code == 503, (name, attribute, value, answer.text)
                assert msgspec.json.decode(answer.content)


def _writable() -> list[tuple[str, str, list[str]]]:
    from futago.controller.resources.catalog import RESOURCES

    return [
        (resource.name, f"/v2.0/{resource.path}", [field.name for field in resource.fields if field.post])
        for resource in RESOURCES
        if resource.create is not None
    ]


def test_a_member_cannot_act_for_another_project(member: Client) -> None:
    for name in ("project_id", "tenant_id"):
        words = "Specifying 'project_id' other than the authenticated project in request is not allowed"
        member.refused("POST", "/v2.0/networks", {"network": {name: OTHER_PROJECT}}, 400, "HTTPBadRequest", words)
    assert member.network(project_id=PROJECT)["project_id"] == PROJECT
