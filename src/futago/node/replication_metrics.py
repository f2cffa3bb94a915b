"""What a node tells Prometheus of the replication of connections; docs/metrics.md has the list."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from futago.conntrack.control import PeerStatus, RouterStatus, Statuses

PREFIX: Final = "futago_replication_"

T = TypeVar("T")
Kind = type[GaugeMetricFamily] | type[CounterMetricFamily]


class Column(NamedTuple, Generic[T]):
    """A metric of each router, or of each twin."""

    name: str
    text: str
    value: Callable[[T], float | None]
    """None where there is none yet."""


_OF_ROUTERS: Final[Mapping[Kind, Sequence[Column[RouterStatus]]]] = {
    GaugeMetricFamily: (
        Column("connections", "Connections told, or held for the active node.", lambda one: one.entries),
        Column("twins_behind", "Twins that lack connections of one active here.", lambda one: len(one.behind)),
    ),
    CounterMetricFamily: (
        Column("events_lost", "How often the kernel had more to tell than fits.", lambda one: one.events_lost),
        Column("resyncs", "How often a difference was found.", lambda one: one.resyncs),
        Column("not_written", "Connections that the kernel refused.", lambda one: one.not_written),
        Column("repaired", "Connections that had vanished from the kernel.", lambda one: one.repaired),
    ),
}
_OF_TWINS: Final[Mapping[Kind, Sequence[Column[PeerStatus]]]] = {
    GaugeMetricFamily: (
        Column("twin_connected", "1 if the twin is told of connections.", lambda one: one.connected),
        Column("lag_seconds", "From an event here to the twin's kernel, lately.", lambda one: _seconds(one.lag_ms)),
        Column("lag_worst_seconds", "The same, at worst.", lambda one: _seconds(one.worst_lag_ms)),
    ),
    CounterMetricFamily: (
        Column("sent", "Connections told, put and removed.", lambda one: one.sent),
        Column("dropped", "Changes dropped for a twin that was too slow.", lambda one: one.dropped),
        Column("snapshots", "How often a router was told as a whole.", lambda one: one.snapshots),
    ),
}


class ReplicationCollector(Collector):
    """`statuses` asks conntrackd; it may be called from any thread."""

    def __init__(self, statuses: Callable[[], Statuses | None]) -> None:
        self._statuses = statuses

    def describe(self) -> list[Metric]:
        """Nothing: conntrackd need not be asked to be registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        found = self._statuses()
        yield GaugeMetricFamily(f"{PREFIX}up", "1 if conntrackd answers.", value=found is not None)
        if found is not None:
            yield from _families(_OF_ROUTERS, "router", {one.name: one for one in found.routers})
            yield from _families(_OF_TWINS, "twin", {one.node: one for one in found.peers})
            yield CounterMetricFamily(f"{PREFIX}refused", "Connections of strangers.", value=found.refused)


def _families(columns: Mapping[Kind, Sequence[Column[T]]], label: str, rows: Mapping[str, T]) -> Iterator[Metric]:
    for kind, some in columns.items():
        for column in some:
            family = kind(f"{PREFIX}{column.name}", column.text, labels=[label])
            for name, row in rows.items():
                value = column.value(row)
                if value is not None:
                    family.add_metric([name], value)
            yield family


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
