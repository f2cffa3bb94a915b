"""What a node tells Prometheus of metering labels; docs/metrics.md has the list. Read from the kernel when asked."""

from collections.abc import Callable, Collection, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from futago.metrics import label_values
from futago.node.features.meters import label_of
from futago.node.host import HostRefused
from futago.node.router_tables import MeterTable


class MeteringCollector(Collector):
    """`tables` are those that count; `counted` gives packets and bytes by counter, in a namespace."""

    def __init__(
        self,
        tables: Callable[[], Collection[MeterTable]],
        counted: Callable[[str], Mapping[str, tuple[int, int]]],
    ) -> None:
        self._tables = tables
        self._counted = counted

    def describe(self) -> list[Metric]:
        """Nothing: the kernel need not be asked to be registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        labels = ["label", "router"]
        packets = CounterMetricFamily("futago_metering_packets", "Packets that a label has counted.", labels=labels)
        size = CounterMetricFamily("futago_metering_bytes", "Bytes that a label has counted.", labels=labels)
        for table in self._tables():
            router = table.namespace.partition("-")[2]
            for name, (number, octets) in sorted(self._read(table).items()):
                packets.add_metric(label_values(label_of(name), router), number)
                size.add_metric(label_values(label_of(name), router), octets)
        yield packets
        yield size

    def _read(self, table: MeterTable) -> Mapping[str, tuple[int, int]]:
        """Nothing while the router is not there, or not yet."""
        try:
            return self._counted(table.namespace)
        except (HostRefused, OSError):
            return {}
