"""Subnets that are cut from pools, and the address scopes that pools are in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api_kit import Client

POOLS = "/v2.0/subnetpools"


def pool_of(client: Client, *prefixes: str, **attributes: Any) -> dict[str, Any]:
    body = {"name": "pool", "prefixes": list(prefixes), **attributes}
    return client.post(POOLS, {"subnetpool": body})["subnetpool"]


def cut(client: Client, network: dict[str, Any], pool: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    body = {"network_id": network["id"], "subnetpool_id": pool["id"], "ip_version": pool["ip_version"], **attributes}
    return client.post("/v2.0/subnets", {"subnet": body})["subnet"]


def refused_cut(client: Client, pool: dict[str, Any], attributes: dict[str, Any], status: int, kind: str) -> None:
    network = client.network()
    body = {"network_id": network["id"], "subnetpool_id": pool["id"], "ip_version": 4, **attributes}
    client.refused("POST", "/v2.0/subnets", {"subnet": body}, status, kind)
    assert client.get(f"/v2.0/networks/{network['id']}")["network"]["subnets"] == []


def scope_of(client: Client, version: int = 4, **attributes: Any) -> dict[str, Any]:
    body = {"name": "scope", "ip_version": version, **attributes}
    return client.post("/v2.0/address-scopes", {"address_scope": body})["address_scope"]


def test_a_pool_shows_its_prefixes_as_few_and_its_lengths_as_strings(member: Client) -> None:
    pool = pool_of(member, "10.1.0.0/17", "10.1.128.0/17", "10.0.0.0/16")
    assert pool["prefixes"] == ["10.0.0.0/15"]
    lengths = {name: pool[f"{name}_prefixlen"] for name in ("min", "default", "max")}
    assert lengths == {"min": "8", "default": "8", "max": "32"}
    assert (pool["ip_version"], pool["shared"], pool["is_default"]) == (4, False, False)
    assert (pool["default_quota"], pool["address_scope_id"]) == (None, None)
    six = pool_of(member, "2001:db8::/48")
    assert (six["min_prefixlen"], six["default_prefixlen"], six["max_prefixlen"]) == ("64", "64", "128")
    assert [one["id"] for one in member.get(f"{POOLS}?ip_version=6")["subnetpools"]] == [six["id"]]


@pytest.mark.parametrize(
    ("attributes", "kind", "words"),
    [
        ({"prefixes": []}, "EmptySubnetPoolPrefixList", "Empty subnet pool prefix list."),
        ({"prefixes": ["10.0.0.0/8", "2001:db8::/48"]}, "PrefixVersionMismatch", "Cannot mix IPv4 and IPv6"),
        ({"prefixes": ["10.0.0.1"]}, "HTTPBadRequest", "'10.0.0.1' is not a valid IP subnet"),
        ({"prefixes": "10.0.0.0/8"}, "HTTPBadRequest", "Invalid input for prefixes"),
        ({"name": " "}, "HTTPBadRequest", "Blank strings are not permitted"),
        ({"min_prefixlen": 24, "max_prefixlen": 20}, "IllegalSubnetPoolPrefixBounds", "min_prefixlen=24"),
        ({"max_prefixlen": 33}, "IllegalSubnetPoolPrefixBounds", "max_prefixlen=33, ip_version_max=32."),
        ({"default_prefixlen": 4}, "IllegalSubnetPoolPrefixBounds", "default_prefixlen=4, min_prefixlen=8."),
        ({"default_prefixlen": 30, "max_prefixlen": 28}, "IllegalSubnetPoolPrefixBounds", "default_prefixlen=30"),
        ({"default_quota": -1}, "HTTPBadRequest", "'-1' should be non-negative"),
    ],
)
def test_what_is_no_pool_is_refused(member: Client, attributes: dict[str, Any], kind: str, words: str) -> None:
    body = {"subnetpool": {"name": "pool", "prefixes": ["10.0.0.0/8"], **attributes}}
    member.refused("POST", POOLS, body, 400, kind, words)
    assert member.get(POOLS)["subnetpools"] == []


def test_subnets_take_the_first_free_range_of_the_length(member: Client) -> None:
    pool = pool_of(member, "10.0.0.0/16", default_prefixlen=24)
    subnets = [cut(member, member.network(), pool) for _ in range(2)]
    subnets.append(cut(member, member.network(), pool, prefixlen=26))
    assert [subnet["cidr"] for subnet in subnets] == ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/26"]
    assert subnets[0]["gateway_ip"] == "10.0.0.1"
    assert subnets[0]["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    assert {subnet["subnetpool_id"] for subnet in subnets} == {pool["id"]}
    member.refused("DELETE", f"{POOLS}/{pool['id']}", None, 400, "SubnetPoolDeleteError", "existing allocations")
    member.delete(f"/v2.0/subnets/{subnets[0]['id']}")
    assert cut(member, member.network(), pool)["cidr"] == "10.0.0.0/24"


def test_a_subnet_names_its_range_or_its_gateway(member: Client) -> None:
    pool = pool_of(member, "10.0.0.0/16", default_prefixlen=24)
    named = cut(member, member.network(), pool, cidr="10.0.7.0/24")
    assert named["cidr"] == "10.0.7.0/24"
    around = cut(member, member.network(), pool, gateway_ip="10.0.9.77")
    assert (around["cidr"], around["gateway_ip"]) == ("10.0.9.0/24", "10.0.9.77")
    refused_cut(member, pool, {"cidr": "10.0.7.0/25"}, 409, "SubnetAllocationError")
    refused_cut(member, pool, {"cidr": "10.9.0.0/24"}, 409, "SubnetAllocationError")


@pytest.mark.parametrize(
    ("attributes", "status", "kind"),
    [
        ({"prefixlen": 30}, 400, "MaxPrefixSubnetAllocationError"),
        ({"prefixlen": 12}, 400, "MinPrefixSubnetAllocationError"),
        ({"prefixlen": 24, "cidr": "10.0.0.0/24"}, 400, "BadRequest"),
        ({"ip_version": 6}, 400, "BadRequest"),
        ({"allocation_pools": [{"start": "10.0.0.5", "end": "10.0.0.9"}]}, 400, "BadRequest"),
        ({"use_default_subnetpool": True}, 400, "BadRequest"),
    ],
)
def test_a_pool_gives_out_what_it_may_only(member: Client, attributes: dict[str, Any], status: int, kind: str) -> None:
    pool = pool_of(member, "10.0.0.0/12", min_prefixlen=14, max_prefixlen=28, default_prefixlen=24)
    refused_cut(member, pool, attributes, status, kind)


def test_a_pool_that_is_used_up_says_so(member: Client) -> None:
    pool = pool_of(member, "10.0.0.0/25", min_prefixlen=25)
    cut(member, member.network(), pool)
    refused_cut(member, pool, {}, 409, "SubnetAllocationError")


def test_a_project_takes_no_more_than_its_part(admin: Client, member: Client, stranger: Client) -> None:
    pool = pool_of(admin, "10.0.0.0/16", default_prefixlen=24, default_quota=512, shared=True)
    for _ in range(2):
        cut(member, member.network(), pool)
    refused_cut(member, pool, {"prefixlen": 30}, 409, "SubnetPoolQuotaExceeded")
    assert cut(stranger, stranger.network(), pool)["cidr"] == "10.0.2.0/24"


def test_subnets_made_at_once_do_not_overlap(member: Client) -> None:
    pool = pool_of(member, "10.0.0.0/24", default_prefixlen=28)
    networks = [member.network() for _ in range(8)]
    work: Callable[[dict[str, Any]], str] = lambda network: cut(member, network, pool)["cidr"]  # noqa: E731
    with ThreadPoolExecutor(8) as threads:
        cidrs = list(threads.map(work, networks))
    assert sorted(cidrs) == sorted(f"10.0.0.{16 * number}/28" for number in range(8))


def test_the_default_pool_of_a_family_is_one(admin: Client, member: Client) -> None:
    network = member.network()
    body = {"subnet": {"network_id": network["id"], "ip_version": 4, "use_default_subnetpool": True}}
    member.refused("POST", "/v2.0/subnets", body, 400, "BadRequest", "No default subnetpool found for IPv4")
    pool = pool_of(admin, "10.0.0.0/16", default_prefixlen=24, is_default=True, shared=True)
    assert member.post("/v2.0/subnets", body)["subnet"]["subnetpool_id"] == pool["id"]
    second = {"subnetpool": {"name": "second", "prefixes": ["10.2.0.0/16"], "is_default": True}}
    admin.refused("POST", POOLS, second, 400, "InvalidInput", "Only one default may exist per IP family")
    member.refused("POST", POOLS, second, 403, "PolicyNotAuthorized", "create_subnetpool:is_default")
    other = pool_of(admin, "10.3.0.0/16")
    change = {"subnetpool": {"is_default": True}}
    admin.refused("PUT", f"{POOLS}/{other['id']}", change, 400, "InvalidInput", "A default subnetpool")
    admin.put(f"{POOLS}/{pool['id']}", {"subnetpool": {"is_default": False}})
    assert admin.put(f"{POOLS}/{other['id']}", change)["subnetpool"]["is_default"] is True


def test_a_network_keeps_to_one_pool(member: Client) -> None:
    pool, other = pool_of(member, "10.0.0.0/16", default_prefixlen=24), pool_of(member, "10.1.0.0/16")
    network = member.network()
    cut(member, network, pool)
    assert cut(member, network, pool)["cidr"] == "10.0.1.0/24"
    path, kind = "/v2.0/subnets", "NetworkSubnetPoolAffinityError"
    body = {"network_id": network["id"], "ip_version": 4, "subnetpool_id": other["id"], "prefixlen": 24}
    member.refused("POST", path, {"subnet": body}, 400, kind, "must be allocated from the same subnet pool")
    plain = {"network_id": network["id"], "ip_version": 4, "cidr": "192.0.2.0/24"}
    member.refused("POST", path, {"subnet": plain}, 400, kind)


def test_the_prefixes_of_a_pool_grow_and_shrink_by_requests_of_their_own(member: Client) -> None:
    pool = pool_of(member, "10.0.0.0/24", default_prefixlen=26)
    path = f"{POOLS}/{pool['id']}"
    assert member.put(f"{path}/add_prefixes", {"prefixes": ["10.0.1.0/24"]}) == {"prefixes": ["10.0.0.0/23"]}
    smaller = {"subnetpool": {"prefixes": ["10.0.0.0/24"]}}
    member.refused("PUT", path, smaller, 400, "IllegalSubnetPoolPrefixUpdate", "must be a subset of the new prefixes")
    cut(member, member.network(), pool)
    used = {"prefixes": ["10.0.0.0/25"]}
    member.refused("PUT", f"{path}/remove_prefixes", used, 400, "IllegalSubnetPoolPrefixUpdate", "in use by a subnet")
    left = member.put(f"{path}/remove_prefixes", {"prefixes": ["10.0.1.128/25"]})
    assert left == {"prefixes": ["10.0.0.0/24", "10.0.1.0/25"]}
    assert member.get(path)["subnetpool"]["prefixes"] == left["prefixes"]
    wrong: tuple[object, ...] = ({}, {"prefixes": []}, {"prefixes": ["x"]}, [])
    for body in wrong:
        member.refused("PUT", f"{path}/add_prefixes", body, 400, "HTTPBadRequest")


def test_a_pool_takes_in_the_subnets_of_a_network(member: Client, stranger: Client) -> None:
    pool, network = pool_of(member, "10.0.0.0/24"), member.network()
    subnet = member.subnet(network, "10.5.0.0/24")
    path = f"{POOLS}/{pool['id']}/onboard_network_subnets"
    body = {"network_id": network["id"]}
    assert member.put(path, body) == [{"id": subnet["id"], "cidr": "10.5.0.0/24"}]
    assert member.get(f"/v2.0/subnets/{subnet['id']}")["subnet"]["subnetpool_id"] == pool["id"]
    assert member.get(f"{POOLS}/{pool['id']}")["subnetpool"]["prefixes"] == ["10.0.0.0/24", "10.5.0.0/24"]
    member.refused("PUT", path, body, 400, "IllegalSubnetPoolUpdate", "conflicts with allocated prefixes")
    member.refused("PUT", path, {}, 400, "InvalidInput", "network_id must be specified")
    stranger.refused("PUT", path, body, 404, "SubnetPoolNotFound")


def test_a_reader_does_not_change_prefixes(as_: Callable[[str], Client], member: Client) -> None:
    path = f"{POOLS}/{pool_of(member, '10.0.0.0/24')['id']}/add_prefixes"
    as_("reader").refused("PUT", path, {"prefixes": ["10.1.0.0/24"]}, 403, "PolicyNotAuthorized", "rule:add_prefixes")


def test_a_network_shows_the_scopes_of_its_pools(member: Client) -> None:
    four, six = scope_of(member), scope_of(member, 6)
    network = member.network()
    assert (network["ipv4_address_scope"], network["ipv6_address_scope"]) == (None, None)
    cut(member, network, pool_of(member, "10.0.0.0/16", default_prefixlen=24, address_scope_id=four["id"]))
    cut(member, network, pool_of(member, "2001:db8::/48", address_scope_id=six["id"]))
    shown = member.get(f"/v2.0/networks/{network['id']}")["network"]
    assert (shown["ipv4_address_scope"], shown["ipv6_address_scope"]) == (four["id"], six["id"])
    path = f"/v2.0/address-scopes/{four['id']}"
    member.refused("DELETE", path, None, 409, "AddressScopeInUse", "one or more subnet pools in use")
    assert member.put(path, {"address_scope": {"name": "renamed"}})["address_scope"] == {**four, "name": "renamed"}


def test_a_network_is_in_one_scope(member: Client) -> None:
    scope = scope_of(member)
    inside = [pool_of(member, f"10.{n}.0.0/16", default_prefixlen=24, address_scope_id=scope["id"]) for n in (1, 2)]
    network = member.network()
    assert [cut(member, network, pool)["cidr"] for pool in inside] == ["10.1.0.0/24", "10.2.0.0/24"]
    outside = pool_of(member, "10.9.0.0/16", default_prefixlen=24)
    body = {"network_id": network["id"], "ip_version": 4, "subnetpool_id": outside["id"]}
    kind = "NetworkAddressScopeAffinityError"
    member.refused("POST", "/v2.0/subnets", {"subnet": body}, 400, kind, "participate in the same address scope")
    other = scope_of(member)
    moved = {"subnetpool": {"address_scope_id": other["id"]}}
    member.refused("PUT", f"{POOLS}/{inside[0]['id']}", moved, 400, kind)


def test_the_pools_of_a_scope_do_not_overlap_and_are_of_its_family(member: Client) -> None:
    scope = scope_of(member)
    pool_of(member, "10.0.0.0/16", address_scope_id=scope["id"])
    overlapping = {"name": "p", "prefixes": ["10.0.128.0/24"], "address_scope_id": scope["id"]}
    member.refused("POST", POOLS, {"subnetpool": overlapping}, 409, "AddressScopePrefixConflict", "unique prefixes")
    six = {"name": "p", "prefixes": ["2001:db8::/48"], "address_scope_id": scope["id"]}
    kind = "IllegalSubnetPoolIpVersionAssociationToAddressScope"
    member.refused("POST", POOLS, {"subnetpool": six}, 400, kind, "ip_version is not 4")
    unknown = {**six, "address_scope_id": "00000000-0000-4000-8000-000000000000"}
    member.refused("POST", POOLS, {"subnetpool": unknown}, 404, "AddressScopeNotFound")


def test_who_uses_a_shared_scope_does_not_change_the_pool_in_it(admin: Client, member: Client) -> None:
    scope = scope_of(admin, shared=True)
    pool = pool_of(member, "10.0.0.0/16", address_scope_id=scope["id"])
    change = {"subnetpool": {"name": "renamed"}}
    words = f"cannot be updated when associated with shared address scope {scope['id']}"
    member.refused("PUT", f"{POOLS}/{pool['id']}", change, 400, "IllegalSubnetPoolUpdate", words)
    unshared = {"address_scope": {"shared": False}}
    path, kind = f"/v2.0/address-scopes/{scope['id']}", "AddressScopeUpdateError"
    admin.refused("PUT", path, unshared, 400, kind, "Shared address scope can't be unshared")
    member.refused("POST", "/v2.0/address-scopes", {"address_scope": {"ip_version": 5}}, 400, "HTTPBadRequest")
