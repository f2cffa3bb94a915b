"""What a node tells Prometheus of the replication of connections; docs/metrics.md has the list."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from futago.conntrack.control import PeerStatus, RouterStatus, Statuses

PREFIX: Final = "futago_replication_"


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
            yield from _of_routers(found.routers)
            yield from _of_twins(found.peers)
            yield CounterMetricFamily(f"{PREFIX}refused", "Connections of strangers.", value=found.refused)


def _of_routers(routers: Sequence[RouterStatus]) -> list[Metric]:
    label = ["router"]
    size = GaugeMetricFamily(f"{PREFIX}connections", "Connections told, or held for the active node.", labels=label)
    behind = GaugeMetricFamily(
        f"{PREFIX}twins_behind", "Twins that lack connections of a router that is active here.", labels=label
    )
    lost = CounterMetricFamily(f"{PREFIX}events_lost", "How often the kernel had more to tell than fits.", labels=label)
    resyncs = CounterMetricFamily(f"{PREFIX}resyncs", "How often a difference was found.", labels=label)
    refused = CounterMetricFamily(f"{PREFIX}not_written", "Connections that the kernel refused.", labels=label)
    repaired = CounterMetricFamily(f"{PREFIX}repaired", "Connections that had vanished from it.", labels=label)
    for one in routers:
        size.add_metric([one.name], one.entries)
        behind.add_metric([one.name], len(one.behind))
        lost.add_metric([one.name], one.events_lost)
        resyncs.add_metric([one.name], one.resyncs)
        refused.add_metric([one.name], one.not_written)
        repaired.add_metric([one.name], one.repaired)
    return [size, behind, lost, resyncs, refused, repaired]


def _of_twins(twins: Sequence[PeerStatus]) -> list[Metric]:
    label = ["twin"]
    connected = GaugeMetricFamily(f"{PREFIX}twin_connected", "1 if the twin is told of connections.", labels=label)
    lag = GaugeMetricFamily(
        f"{PREFIX}lag_seconds", "From an event here until it stood in the twin's kernel, the last time.", labels=label
    )
    worst = GaugeMetricFamily(f"{PREFIX}lag_worst_seconds", "The same, at worst.", labels=label)
    sent = CounterMetricFamily(f"{PREFIX}sent", "Connections told, put and removed.", labels=label)
    dropped = CounterMetricFamily(f"{PREFIX}dropped", "Changes dropped for a twin that was too slow.", labels=label)
    snapshots = CounterMetricFamily(f"{PREFIX}snapshots", "How often a router was told as a whole.", labels=label)
    for one in twins:
        connected.add_metric([one.node], one.connected)
        if one.lag_ms is not None:
            lag.add_metric([one.node], one.lag_ms / 1000)
        worst.add_metric([one.node], one.worst_lag_ms / 1000)
        sent.add_metric([one.node], one.sent)
        dropped.add_metric([one.node], one.dropped)
        snapshots.add_metric([one.node], one.snapshots)
    return [connected, lag, worst, sent, dropped, snapshots]
