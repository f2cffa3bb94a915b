"""What a node tells Prometheus; docs/metrics.md has the list. Read when asked for: nothing is counted twice."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.registry import Collector

from futago.contract.report import Report, UplinkReport
from futago.metrics import label_values
from futago.node.host import Impairment
from futago.node.loop import Uplinks, Work
from futago.values import Role
from futago.vrrp.control import RouterStatus


class NodeCollector(Collector):
    """`statuses` asks the engine; it may be called from any thread."""

    def __init__(
        self,
        statuses: Callable[[], Sequence[RouterStatus]],
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
        yield from _of_routers(self._statuses())
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
    sent = CounterMetricFamily("futago_vrrp_adverts_sent", "Advertisements sent.", labels=["router"])
    received = CounterMetricFamily("futago_vrrp_adverts_received", "Advertisements used.", labels=["router"])
    dropped = CounterMetricFamily(
        "futago_vrrp_adverts_dropped", "Packets that were not used, by reason.", labels=["router", "reason"]
    )
    for status in statuses:
        for one in Role:
            role.add_metric(label_values(status.name, one.value), status.role is one)
        since.add_metric([status.name], status.since)
        problem.add_metric([status.name], status.error is not None)
        transitions.add_metric([status.name], status.transitions)
        sent.add_metric([status.name], status.adverts_sent)
        received.add_metric([status.name], status.adverts_received)
        for reason, number in sorted(status.dropped.items()):
            dropped.add_metric(label_values(status.name, reason), number)
    return [role, since, problem, transitions, sent, received, dropped]


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
