"""What a node tells Prometheus of the replication, read with Prometheus' own parser."""

from prometheus_client import Metric

from futago import metrics
from futago.conntrack.control import PeerStatus, RouterStatus, Statuses
from futago.node.replication_metrics import ReplicationCollector
from futago.values import IPv4Address
from metrics_kit import documented, read, sample_names, value

ROUTER = RouterStatus(
    name="router80",
    active=True,
    entries=12,
    source="",
    behind=("net3",),
    agreed_seconds_ago=None,
    events_lost=1,
    resyncs=2,
    not_written=3,
    repaired=4,
    ignored=5,
)
TWINS = (
    PeerStatus(
        node="net2",
        address=IPv4Address("192.0.2.2"),
        connected=True,
        lag_ms=7.5,
        worst_lag_ms=80.0,
        sent=100,
        dropped=6,
        snapshots=2,
    ),
    PeerStatus(
        node="net3",
        address=IPv4Address("192.0.2.3"),
        connected=False,
        lag_ms=None,
        worst_lag_ms=0.0,
        sent=0,
        dropped=0,
        snapshots=0,
        error="not connected yet",
    ),
)
STATUSES = Statuses(off="", routers=(ROUTER,), peers=TWINS, refused=9)


def told(statuses: Statuses | None) -> dict[str, Metric]:
    registry = metrics.new_registry()
    registry.register(ReplicationCollector(lambda: statuses))
    return read(registry)


def test_size_and_troubles_of_each_router_are_told() -> None:
    names = ("connections", "twins_behind", "events_lost_total", "resyncs_total", "not_written_total", "repaired_total")
    found = told(STATUSES)
    assert [value(found, f"futago_replication_{name}", router="router80") for name in names] == [12, 1, 1, 2, 3, 4]
    assert value(found, "futago_replication_refused_total") == 9


def test_lag_and_drops_of_each_twin_are_told() -> None:
    names = ("twin_connected", "lag_seconds", "lag_worst_seconds", "sent_total", "dropped_total", "snapshots_total")
    found = told(STATUSES)
    assert [value(found, f"futago_replication_{name}", twin="net2") for name in names] == [1, 0.0075, 0.08, 100, 6, 2]
    assert value(found, "futago_replication_twin_connected", twin="net3") == 0
    (lag,) = found["futago_replication_lag_seconds"].samples
    assert lag.labels == {"twin": "net2"}, "a twin that was never told of anything has no lag"


def test_while_conntrackd_is_away_that_is_all_that_is_told() -> None:
    found = told(None)
    assert value(found, "futago_replication_up") == 0
    assert {name for name in sample_names(found) if name.startswith("futago_replication_")} == {"futago_replication_up"}


def test_every_metric_is_on_its_page() -> None:
    assert sample_names(told(STATUSES)) - documented() == set()
