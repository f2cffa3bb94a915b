"""Where advertisements go: from a replica into the tunnels, and from there to the replica's twin alone.

All routers of a project share one HA network. Its advertisements are multicast, so a switch hands each of them to every
router of the network, and each router but one throws it away: with 250 routers that is 250 times 250 frames in each
interval, more than a switch in userspace can carry. Who sends to whom is known, so flows say it. What they do not know
(another host that says VRRP there) is flooded as before.
"""

from collections.abc import Mapping
from typing import Final

from futago.contract.specs import NodeSpecs, RouterSpec
from futago.node.features.routing import leg
from futago.values import Vlan

_ADVERTISEMENT: Final = "ip,nw_proto=112,nw_dst=224.0.0.18"
_VLAN_PRESENT: Final = 0x1000


def steering(specs: NodeSpecs, vlans: Mapping[str, Vlan]) -> dict[str, list[str]]:
    """The flows of the integration bridge for each replica whose HA network goes through tunnels, by its port."""
    return {
        leg("hh-", router.ha.port_id): _flows(router, vlans[router.ha.network_id])
        for router in specs.specs.values()
        if isinstance(router, RouterSpec) and router.ha is not None and router.ha.network_id in vlans
    }


def _flows(router: RouterSpec, vlan: Vlan) -> list[str]:
    assert router.ha is not None
    port = leg("hh-", router.ha.port_id)
    tag = f"push_vlan:0x8100,set_field:{_VLAN_PRESENT | vlan}->vlan_vid"
    away = f'table=0,priority=5,in_port="{port}",{_ADVERTISEMENT} actions={tag},output:"patch-tun"'
    there = f'table=0,priority=5,in_port="patch-tun",dl_vlan={vlan},{_ADVERTISEMENT}'
    return [away, *(f'{there},nw_src={peer.address} actions=strip_vlan,output:"{port}"' for peer in router.ha.peers)]
