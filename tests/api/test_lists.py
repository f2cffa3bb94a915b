"""Lists: filters, fields, order and pages."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from api_kit import OTHER_PROJECT, Client

pytestmark = pytest.mark.each_database


@pytest.fixture
def networks(admin: Client) -> list[dict[str, Any]]:
    """Five networks, named out of order."""
    return [admin.network(name=name, shared=name == "c") for name in ("e", "b", "d", "a", "c")]


def _names(client: Client, query: str) -> list[str]:
    return [network["name"] for network in client.get(f"/v2.0/networks?{query}")["networks"]]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name=a", ["a"]),
        ("name=a&name=c", ["a", "c"]),
        ("name=nothing", []),
        ("shared=True", ["c"]),
        ("shared=false&name=c", []),
        ("router:external=False&name=a", ["a"]),
        ("provider:segmentation_id=1000", ["e"]),
        ("provider:physical_network=", []),
        ("description=", ["a", "b", "c", "d", "e"]),
        ("name=", []),
        ("name=a&name=", ["a"]),
        ("revision_number=0&name=a", ["a"]),
        ("changed_since=2000-01-01T00:00:00%2B02:00&name=a", ["a"]),
        ("admin_state_up=1&name=a", ["a"]),
        ("mtu=1500", []),
        ("changed_since=2999-01-01T00:00:00Z", []),
    ],
)
def test_filters_narrow(admin: Client, networks: list[dict[str, Any]], query: str, names: list[str]) -> None:
    assert sorted(_names(admin, query)) == names


def test_an_id_is_a_filter_and_only_the_fields_asked_for_are_shown(
    admin: Client, networks: list[dict[str, Any]]
) -> None:
    wanted = {"id": networks[2]["id"]}
    assert admin.get("/v2.0/networks?name=d&fields=id") == {"networks": [wanted]}
    assert admin.get(f"/v2.0/networks?id={wanted['id']}&fields=id") == {"networks": [wanted]}
    assert admin.get(f"/v2.0/networks/{wanted['id']}?fields=id&fields=name") == {"network": {**wanted, "name": "d"}}


def test_tenant_id_is_project_id(admin: Client, networks: list[dict[str, Any]]) -> None:
    other = admin.network(name="other", tenant_id=OTHER_PROJECT)
    for name in ("tenant_id", "project_id"):
        found = admin.get(f"/v2.0/networks?{name}={OTHER_PROJECT}")["networks"]
        assert [network["id"] for network in found] == [other["id"]]


def test_ports_are_found_by_an_address_in_a_subnet(admin: Client) -> None:
    network = admin.network(name="n")
    subnet = admin.subnet(network, "10.0.0.0/24")
    ports = [admin.port(network, name=name) for name in ("a", "b")]
    address = ports[1]["fixed_ips"][0]["ip_address"]
    for query in (
        f"fixed_ips=ip_address={address}",
        f"fixed_ips=ip_address={address}&fixed_ips=subnet_id={subnet['id']}",
        f"mac_address={ports[1]['mac_address'].upper()}",
    ):
        assert [port["name"] for port in admin.get(f"/v2.0/ports?{query}")["ports"]] == ["b"]
    assert len(admin.get(f"/v2.0/ports?fixed_ips=subnet_id={subnet['id']}")["ports"]) == 2
    assert len(admin.get(f"/v2.0/ports?security_groups={ports[0]['security_groups'][0]}")["ports"]) == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("nmae=a", "['nmae'] is invalid attribute for filtering"),
        ("port_security_enabled=True", "['port_security_enabled'] is invalid attribute for filtering"),
        ("sort_key=nonsense&sort_dir=asc", "['nonsense'] is invalid attribute for sort_keys"),
        ("sort_key=description&sort_dir=asc", "['description'] is invalid attribute for sort_keys"),
        ("sort_key=name", "The number of sort_keys and sort_dirs must be same"),
        ("sort_key=name&sort_dir=up", "['up'] is invalid value for sort_dirs, valid value is 'asc' and 'desc'"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(admin: Client, query: str, words: str) -> None:
    admin.refused("GET", f"/v2.0/networks?{query}", None, 400, "HTTPBadRequest", words)


@pytest.mark.parametrize(
    ("path", "status", "kind", "words"),
    [
        (
            "networks?limit=-1",
            400,
            "BadRequest",
            "Bad limit request: Limit must be an integer 0 or greater and not '-1'.",
        ),
        ("networks?limit=x", 400, "BadRequest", "Limit must be an integer 0 or greater and not 'x'"),
        ("networks?limit=1&marker=x", 404, "NetworkNotFound", "Network x could not be found."),
        ("networks?shared=maybe", 400, "InvalidInput", "'maybe' cannot be converted to boolean"),
        ("networks?mtu=large", 400, "InvalidInput", "'large' is not an integer"),
        ("networks?changed_since=today", 400, "InvalidInput", "format: YYYY-MM-DDTHH:MM:SSZ"),
        ("ports?fixed_ips=10.0.0.1", 400, "InvalidInput", "'10.0.0.1' is not of the form <key>=[value]"),
    ],
)
def test_a_value_in_a_query_has_to_be_one(admin: Client, path: str, status: int, kind: str, words: str) -> None:
    admin.refused("GET", f"/v2.0/{path}", None, status, kind, words)


def test_a_marker_counts_on_a_page_only(admin: Client, networks: list[dict[str, Any]]) -> None:
    assert sorted(_names(admin, "marker=nothing")) == ["a", "b", "c", "d", "e"]


def test_a_word_with_nul_is_nobodys(admin: Client, member: Client, networks: list[dict[str, Any]]) -> None:
    for client in (admin, member):
        for query in ("name=%00", "name=%00&limit=2", "id=%00&name=a", "name=%00&name=c"):
            assert _names(client, query) in ([], ["c"])
    admin.refused("GET", "/v2.0/networks/a%00b", None, 404, "NetworkNotFound")


def test_lists_have_an_order(admin: Client, networks: list[dict[str, Any]]) -> None:
    assert _names(admin, "sort_key=name&sort_dir=asc") == ["a", "b", "c", "d", "e"]
    assert _names(admin, "sort_key=name&sort_dir=desc") == ["e", "d", "c", "b", "a"]
    assert _names(admin, "sort_key=mtu&sort_dir=desc&sort_key=name&sort_dir=asc")[:2] == ["a", "b"]


def test_pages_lead_through_the_whole_list_and_back(admin: Client, networks: list[dict[str, Any]]) -> None:
    first = admin.get("/v2.0/networks?sort_key=name&sort_dir=asc&limit=2")
    assert [network["name"] for network in first["networks"]] == ["a", "b"]
    assert [link["rel"] for link in first["networks_links"]] == ["next", "previous"]
    assert _follow(admin, first, "previous")["networks"] == []
    second = _follow(admin, first, "next")
    assert [network["name"] for network in second["networks"]] == ["c", "d"]
    third = _follow(admin, second, "next")
    assert [network["name"] for network in third["networks"]] == ["e"]
    assert [link["rel"] for link in third["networks_links"]] == ["previous"]
    back = _follow(admin, third, "previous")
    assert [network["name"] for network in back["networks"]] == ["c", "d"]
    assert [network["name"] for network in _follow(admin, back, "previous")["networks"]] == ["a", "b"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "sort_key=name&sort_dir=asc",
        "sort_key=name&sort_dir=desc",
        "shared=False&sort_key=name&sort_dir=asc",
        "sort_key=admin_state_up&sort_key=name&sort_dir=asc&sort_dir=desc",
        "sort_key=mtu&sort_dir=desc",
        "sort_key=name&sort_dir=asc&name=b&name=B&name=a",
        "admin_state_up=True&sort_key=name&sort_dir=asc",
    ],
)
def test_pages_are_the_parts_of_the_list_whoever_cuts_them(admin: Client, query: str) -> None:
    """The database does where it can; it has to order words as we do, whatever their case."""
    for number, name in enumerate(("b", "B", "a", "_", "ä", "b", "a", "Z", "b")):
        admin.network(name=name, shared=number % 3 == 0, admin_state_up=number % 2 == 0)
    found = admin.get(f"/v2.0/networks?{query}")["networks"]
    whole = [item["id"] for item in (found if "sort_key" in query else sorted(found, key=lambda item: item["id"]))]
    page = admin.get(f"/v2.0/networks?{query}&limit=2")
    pages = [page]
    while any(link["rel"] == "next" for link in page.get("networks_links", [])):
        page = _follow(admin, page, "next")
        pages.append(page)
    assert [item["id"] for page in pages for item in page["networks"]] == whole
    last = next(page for page in reversed(pages) if page["networks"])
    back = _follow(admin, last, "previous")["networks"]
    at = whole.index(last["networks"][0]["id"])
    assert [item["id"] for item in back] == whole[at - 2 : at]


def _follow(client: Client, page: dict[str, Any], rel: str) -> Any:
    href = next(link["href"] for link in page["networks_links"] if link["rel"] == rel)
    parts = urlsplit(href)
    assert parts.netloc == "controller:9696"
    return client.get(f"{parts.path}?{parts.query}")


def test_a_list_of_networks_is_made_at_once_or_not_at_all(admin: Client) -> None:
    made = admin.post("/v2.0/networks", {"networks": [{"name": "a"}, {"name": "b"}]})["networks"]
    assert [network["name"] for network in made] == ["a", "b"]
    flat = {"provider:network_type": "flat", "provider:physical_network": "external1"}
    admin.refused("POST", "/v2.0/networks", {"networks": [{"name": "c"}, flat, flat]}, 409, "FlatNetworkInUse")
    assert sorted(_names(admin, "")) == ["a", "b"]


def test_tags_come_and_go_and_are_filters(admin: Client, networks: list[dict[str, Any]]) -> None:
    path = f"/v2.0/networks/{networks[0]['id']}/tags"
    assert admin.put(path, {"tags": ["red", "blue"]}) == {"tags": ["red", "blue"]}
    admin.put(f"{path}/green", None, 201)
    admin.get(f"{path}/green", 204)
    admin.refused("GET", f"{path}/pink", None, 404, "TagNotFound", "Tag pink could not be found.")
    admin.refused("PUT", path, {"tags": "red"}, 400, "InvalidInput", "'red' is not a list")
    admin.refused("PUT", path, {"labels": []}, 400, "InvalidInput", "Invalid tags body")
    admin.refused("PUT", path, {"tags": ["a", "a"]}, 400, "InvalidInput", "Duplicate items in the list: 'a'")
    many = {"tags": [str(i) for i in range(51)]}
    words = "Bad networks request: The number of tags exceed the per-resource limit of 50."
    admin.refused("POST", path, many, 400, "BadRequest", words)
    assert admin.post(path, {"tags": ["red", "white"]}, 200) == {"tags": ["red", "white"]}
    admin.delete(f"{path}/white")
    admin.delete(f"{path}/blue")
    assert admin.get(path) == {"tags": ["red", "green"]}
    assert _names(admin, "tags=red,green") == ["e"]
    assert _names(admin, "tags=red,pink") == []
    assert _names(admin, "tags-any=red,pink") == ["e"]
    assert sorted(_names(admin, "not-tags-any=red")) == ["a", "b", "c", "d"]
    admin.delete(path)
    assert admin.get(path) == {"tags": []}


def test_a_change_can_depend_on_the_revision(admin: Client) -> None:
    network = admin.network(name="n")
    path, body = f"/v2.0/networks/{network['id']}", {"network": {"name": "m"}}
    answer = admin.request("PUT", path, body, If_Match="revision_number=7")
    assert answer.status_code == 412
    assert answer.json()["NeutronError"]["type"] == "RevisionNumberConstraintFailed"
    for wrong in ("revision_number=x", '"revision_number=1", "revision_number=2"'):
        answer = admin.request("PUT", path, body, If_Match=wrong)
        assert (answer.status_code, answer.json()["NeutronError"]["type"]) == (400, "BadRequest")
    assert admin.request("PUT", path, {"network": {}}, If_Match='"other"').status_code == 200
    fitting = f"revision_number={network['revision_number']}"
    assert admin.request("PUT", path, body, If_Match=fitting).json()["network"]["revision_number"] == 1


def test_the_version_document_is_for_everybody(admin: Client) -> None:
    answer = admin.http.get("/")
    links = [{"rel": "self", "href": "http://controller:9696/v2.0/"}]
    assert answer.json() == {"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]}
    assert "networks" in {resource["collection"] for resource in admin.get("/v2.0/")["resources"]}


def test_extensions_are_listed_and_others_are_a_page(admin: Client) -> None:
    aliases = {extension["alias"] for extension in admin.get("/v2.0/extensions")["extensions"]}
    assert {"router", "l3-ha", "external-net", "provider", "security-group", "quotas", "agent"} <= aliases
    assert admin.get("/v2.0/extensions/l3-ha")["extension"]["alias"] == "l3-ha"
    answer = admin.request("GET", "/v2.0/extensions/<dvr>")
    assert answer.status_code == 404
    assert "Extension with alias &lt;dvr&gt; does not exist" in answer.text
