"""What Prometheus is told of metering labels."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry

from futago.node.host import HostRefused
from futago.node.metering_metrics import MeteringCollector
from futago.node.router_tables import MeterTable, NftCounter

LABEL, ROUTER = "77777777-aaaa-4000-8000-000000000007", "7a46dba8-0d2b-4f0e-9f5c-0a1b2c3d4e5f"
TABLE = MeterTable(
    namespace=f"qrouter-{ROUTER}", meters=(NftCounter(name=f"label_{LABEL.replace('-', '_')}", rules=()),)
)


def test_each_label_has_what_each_router_has_counted() -> None:
    registry = CollectorRegistry()
    registry.register(MeteringCollector(lambda: [TABLE], lambda _: {TABLE.meters[0].name: (3, 252)}))
    labels = {"label": LABEL, "router": ROUTER}
    assert registry.get_sample_value("futago_metering_packets_total", labels) == 3
    assert registry.get_sample_value("futago_metering_bytes_total", labels) == 252


def test_a_router_that_is_not_there_tells_nothing() -> None:
    def gone(_: str) -> Mapping[str, tuple[int, int]]:
        raise HostRefused("no such namespace")

    registry = CollectorRegistry()
    registry.register(MeteringCollector(lambda: [TABLE], gone))
    assert [sample for family in registry.collect() for sample in family.samples] == []
