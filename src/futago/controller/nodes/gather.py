"""Gathers the rows around one object for planning: a bounded number of statements each."""

from collections.abc import Iterator

from futago.config import ControllerConfig, NodeRole, Profile
from futago.contract.specs import Spec
from futago.controller import device_owners, schedule
from futago.controller.agent_types import L3
from futago.controller.nodes import gather_firewall, gather_networks, gather_ports
from futago.controller.plan.peers import plan_peers
from futago.controller.plan.replication import plan_replication
from futago.controller.plan.router import plan_router
from futago.controller.plan.views import RouterView, Settings
from futago.controller.store.addressing_rows import SubnetPool
from futago.controller.store.database import FILLED, View
from futago.controller.store.routing_rows import ConntrackHelper, MeteringLabel, MeteringRule, PortForwarding
from futago.controller.store.rows import (
    DhcpReplica,
    FixedIp,
    FloatingIp,
    Network,
    Node,
    Port,
    Replica,
    Router,
    Segment,
    Subnet,
    VrrpKey,
)
from futago.controller.store.tables import TABLES
from futago.controller.store.touched import METERING, PEERS, REPLICATION, VRRP_KEYS
from futago.controller.vrrp_settings import vrrp_settings

Plans = dict[str, tuple[Spec, ...]]
"""Node → specs."""


def settings(config: ControllerConfig) -> Settings:
    """What of the configuration shows in specs."""
    vrrp = vrrp_settings(config)
    return Settings(
        vrrp_version=vrrp.version,
        advert_interval=vrrp.advert_interval,
        password=vrrp.password,
        auth_mode=vrrp.auth_mode,
        bfd_interval=vrrp.bfd_interval,
        priority=schedule.SEED_PRIORITY if config.profile is Profile.SEED else None,
        dns_domain=config.dns_domain,
        lease_seconds=config.dhcp_lease_duration,
        l2_population=config.l2_population,
    )


def all_keys(view: View) -> frozenset[str]:
    """The plan key of everything there is."""
    networks = (f"network/{network_id}" for network_id in view.values(Network, "id"))
    routers = (f"router/{router_id}" for router_id in view.values(Router, "id"))
    ports = (f"port/{port_id}" for port_id in view.values(Port, "id", host_id=FILLED))
    return frozenset((PEERS, REPLICATION, *networks, *routers, *ports, *gather_firewall.all_keys(view)))


def plan_keys(view: View, changed: frozenset[str]) -> frozenset[str]:
    """What has to be planned again when these keys of the change log were touched."""
    keys = {key for key in changed if not key.startswith(("segment/", "node/", f"{METERING}/", "qos-policy/"))}
    keys.update(f"router/{router.id}" for router in _metered_routers(view, _ids(changed, METERING)))
    keys |= gather_ports.keys_of_policies(view, _ids(changed, "qos-policy"))
    names = _ids(changed, "node")
    keys.update(f"router/{replica.router_id}" for replica in (view.find(Replica, node=names) if names else []))
    keys.update(f"network/{replica.network_id}" for replica in (view.find(DhcpReplica, node=names) if names else []))
    keys |= _with_several_segments(view) if names else set()
    for network_id in _ids(changed, "segment"):
        keys.add(f"network/{network_id}")
        legs = view.find(Port, network_id=network_id, device_owner=device_owners.ROUTERS)
        keys.update(f"router/{leg.device_id}" for leg in legs)
    if VRRP_KEYS in keys:
        keys.remove(VRRP_KEYS)
        keys.update(f"router/{router.id}" for router in view.find(Router, ha=True))
    keys |= gather_firewall.named_sets(view, keys) | gather_firewall.member_keys(view, _ids(changed, "port"))
    router_ids = _ids(frozenset(keys), "router")
    legs = view.find(Port, device_id=router_ids, device_owner=device_owners.ROUTERS) if router_ids else []
    return frozenset(keys | {f"network/{leg.network_id}" for leg in legs})


def _with_several_segments(view: View) -> set[str]:
    """The networks for which it depends on what a node says of itself how it is on them."""
    further = view.search(Segment, TABLES[Segment].c.position > 0)
    return {f"network/{segment.network_id}" for segment in further}


def plan_one(view: View, key: str, wanted: Settings) -> Plans:
    """The specs that come of one plan key; none when the object is gone."""
    kind, _, object_id = key.partition("/")
    match kind:
        case "network":
            plans = gather_networks.network(view, object_id, wanted)
        case "router":
            plans = _router(view, object_id, wanted)
        case "port":
            plans = gather_ports.port(view, object_id)
        case "security-group":
            plans = gather_firewall.group(view, object_id)
        case "address-set":
            plans = gather_firewall.address_set(view, object_id)
        case _ if key == REPLICATION:
            plans = plan_replication(view.find(VrrpKey), gather_networks.able(view.find(Node), NodeRole.L3))
        case _:
            plans = plan_peers(view.find(Node), wanted)
    return plans


def _drained(view: View) -> Iterator[str]:
    return (node.name for node in view.find(Node) if not node.admin_state_up.get(L3, True))


def _router(view: View, router_id: str, wanted: Settings) -> Plans:
    router = view.get(Router, id=router_id)
    if router is None:
        return {}
    ports = view.find(Port, device_id=router_id, device_owner=device_owners.ROUTERS)
    network_ids = {port.network_id for port in ports}
    fixed_ips = view.find(FixedIp, port_id=[port.id for port in ports])
    floating_ips = view.find(FloatingIp, router_id=router_id)
    subnet_ids = {fixed_ip.subnet_id for fixed_ip in fixed_ips}
    subnets = {subnet.id: subnet for subnet in view.find(Subnet, id=subnet_ids)}
    networks = {network.id: network for network in view.find(Network, id=network_ids)}
    return plan_router(
        RouterView(
            router=router,
            ports=tuple(ports),
            fixed_ips=tuple(fixed_ips),
            networks=networks,
            subnets=subnets,
            replicas=tuple(view.find(Replica, router_id=router_id)),
            floating_ips=tuple(floating_ips),
            port_forwardings=tuple(view.find(PortForwarding, router_id=router_id)) if floating_ips else (),
            conntrack_helpers=tuple(view.find(ConntrackHelper, router_id=router_id)),
            metering_rules=tuple(_metering_rules(view, router)),
            drained=frozenset(_drained(view)),
            vrrp_keys=tuple(view.find(VrrpKey)) if wanted.auth_mode else (),
            scopes=_scopes(view, {subnet.subnetpool_id for subnet in subnets.values() if subnet.subnetpool_id}),
            qos_rules=gather_ports.rules_outside(view, router, floating_ips, networks),
        ),
        wanted,
    )


def _scopes(view: View, pool_ids: set[str]) -> dict[str, str]:
    pools = view.find(SubnetPool, id=pool_ids) if pool_ids else []
    return {pool.id: pool.address_scope_id for pool in pools if pool.address_scope_id is not None}


def _metering_rules(view: View, router: Router) -> list[MeteringRule]:
    """Those of the labels that count at a router: its project's, and the shared ones."""
    labels = [*view.find(MeteringLabel, project_id=router.project_id), *view.find(MeteringLabel, shared=True)]
    return view.find(MeteringRule, metering_label_id={label.id for label in labels})


def _metered_routers(view: View, projects: list[str]) -> list[Router]:
    """Those of the projects; "" is all of them."""
    return view.find(Router) if "" in projects else view.find(Router, project_id=projects) if projects else []


def _ids(keys: frozenset[str], kind: str) -> list[str]:
    return sorted(key.partition("/")[2] for key in keys if key.startswith(f"{kind}/"))
