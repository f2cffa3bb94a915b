"""Quality of service at instances' ports: how fast they may send and be sent to, and how their packets are marked.

    from the instance ─▶ table 0: meter, DSCP ─▶ 59: meter ─▶ 60 …        to the instance: the queue of its interface

What an instance sends passes a meter, which drops what is too much: a switch in userspace takes frames before the
kernel's policing would see them. What is sent to it waits in a queue of the kernel's HTB, with either datapath. A
subport has no interface of its own, so there a meter does both. Packets are limited in a table of their own: a flow may
lead through one meter only.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from futago.contract.port_features import QosSpec, RateLimit
from futago.contract.specs import NetworkSpec, NodeSpecs, PortSpec
from futago.node.features.firewall.rules import reference
from futago.node.features.trunk import outer_name, tagging
from futago.node.host import FIRST_METER, HOST, METERS, QOS, FlowTable, Meter, Owned, Place, Shaper
from futago.values import Vlan

_FAMILIES: Final = ("ip", "ipv6")
_MOST: Final = 2**32 - 1
"""OpenFlow has no higher rate."""


class _Rate(NamedTuple):
    """What a meter lets pass."""

    unit: Literal["kbps", "pktps"]
    most: int
    burst: int


def qos(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place) -> list[Owned]:
    """The meters and queues of this node's ports, and the flows that lead through the meters."""
    ports = list(_ports(specs, vlans))
    limits = {_name(port, way): limit for port, spec in ports for way, limit in _metered(port, spec)}
    meters = {
        name: Meter(bridge=place.integration_bridge, number=number, unit=unit, rate=most, burst=burst)
        for name, number in _numbered(limits).items()
        for unit, most, burst in (limits[name],)
    }
    owned: list[Owned] = []
    flows: list[str] = []
    about: set[str] = set()
    for port, spec in ports:
        own = {way: meters[_name(port, way)] for way, _ in _metered(port, spec) if _name(port, way) in meters}
        owned += [Owned(port.key, meter) for meter in own.values()]
        if spec.ingress is not None and port.trunk is None:
            owned.append(Owned(port.key, Shaper(port_id=port.port_id, limit=spec.ingress)))
        flows += _flows(port, spec, own)
        about.add(f"port:{port.port_id}")
        about.update(() if port.trunk is None else (outer_name(port.port_id), f"port:{port.trunk.parent_id}"))
    table = FlowTable(
        bridge=place.integration_bridge, part=QOS, flows=tuple(sorted(flows)), may_lack=tuple(sorted(about))
    )
    return [*owned, Owned(HOST, table)]


def effective(port: PortSpec, network: NetworkSpec | None) -> QosSpec | None:
    """A port's own policy goes before its network's."""
    return port.qos if port.qos is not None or network is None else network.qos


def _ports(specs: NodeSpecs, vlans: Mapping[str, Vlan]) -> Iterator[tuple[PortSpec, QosSpec]]:
    for port in specs.specs.values():
        if isinstance(port, PortSpec) and port.admin_state_up and port.network_id in vlans:
            network = specs.specs.get(f"network/{port.network_id}")
            spec = effective(port, network if isinstance(network, NetworkSpec) else None)
            if spec is not None:
                yield port, spec


def _name(port: PortSpec, way: str) -> str:
    return f"{port.port_id}/{way}"


def _metered(port: PortSpec, spec: QosSpec) -> Iterator[tuple[str, _Rate]]:
    """What there is a meter for."""
    if spec.egress is not None:
        yield "egress", _bits(spec.egress)
    if spec.ingress is not None and port.trunk is not None:
        yield "ingress", _bits(spec.ingress)
    if spec.egress_packets is not None:
        packets = spec.egress_packets
        yield "packets", _Rate("pktps", min(packets.per_second, _MOST), min(packets.burst, _MOST))


def _bits(limit: RateLimit) -> _Rate:
    return _Rate("kbps", limit.kbps, limit.burst_kbits)


def _numbered(names: Iterable[str]) -> dict[str, int]:
    """A meter for each, by its name, so that it mostly keeps it whatever else comes and goes."""
    taken: dict[int, str] = {}
    for name in sorted(names)[:METERS]:
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % METERS
        while number in taken:
            number = (number + 1) % METERS
        taken[number] = name
    return {name: FIRST_METER + number for number, name in taken.items()}


def _flows(port: PortSpec, spec: QosSpec, meters: Mapping[str, Meter]) -> Iterator[str]:
    """What a subport sends has lost its tag before: table 0 sees it come from the patch port that stands for it."""
    source = f"in_port={reference(port.port_id)}"
    through = f"meter:{meters['egress'].number}," if "egress" in meters else ""
    onwards = "resubmit(,60)"
    if "packets" in meters:
        yield f"table=59,priority=7,{source} actions=meter:{meters['packets'].number},{onwards}"
        onwards = "resubmit(,59)"
    if "egress" in meters or "packets" in meters:
        yield f"table=0,priority=7,{source} actions={through}{onwards}"
    if spec.dscp is not None:
        marked = f"{through}set_field:{spec.dscp}->ip_dscp,{onwards}"
        yield from (f"table=0,priority=8,{family},{source} actions={marked}" for family in _FAMILIES)
    if "ingress" in meters and port.trunk is not None:
        back = f"meter:{meters['ingress'].number},{tagging(port.trunk)}"
        yield f'table=0,priority=21,in_port="{outer_name(port.port_id)}" actions={back}'
