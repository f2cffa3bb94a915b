"""The API's description of itself holds for every resource and every action, and its page needs nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from api_kit import Client
from futago.controller.resources.catalog import ACTIONS, RESOURCES


@pytest.fixture
def described(as_: Callable[[str], Client]) -> dict[str, Any]:
    answer = as_("nobody").request("GET", "/v2.0/openapi.json")
    assert answer.status_code == 200, "anybody may know"
    return dict(answer.json())


def test_everything_that_is_served_is_described(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    for resource in RESOURCES:
        operations = (
            described["paths"][f"/v2.0/{resource.path}"].keys()
            | described["paths"][f"/v2.0/{resource.path}/{{id}}"].keys()
        )
        works = {"get": True, "post": resource.create, "put": resource.update, "delete": resource.delete}
        assert operations - {"parameters"} == {method for method, work in works.items() if work}
    for action in ACTIONS:
        assert action.method.lower() in described["paths"][f"/v2.0{action.path}"]


def test_what_a_request_needs_and_may_have_is_said(described: dict[str, Any]) -> None:
    subnet = described["components"]["schemas"]["SubnetCreate"]
    assert {"network_id", "ip_version"} <= set(subnet["required"])
    assert subnet["properties"]["network_id"] == {"type": "string", "format": "uuid"}
    assert subnet["properties"]["enable_dhcp"] == {"type": "boolean", "default": True}
    assert "network_id" not in described["components"]["schemas"]["SubnetUpdate"]["properties"]


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    found = set(references(described))
    assert found
    assert {name.removeprefix("#/components/schemas/") for name in found} <= described["components"]["schemas"].keys()


def test_the_page_says_the_same_and_loads_nothing(as_: Callable[[str], Client]) -> None:
    answer = as_("nobody").request("GET", "/v2.0/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for resource in RESOURCES:
        assert f"<code>/v2.0/{resource.path}/{{id}}</code>" in answer.text
    assert "<script" not in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text
