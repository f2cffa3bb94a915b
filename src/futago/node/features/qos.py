"""Quality of service at instances' ports: how fast they may send and be sent to, and how their packets are marked.

    from the instance ─▶ table 0: meter, DSCP ─▶ 60 …          to the instance: the queue of its interface

What an instance sends passes a meter, which drops what is too much: a switch in userspace takes frames before the
kernel's policing would see them. What is sent to it waits in a queue of the kernel's HTB, with either datapath. A
subport has no interface of its own, so there a meter does both.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from futago.contract.port_features import QosSpec, RateLimit
from futago.contract.specs import NetworkSpec, NodeSpecs, PortSpec
from futago.node.features.firewall.rules import reference
from futago.node.features.trunk import outer_name, tagging
from futago.node.host import FIRST_METER, HOST, METERS, QOS, FlowTable, Meter, Owned, Place, Shaper
from futago.values import Vlan

_FAMILIES: Final = ("ip", "ipv6")


def qos(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place) -> list[Owned]:
    """The meters and queues of this node's ports, and the flows that lead through the meters."""
    ports = list(_ports(specs, vlans))
    limits = {_name(port, way): limit for port, spec in ports for way, limit in _metered(port, spec)}
    meters = {
        name: Meter(bridge=place.integration_bridge, number=number, limit=limits[name])
        for name, number in _numbered(limits).items()
    }
    owned: list[Owned] = []
    flows: list[str] = []
    about: set[str] = set()
    for port, spec in ports:
        egress, ingress = (meters.get(_name(port, way)) for way in ("egress", "ingress"))
        owned += [Owned(port.key, meter) for meter in (egress, ingress) if meter is not None]
        if spec.ingress is not None and port.trunk is None:
            owned.append(Owned(port.key, Shaper(port_id=port.port_id, limit=spec.ingress)))
        flows += _flows(port, spec, egress, ingress)
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


def _metered(port: PortSpec, spec: QosSpec) -> Iterator[tuple[str, RateLimit]]:
    if spec.egress is not None:
        yield "egress", spec.egress
    if spec.ingress is not None and port.trunk is not None:
        yield "ingress", spec.ingress


def _numbered(names: Iterable[str]) -> dict[str, int]:
    """A meter for each, by its name, so that it mostly keeps it whatever else comes and goes."""
    taken: dict[int, str] = {}
    for name in sorted(names)[:METERS]:
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % METERS
        while number in taken:
            number = (number + 1) % METERS
        taken[number] = name
    return {name: FIRST_METER + number for number, name in taken.items()}


def _flows(port: PortSpec, spec: QosSpec, egress: Meter | None, ingress: Meter | None) -> Iterator[str]:
    """What a subport sends has lost its tag before: table 0 sees it come from the patch port that stands for it."""
    source = f"in_port={reference(port.port_id)}"
    through = "" if egress is None else f"meter:{egress.number},"
    if through:
        yield f"table=0,priority=7,{source} actions={through}resubmit(,60)"
    if spec.dscp is not None:
        marked = f"{through}set_field:{spec.dscp}->ip_dscp,resubmit(,60)"
        yield from (f"table=0,priority=8,{family},{source} actions={marked}" for family in _FAMILIES)
    if ingress is not None and port.trunk is not None:
        back = f"meter:{ingress.number},{tagging(port.trunk)}"
        yield f'table=0,priority=21,in_port="{outer_name(port.port_id)}" actions={back}'
