"""`futago node`: wiring only."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Final, TypeVar

import structlog

from futago import __version__, program
from futago.config import NodeConfig, NodeRole
from futago.contract.report import NodeFacts
from futago.contract.specs import NodeSpecs
from futago.node.drivers import netns as namespaces
from futago.node.drivers.bridge_firewall import BridgeFirewallDriver
from futago.node.drivers.conntrackd import ConntrackDriver
from futago.node.drivers.dnsmasq import DnsmasqDriver
from futago.node.drivers.exits import ExitWatch
from futago.node.drivers.flow_watch import FlowWatch
from futago.node.drivers.flows import FlowDriver
from futago.node.drivers.metadata import MetadataDriver
from futago.node.drivers.netlink import Layer3Driver, VethDriver, datapath_in_kernel
from futago.node.drivers.nft import NftDriver
from futago.node.drivers.nft_beside import BesideDriver, counted
from futago.node.drivers.ovs import SwitchDriver
from futago.node.drivers.ovsdb import Ovsdb
from futago.node.drivers.pulse import SwitchPulse
from futago.node.drivers.qos import QosDriver
from futago.node.drivers.radv import HostsTold
from futago.node.drivers.uplinks import UplinkWatch
from futago.node.drivers.vrrpd import Elections
from futago.node.host import (
    Answers,
    Asked,
    Bridge,
    BridgeFirewall,
    Dnsmasq,
    FlowTable,
    Layer3,
    MetadataRoute,
    Meter,
    Namespace,
    NftTable,
    OvsPort,
    Place,
    Plug,
    Shaper,
    Veth,
)
from futago.node.link import Link, LinkDown
from futago.node.loop import Host, Loop
from futago.node.reconcile import Reconciler, Stage
from futago.node.router_tables import HelperTable, MeterTable, ScopeTable
from futago.node.state import StateDirectory
from futago.node.uplinks import Damping
from futago.vrrp.control import Statuses, VrrpdClient

T = TypeVar("T")

_ENGINE_SECONDS: Final = 2.0
"""How long somebody who asks for metrics waits for the engine's, and for conntrackd's."""
_log = structlog.get_logger()


def run(config: NodeConfig) -> None:
    """Be the agent of this host until SIGTERM or SIGINT; what it made true stays true."""
    asyncio.run(_run(config))


async def _run(config: NodeConfig) -> None:
    program.open_many_files()
    stop = program.told_to_end()
    agent = Agent(config, asyncio.get_running_loop())
    try:
        await agent.run(stop)
    finally:
        await agent.close()
    _log.info("node stopped", node=config.name)


class Agent:
    """The parts of the agent, joined."""

    def __init__(self, config: NodeConfig, here: asyncio.AbstractEventLoop) -> None:
        self._config = config
        place = place_of(config)
        state = StateDirectory(config.state_path)
        self._here = here
        self._ovsdb = Ovsdb(config.ovsdb_connection, on_change=self._switch_changed)
        self._elections = Elections(
            VrrpdClient(config.vrrpd_socket), on_role=self._role_changed, on_return=self._engine_returned
        )
        socket = self._ovsdb.run_directory / f"{place.integration_bridge}.mgmt"
        self._pulse = SwitchPulse(socket) if place.datapath_type == "netdev" else None
        self._uplinks = UplinkWatch(
            self._ovsdb,
            state,
            interval=config.uplink_interval_ms / 1000,
            damping=Damping(hold=config.uplink_hold_seconds),
            userspace=place.datapath_type == "netdev",
            on_change=self._impairment_changed,
            on_switch=self._switch_returned,
            pulse=self._pulse,
        )
        self._exits = ExitWatch(here, self._server_ended)
        self._replication = ConntrackDriver(config.conntrackd_socket)
        self._loop = Loop(
            build_host(config, place, self._ovsdb, self._elections, self._uplinks, self._replication, self._exits),
            state,
            resync_seconds=config.resync_seconds,
            heartbeat_seconds=config.heartbeat_seconds,
        )
        bridges = {place.integration_bridge, place.tunnel_bridge, *place.bridge_mappings.values()}
        self._flows = FlowWatch(self._ovsdb.run_directory, sorted(bridges), self._loop.switch_changed)
        self._end_metrics = self._serve_metrics()
        self._link = Link(config, facts_of(config, place), state, self._loop.take)
        self._saved = state.specs()

    async def run(self, stop: asyncio.Event) -> None:
        """Bring back what this node had, then follow controller, switch and engine until `stop`."""
        _log.info("node started", node=self._config.name, roles=",".join(self._config.roles))
        if self._saved is not None:
            self._loop.take(self._saved)
        self._ovsdb.start()
        work = [
            self._loop.run(),
            self._flows.run(),
            namespaces.watch(self._loop.namespaces, self._loop.look_at_all),
            self._loop.report_by(self._link.report, LinkDown),
            self._link.follow(self._saved or NodeSpecs()),
        ]
        if "l3" in self._config.roles:
            work += [self._elections.watch(), self._uplinks.run(), self._loop.give_way()]
            work += [self._pulse.run()] if self._pulse is not None else []
        tasks = [asyncio.ensure_future(one) for one in work]
        stopped = asyncio.ensure_future(stop.wait())
        done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in (stopped, *tasks):
            task.cancel()
        await asyncio.gather(stopped, *tasks, return_exceptions=True)
        for task in done - {stopped}:
            task.result()

    async def close(self) -> None:
        await self._link.close()
        self._exits.close()
        await asyncio.to_thread(self._end_metrics)
        await asyncio.to_thread(self._ovsdb.close)

    def _serve_metrics(self) -> Callable[[], None]:
        if not self._config.metrics_address:
            return lambda: None
        from futago import metrics
        from futago.node.metering_metrics import MeteringCollector
        from futago.node.metrics import NodeCollector
        from futago.node.replication_metrics import ReplicationCollector

        registry = metrics.new_registry()
        registry.register(NodeCollector(self._statuses, self._loop.report, self._uplinks, self._loop.work))
        if "l3" in self._config.roles:
            registry.register(ReplicationCollector(lambda: self._asked(self._replication.status(), None)))
            registry.register(MeteringCollector(self._loop.meters, counted))
        return metrics.serve(self._config.metrics_address, registry)

    def _statuses(self) -> Statuses | None:
        return self._asked(self._elections.statuses(), None)

    def _asked(self, question: Coroutine[object, object, T], otherwise: T) -> T:
        """Called from the metrics' thread."""
        asked = asyncio.run_coroutine_threadsafe(question, self._here)
        try:
            return asked.result(_ENGINE_SECONDS)
        except TimeoutError:
            asked.cancel()
            return otherwise

    def _switch_changed(self) -> None:
        """Called from the database's thread."""
        self._here.call_soon_threadsafe(self._loop.switch_changed)

    def _server_ended(self) -> None:
        self._loop.look_again("dhcp")

    def _role_changed(self) -> None:
        self._loop.role_changed()

    def _impairment_changed(self) -> None:
        self._loop.impairment_changed()

    def _switch_returned(self) -> None:
        self._loop.switch_changed()

    def _engine_returned(self) -> None:
        self._loop.wake()


