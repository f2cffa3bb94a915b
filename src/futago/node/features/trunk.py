"""Trunks: where an instance tags frames for further networks, each tag is a port of the integration bridge of its own.

    instance ═ tap… ─▶ table 0, by its tag ─▶ spt-… ══ spi-… ─▶ 60, as from any instance
    instance ═ tap… ◀─ tagged again ◀─ table 0 ◀─ spt-… ══ spi-… ◀─ what is for the subport

Both ends of the patch are on one bridge. The inner one has the subport's `iface-id` and its network's local VLAN, so
that the firewall and the switch treat it as an interface that is plugged; the outer one has the dead VLAN, so that
nothing comes to it but through its peer. A tag that no subport has is not let in (table 71).
"""

from collections.abc import Iterable, Mapping

from futago.contract.port_features import TrunkTag
from futago.contract.specs import NodeSpecs, PortSpec
from futago.node.features.firewall.rules import reference
from futago.node.features.routing import leg
from futago.node.host import DEAD_VLAN, OvsPort, Owned, Place
from futago.values import Vlan

_VLAN_PRESENT = 0x1000


def inner_name(port_id: str) -> str:
    """The end of the patch that stands for the subport."""
    return leg("spi-", port_id)


def outer_name(port_id: str) -> str:
    """The end towards the parent."""
    return leg("spt-", port_id)


def subports(specs: NodeSpecs, vlans: Mapping[str, Vlan]) -> list[tuple[PortSpec, TrunkTag]]:
    """The subports that are to be wired here."""
    found = (spec for spec in specs.specs.values() if isinstance(spec, PortSpec))
    return [
        (port, port.trunk)
        for port in found
        if port.trunk is not None and port.admin_state_up and port.network_id in vlans
    ]


def subport_patches(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place) -> list[Owned]:
    """The pairs of patch ports."""
    owned = []
    for port, _ in subports(specs, vlans):
        inner, outer = inner_name(port.port_id), outer_name(port.port_id)
        near = OvsPort(
            name=inner,
            bridge=place.integration_bridge,
            kind="patch",
            options=(("peer", outer),),
            tag=vlans[port.network_id],
            iface_ids=(("attached-mac", port.mac), ("iface-id", port.port_id)),
            network_id=port.network_id,
        )
        far = OvsPort(
            name=outer, bridge=place.integration_bridge, kind="patch", options=(("peer", inner),), tag=DEAD_VLAN
        )
        owned += [Owned(port.key, near), Owned(port.key, far)]
    return owned


def trunk_flows(found: Iterable[tuple[PortSpec, TrunkTag]]) -> dict[str, list[str]]:
    """Flows of the integration bridge by the ports that they are about."""
    flows: dict[str, list[str]] = {}
    for port, tag in found:
        outer = outer_name(port.port_id)
        into = f'in_port={reference(tag.parent_id)},dl_vlan={tag.vlan} actions=strip_vlan,output:"{outer}"'
        flows.setdefault(f"port:{tag.parent_id}", []).append(f"table=0,priority=20,{into}")
        flows[outer] = [f'table=0,priority=20,in_port="{outer}" actions={tagging(tag)}']
    return flows


def tagging(tag: TrunkTag) -> str:
    """The actions that hand a frame of a subport to the instance."""
    return f"push_vlan:0x8100,set_field:{_VLAN_PRESENT | tag.vlan}->vlan_vid,output:{reference(tag.parent_id)}"
