"""What a node tells Prometheus; docs/metrics.md has the list. Read when asked for: nothing is counted twice."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from futago.contract.report import Report, UplinkReport
from futago.metrics import label_values
from futago.node.host import Impairment
from futago.node.loop import Uplinks, Work
from futago.values import Role
from futago.vrrp.control import HostStatus, RouterStatus, Statuses
from futago.vrrp.takeovers import BOUNDS, Spread, Takeovers


class NodeCollector(Collector):
    """`statuses` asks the engine; it may be called from any thread."""

    def __init__(
        self,
        statuses: Callable[[], Statuses | None],
        report: Callable[[], Report],
        uplinks: Uplinks,
        work: Work,
    ) -> None:
        self._statuses = statuses
        self._report = report
        self._uplinks = uplinks
        self._work = work

    def describe(self) -> list[Metric]:
        """Nothing: the engine need not be asked to be registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        engine = self._statuses()
        if engine is not None:
            yield from _of_routers(engine.routers)
            yield from _of_elections(engine.routers)
            yield from _of_takeovers(engine.takeovers)
            yield from _of_sessions(engine.hosts)
        yield from _of_uplinks(self._uplinks.reports, self._uplinks.impairment)
        yield from _of_agent(self._report(), self._work)


def _of_routers(statuses: Sequence[RouterStatus]) -> list[Metric]:
    role = GaugeMetricFamily(
        "futago_vrrp_router_role", "1 for the role that the router has on this node.", labels=["router", "role"]
    )
    since = GaugeMetricFamily(
        "futago_vrrp_router_role_start_time_seconds", "When it took this role, since the epoch.", labels=["router"]
    )
    problem = GaugeMetricFamily("futago_vrrp_router_problem", "1 if something does not work.", labels=["router"])
    transitions = CounterMetricFamily(
        "futago_vrrp_router_transitions", "Changes of role since it was configured.", labels=["router"]
    )
    for status in statuses:
        for one in Role:
            role.add_metric(label_values(status.name, one.value), status.role is one)
        since.add_metric([status.name], status.since)
        problem.add_metric([status.name], status.error is not None)
        transitions.add_metric([status.name], status.transitions)
    return [role, since, problem, transitions]


def _of_elections(statuses: Sequence[RouterStatus]) -> list[Metric]:
    sent = CounterMetricFamily("futago_vrrp_adverts_sent", "Advertisements sent.", labels=["router"])
    received = CounterMetricFamily("futago_vrrp_adverts_received", "Advertisements used.", labels=["router"])
    lost = CounterMetricFamily("futago_vrrp_adverts_lost", "Advertisements that a backup missed.", labels=["router"])
    dropped = CounterMetricFamily(
        "futago_vrrp_adverts_dropped", "Packets that were not used, by reason.", labels=["router", "reason"]
    )
    dual = CounterMetricFamily(
        "futago_vrrp_dual_active_seconds", "Active here while heard to be active elsewhere.", labels=["router"]
    )
    for status in statuses:
        sent.add_metric([status.name], status.adverts_sent)
        received.add_metric([status.name], status.adverts_received)
        lost.add_metric([status.name], status.adverts_lost)
        dual.add_metric([status.name], status.dual_active)
        for reason, number in sorted(status.dropped.items()):
            dropped.add_metric(label_values(status.name, reason), number)
    return [sent, received, lost, dropped, dual]


def _of_takeovers(takeovers: Takeovers) -> list[Metric]:
    """Of all routers together: classes of durations for each router would be most of what a node tells."""
    taken = HistogramMetricFamily(
        "futago_vrrp_takeover_duration_seconds", "From the decision until addresses are put and announced."
    )
    taken.add_metric([], *_classes(takeovers.durations))
    silent = HistogramMetricFamily(
        "futago_vrrp_takeover_silence_seconds", "From the last advertisement heard to the decision."
    )
    silent.add_metric([], *_classes(takeovers.silences))
    return [taken, silent]


def _classes(spread: Spread) -> tuple[list[tuple[str, float]], float]:
    """As Prometheus has them: each class with all that are below."""
    ends = [*(str(bound) for bound in BOUNDS), "+Inf"]
    return list(zip(ends, accumulate(spread.counts), strict=True)), spread.total


def _of_sessions(hosts: Sequence[HostStatus]) -> list[Metric]:
    up = GaugeMetricFamily("futago_bfd_session_up", "1 while the other host is heard.", labels=["peer"])
    since = GaugeMetricFamily(
        "futago_bfd_session_start_time_seconds", "When it came up or went down, since the epoch.", labels=["peer"]
    )
    losses = CounterMetricFamily("futago_bfd_session_losses", "How often it has gone down.", labels=["peer"])
    damped = GaugeMetricFamily("futago_bfd_session_damped", "1 while it is not believed.", labels=["peer"])
    for host in hosts:
        peer = label_values(host.tunnel)
        up.add_metric(peer, host.up)
        since.add_metric(peer, host.since)
        losses.add_metric(peer, host.losses)
        damped.add_metric(peer, host.damped)
    return [up, since, losses, damped]


def _of_uplinks(reports: Sequence[UplinkReport], impairment: Impairment) -> list[Metric]:
    labels = ["network", "physical_network"]
    up = GaugeMetricFamily("futago_uplink_up", "1 if the external network can be reached from here.", labels=labels)
    probed = GaugeMetricFamily("futago_uplink_probed", "1 if the gateway answers probes.", labels=labels)
    falls = CounterMetricFamily("futago_uplink_falls", "How often it has gone down.", labels=labels)
    for one in reports:
        where = label_values(one.network_id, one.physical_network)
        up.add_metric(where, one.up)
        probed.add_metric(where, one.probed)
        falls.add_metric(where, one.falls)
    switch = GaugeMetricFamily("futago_switch_up", "1 while ovs-vswitchd runs.", value=not impairment.switch)
    return [up, probed, falls, switch]


def _of_agent(report: Report, work: Work) -> list[Metric]:
    return [
        GaugeMetricFamily("futago_node_revision", "Of the specs that are applied.", value=report.revision),
        GaugeMetricFamily("futago_node_failures", "Specs that are not true here.", value=len(report.failures)),
        GaugeMetricFamily("futago_node_ports_up", "Ports wired on this node.", value=len(report.ports_up)),
        SummaryMetricFamily(
            "futago_node_pass_duration_seconds",
            "Passes over the host.",
            count_value=work.passes,
            sum_value=work.pass_seconds,
        ),
        SummaryMetricFamily(
            "futago_node_give_way_duration_seconds",
            "From a change of what is impaired until the engine knows.",
            count_value=work.tellings,
            sum_value=work.telling_seconds,
        ),
    ]