def place_of(config: NodeConfig) -> Place:
    """What features must know of this node; the datapath is found out if it is not given."""
    found = "system" if datapath_in_kernel() else "netdev"
    return Place(
        name=config.name,
        local_ip=config.local_ip,
        tunnel_types=config.tunnel_types,
        bridge_mappings=config.bridge_mappings,
        integration_bridge=config.integration_bridge,
        tunnel_bridge=config.tunnel_bridge,
        datapath_type=found if config.datapath_type == "auto" else config.datapath_type,
        node=config.name,
        probe_uplinks=config.uplink_probe,
        replication_port=config.replication_port,
        replication_scope=config.replication_scope,
        metadata=NodeRole.METADATA in config.roles,
        metadata_route=_metadata_route(config),
        firewall_driver=config.firewall_driver,
    )


def _metadata_route(config: NodeConfig) -> MetadataRoute:
    if NodeRole.METADATA not in config.roles:
        return "never"
    return "always" if config.force_metadata else "isolated" if config.enable_isolated_metadata else "never"


def facts_of(config: NodeConfig, place: Place) -> NodeFacts:
    """What the controller is told of this node."""
    return NodeFacts(
        roles=config.roles,
        tunnel_address=config.local_ip,
        tunnel_types=config.tunnel_types,
        bridge_mappings=config.bridge_mappings,
        datapath_type=place.datapath_type,
        version=__version__,
        firewall_driver=config.firewall_driver,
        availability_zone=config.availability_zone,
    )


def build_host(
    config: NodeConfig,
    place: Place,
    ovsdb: Ovsdb,
    elections: Elections,
    uplinks: UplinkWatch,
    replication: ConntrackDriver,
    exits: ExitWatch,
) -> Host:
    """The drivers, in the order in which elements are put."""
    switch = SwitchDriver(ovsdb, place.integration_bridge)
    links = VethDriver(checksum_offload=place.datapath_type == "system", let_go=switch.let_go)
    stages = (
        Stage("namespaces", namespaces.NamespaceDriver(), (Namespace,)),
        Stage("links", links, (Veth,)),
        Stage("bridge firewall", BridgeFirewallDriver(), (BridgeFirewall,)),
        Stage("switch", switch, (Bridge, OvsPort, Plug), after="links"),
        Stage("qos", QosDriver(ovsdb), (Meter, Shaper), after="switch"),
        Stage("flows", FlowDriver(ovsdb), (FlowTable,), after="switch"),
        Stage("addresses", Layer3Driver(), (Layer3,)),
        Stage("nat", NftDriver(), (NftTable,)),
        Stage("beside nat", BesideDriver(), (HelperTable, MeterTable, ScopeTable)),
        Stage("dhcp", DnsmasqDriver(exits.watch), (Dnsmasq,)),
        Stage("metadata", MetadataDriver(config.metadata_socket), (Answers, Asked)),
    )
    return Host(
        place=place,
        reconciler=Reconciler(stages, time.monotonic),
        elections=elections,
        uplinks=uplinks,
        replication=replication,
        vlans_in_use=switch.vlans,
        switch_stages=("switch", "qos", "flows"),
        tell_hosts=HostsTold().configure,
    )
