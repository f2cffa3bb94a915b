"""What is in the catalog, one by one: `/v3/services`, `/v3/endpoints`, `/v3/regions`. It follows from the settings."""

from collections.abc import Callable

from starlette.routing import BaseRoute

from futago.config import ControllerConfig
from futago.controller.identity.documents import endpoint_documents, region_document, service_documents
from futago.controller.identity.service import Identity
from futago.controller.identity.web import (
    Answer,
    Call,
    Document,
    Handler,
    collection,
    matches,
    not_found,
    route,
)

Documents = Callable[[str], list[Document]]
"""All documents of a kind, for a client that reached us at some origin."""


def service_routes(identity: Identity, config: ControllerConfig) -> list[BaseRoute]:
    """To be read only, by administrators."""

    def endpoints(origin: str) -> list[Document]:
        kinds = [service["type"] for service in service_documents(origin)]
        return [endpoint for kind in kinds for endpoint in endpoint_documents(config, origin, kind)]

    def regions(origin: str) -> list[Document]:
        return [region_document(config, origin)]

    found: list[BaseRoute] = []
    for kind, documents in (("service", service_documents), ("endpoint", endpoints), ("region", regions)):
        found.append(route(identity, f"/v3/{kind}s", GET=_list(kind, documents)))
        found.append(route(identity, f"/v3/{kind}s/{{{kind}_id}}", GET=_show(kind, documents)))
    return found


def _list(kind: str, documents: Documents) -> Handler:
    wanted = ("name", "type", "service_id", "interface", "region_id")

    def handler(call: Call) -> Answer:
        call.admin(f"identity:list_{kind}s")
        found = [each for each in documents(call.origin) if matches(each, call.query, wanted)]
        return collection(f"{kind}s", found, call)

    return handler


def _show(kind: str, documents: Documents) -> Handler:
    def handler(call: Call) -> Answer:
        call.admin(f"identity:get_{kind}")
        wanted = call.path[f"{kind}_id"]
        for each in documents(call.origin):
            if each["id"] == wanted:
                return Answer(document={kind: each})
        raise not_found(kind, wanted)

    return handler
