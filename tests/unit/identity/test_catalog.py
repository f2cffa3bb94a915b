"""The catalog sends clients where they can go."""

import pytest

from futago.config import ControllerConfig
from futago.controller.identity.documents import catalog_document

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
    first, again = (catalog_document(ControllerConfig(), origin) for origin in (ORIGIN, "http://10.0.0.2:9696"))
    assert ids(first) == ids(again)
    assert len(ids(first)) == 6
    assert not ids(first) & ids(catalog_document(ControllerConfig(region="Two"), ORIGIN))


def urls(config: ControllerConfig) -> dict[str, set[str]]:
    return {
        service["type"]: {endpoint["url"] for endpoint in service["endpoints"]}
        for service in catalog_document(config, ORIGIN)
    }


def ids(catalog: list[dict[str, list[dict[str, str]]]]) -> set[str]:
    return {endpoint["id"] for service in catalog for endpoint in service["endpoints"]}
