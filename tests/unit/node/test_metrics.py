"""What a node tells Prometheus, read with Prometheus' own parser; and the server that tells it."""

import socket
from collections.abc import Sequence

import pytest
from prometheus_client import Metric
from structlog.testing import capture_logs

from futago import metrics
from futago.contract.report import Failure, Report, UplinkReport
from futago.node.host import Impairment
from futago.node.loop import Work
from futago.node.metrics import NodeCollector
from futago.values import IPv4Address, Role
from futago.vrrp.control import HostStatus, RouterStatus, Statuses
from futago.vrrp.takeovers import Takeover, Takeovers
from metrics_kit import documented, fetch, read, sample_names, value

ROUTER = RouterStatus(
    name="router80",
    role=Role.ACTIVE,
    since=1000.5,
    cause="timer",
    transitions=3,
    adverts_sent=70,
    adverts_received=5,
    adverts_lost=4,
    dropped={"wrong TTL": 2},
    dual_active=0.25,
)
HOSTS = (HostStatus(tunnel=IPv4Address("192.0.2.2"), up=False, since=7.5, losses=3, damped=True),)
TAKEOVERS = Takeovers().with_one(Takeover(duration=0.004, silence=0.3)).with_one(Takeover(duration=0.004))
TOLD = Statuses(routers=(ROUTER,), hosts=HOSTS, takeovers=TAKEOVERS)
UPLINKS = (
    UplinkReport(
        network_id="n", physical_network="external1", up=False, since=1.0, cause="no carrier", probed=True, falls=4
    ),
)


class FakeUplinks:
    impairment = Impairment(switch=True)
    reports = UPLINKS

    def follow(self, uplinks: Sequence[object]) -> None:
        """Nothing."""


def collector(engine: Statuses | None = TOLD) -> NodeCollector:
    report = Report(revision=9, roles=(), ports_up=("a", "b"), failures=(Failure(key="host", message="x"),))
    work = Work(passes=3, pass_seconds=1.5, tellings=2, telling_seconds=0.25)
    return NodeCollector(lambda: engine, lambda: report, FakeUplinks(), work)


@pytest.fixture
def told() -> dict[str, Metric]:
    registry = metrics.new_registry()
    registry.register(collector())
    return read(registry)


def test_the_role_of_each_router_is_one_of_three(told: dict[str, Metric]) -> None:
    roles = {role: value(told, "futago_vrrp_router_role", router="router80", role=role) for role in Role}
    assert roles == {Role.ACTIVE: 1, Role.BACKUP: 0, Role.INITIALIZE: 0}
    assert value(told, "futago_vrrp_router_role_start_time_seconds", router="router80") == 1000.5


def test_the_engines_counters_are_told(told: dict[str, Metric]) -> None:
    assert value(told, "futago_vrrp_router_transitions_total", router="router80") == 3
    assert value(told, "futago_vrrp_adverts_sent_total", router="router80") == 70
    assert value(told, "futago_vrrp_adverts_received_total", router="router80") == 5
    assert value(told, "futago_vrrp_adverts_dropped_total", router="router80", reason="wrong TTL") == 2
    assert value(told, "futago_vrrp_adverts_lost_total", router="router80") == 4
    assert value(told, "futago_vrrp_dual_active_seconds_total", router="router80") == 0.25


def test_takeovers_are_told_as_classes_of_durations(told: dict[str, Metric]) -> None:
    duration, silence = "futago_vrrp_takeover_duration_seconds", "futago_vrrp_takeover_silence_seconds"
    assert [value(told, f"{duration}_bucket", le=le) for le in ("0.002", "0.005", "+Inf")] == [0, 2, 2]
    assert value(told, f"{duration}_sum") == 0.008
    assert [value(told, f"{silence}_bucket", le=le) for le in ("0.2", "0.5")] == [0, 1]
    assert value(told, f"{silence}_count") == 1


def test_sessions_with_other_hosts_are_told(told: dict[str, Metric]) -> None:
    names = ("up", "start_time_seconds", "losses_total", "damped")
    assert [value(told, f"futago_bfd_session_{name}", peer="192.0.2.2") for name in names] == [0, 7.5, 3, 1]


def test_without_an_engine_its_figures_are_missing() -> None:
    registry = metrics.new_registry()
    registry.register(collector(None))
    names = sample_names(read(registry))
    assert "futago_switch_up" in names
    assert not [name for name in names if name.startswith(("futago_vrrp", "futago_bfd"))]


def test_uplinks_and_the_switch_are_told(told: dict[str, Metric]) -> None:
    assert value(told, "futago_uplink_up", network="n", physical_network="external1") == 0
    assert value(told, "futago_uplink_falls_total", network="n") == 4
    assert value(told, "futago_switch_up") == 0


def test_the_agents_own_work_is_told(told: dict[str, Metric]) -> None:
    assert value(told, "futago_node_revision") == 9
    assert value(told, "futago_node_failures") == 1
    assert value(told, "futago_node_pass_duration_seconds_count") == 3
    assert value(told, "futago_node_give_way_duration_seconds_sum") == 0.25
    assert value(told, "process_resident_memory_bytes") > 0


def test_every_metric_is_on_its_page(told: dict[str, Metric]) -> None:
    assert sample_names(told) - documented() == set()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_metrics_are_served_until_they_are_ended() -> None:
    registry, port = metrics.new_registry(), free_port()
    end = metrics.serve(f"127.0.0.1:{port}", registry)
    assert value(fetch(port), "futago_build_info") == 1
    end()
    with pytest.raises(OSError, match="refused"):
        fetch(port)


def test_a_taken_port_is_logged_and_stops_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, capture_logs() as logs:
        metrics.serve(f"127.0.0.1:{taken.getsockname()[1]}", metrics.new_registry())()
    assert [log["event"] for log in logs] == ["metrics not served"]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "nowhere.invalid:9698"])
def test_an_address_that_is_none_is_logged_and_stops_nobody(address: str) -> None:
    with capture_logs() as logs:
        metrics.serve(address, metrics.new_registry())()
    assert [log["event"] for log in logs] == ["metrics not served"]


def test_no_address_serves_nothing() -> None:
    with capture_logs() as logs:
        metrics.serve("", metrics.new_registry())()
    assert logs == []
