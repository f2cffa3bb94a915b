"""The catalog: `/v3/services`, `/v3/endpoints`, `/v3/regions`. Ours follow from the settings, others' are kept."""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from futago.config import ControllerConfig
from futago.controller.identity.crud import Kind
from futago.controller.identity.documents import (
    catalog_document,
    endpoint_document,
    own_endpoints,
    own_regions,
    own_services,
    region_document,
    service_document,
)
from futago.controller.identity.web import Call, Document, bad_request, forbidden, found
from futago.controller.store.database import Transaction
from futago.controller.store.identity_rows import Endpoint, Interface, Region, Service

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class ServiceFields(msgspec.Struct, frozen=True):
    type: Name
    name: Annotated[str, msgspec.Meta(max_length=255)] = ""
    description: str = ""
    enabled: bool = True


class EndpointFields(msgspec.Struct, frozen=True):
    service_id: str
    interface: Interface
    url: Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$")]
    region_id: str | None = None
    region: str | None = None
    """The old name of `region_id`. A region that is not there yet is made."""
    enabled: bool = True


class RegionFields(msgspec.Struct, frozen=True):
    id: Name | None = None
    description: str = ""
    parent_region_id: str | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """Which services there are, and where."""

    config: ControllerConfig

    def shown(self, call: Call) -> list[Document]:
        """As tokens have it, for a client that reached us as this call did."""
        with call.identity.database.read() as view:
            services = [service_document(row, call.base) for row in view.find(Service)]
            endpoints = [endpoint_document(row, call.base) for row in view.find(Endpoint)]
        return catalog_document(
            [*own_services(call.base), *services], [*own_endpoints(self.config, call.origin), *endpoints]
        )

    @property
    def kinds(self) -> tuple[Kind[Any], ...]:
        """For administrators; regions are everybody's to see."""
        return (
            Kind(
                name="service",
                row=Service,
                fields=ServiceFields,
                document=service_document,
                filters=("name", "type"),
                unique=(),
                fixed=(),
                release=_release_service,
                built_in=lambda call: own_services(call.base),
            ),
            Kind(
                name="endpoint",
                row=Endpoint,
                fields=EndpointFields,
                document=endpoint_document,
                filters=("service_id", "interface", "region_id", "region"),
                unique=(),
                fixed=(),
                columns=_old_region,
                check=self._check_endpoint,
                built_in=lambda call: own_endpoints(self.config, call.origin),
            ),
            Kind(
                name="region",
                row=Region,
                fields=RegionFields,
                document=region_document,
                filters=("parent_region_id",),
                unique=(),
                fixed=(),
                chosen_id=True,
                check=self._check_region,
                release=_release_region,
                visible=lambda _call, _session, _document: True,
                built_in=lambda call: own_regions(self.config, call.base),
            ),
        )

    def _check_endpoint(self, _call: Call, txn: Transaction, row: Endpoint) -> None:
        if txn.get(Service, id=row.service_id) is None:
            raise bad_request(f"There is no service {row.service_id} of which an endpoint could be made.")
        if row.region_id not in {None, self.config.region} and txn.get(Region, id=row.region_id) is None:
            txn.add(Region(id=str(row.region_id)))

    def _check_region(self, _call: Call, txn: Transaction, row: Region) -> None:
        if row.id == self.config.region:
            raise forbidden("making a region that follows from the controller's settings")
        parent = row.parent_region_id
        if parent is not None and parent != self.config.region:
            found(txn, Region, "region", id=parent)
        if parent == row.id:
            raise bad_request("A region is not its own parent.")


def _old_region(given: Document) -> dict[str, Any]:
    return {"region_id": given["region"]} if isinstance(given.get("region"), str) else {}


def _release_service(_call: Call, txn: Transaction, row: Service) -> None:
    for endpoint in txn.find(Endpoint, service_id=row.id):
        txn.remove(endpoint)


def _release_region(_call: Call, txn: Transaction, row: Region) -> None:
    if txn.count(Region, parent_region_id=row.id) or txn.count(Endpoint, region_id=row.id):
        raise forbidden(f"cannot delete the region {row.id}, which has regions or endpoints in it")
