"""The catalog sends clients where they can go."""

from typing import Any

import pytest

from futago.config import ControllerConfig
from futago.controller.identity.documents import catalog_document, own_endpoints, own_services

ORIGIN = "http://10.0.0.1:9696"


@pytest.mark.parametrize(
    "public_url", ["https://api.example.org", "https://api.example.org/", "https://api.example.org/v2.0"]
)
def test_a_public_url_is_where_everybody_goes_without_the_version_that_clients_append(public_url: str) -> None:
    assert urls(ControllerConfig(public_url=public_url)) == {
        "network": {"https://api.example.org"},
        "identity": {"https://api.example.org/identity/v3"},
    }


def test_without_one_each_client_stays_where_it_has_found_us() -> None:
    assert urls(ControllerConfig()) == {"network": {ORIGIN}, "identity": {f"{ORIGIN}/identity/v3"}}


def test_ids_are_the_same_at_every_controller_and_differ_by_region() -> None:
    first, again = (catalog(ControllerConfig(), origin) for origin in (ORIGIN, "http://10.0.0.2:9696"))
    assert ids(first) == ids(again)
    assert len(ids(first)) == 6
    assert not ids(first) & ids(catalog(ControllerConfig(region="Two"), ORIGIN))


def catalog(config: ControllerConfig, origin: str) -> list[dict[str, Any]]:
    return catalog_document(own_services(origin), own_endpoints(config, origin))


def urls(config: ControllerConfig) -> dict[str, set[str]]:
    return {
        service["type"]: {endpoint["url"] for endpoint in service["endpoints"]} for service in catalog(config, ORIGIN)
    }


def ids(documents: list[dict[str, Any]]) -> set[str]:
    return {endpoint["id"] for service in documents for endpoint in service["endpoints"]}
