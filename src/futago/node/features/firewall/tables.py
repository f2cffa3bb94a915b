"""The tables of the firewall, and the flows in them that are the same for every port.

    from an instance ─▶ 60 ─▶ 71 whose address ─▶ 74 what only some may say ─▶ 72 rules ─▶ 73 remember it ─┐
                                                                        to an instance here: 81 ◀─┘         ▼
    from the service ─▶ 60 ───────────────────────────────────────────────────────────────────────▶ 61 who is here
                                                                                                      │     │
    from other nodes ─▶ 60 ─▶ 81 at an instance ─▶ 82 rules ─▶ 92 remember it, put out    81 ◀────────┘     │
                         └────────────────────────────────────────────────────────▶ 94 NORMAL ◀────────────┘

Register 5 is the instance's port that a frame comes from (71 to 73) or goes to (81 to 92), register 6 the network's
local VLAN, which is also the conntrack zone. Bit 0 of the mark of a connection says that the rules do not let it
through any more: neither direction passes until a rule does again.
"""

from collections.abc import Iterable
from typing import Final

from futago.values import Vlan

TRANSIT: Final = 60
HERE: Final = 61
SOURCE: Final = 71
EGRESS: Final = 72
SENT: Final = 73
RESERVED: Final = 74
ARRIVED: Final = 81
INGRESS: Final = 82
DELIVER: Final = 92
SWITCH: Final = 94

ZONE: Final = "zone=NXM_NX_REG6[0..15]"
_MARK: Final = "load:{}->NXM_NX_CT_MARK[]"
_FAMILIES: Final = ("ip", "ipv6")
_OUT: Final = "output:NXM_NX_REG5[]"

_ROUTER_DISCOVERY: Final = (130, 134, 137)
"""ICMPv6 that routers send: MLD queries, router advertisements, redirects."""
_NEIGHBOURS: Final = (135, 136)
_JOINING: Final = (131, 132, 133, 143)
"""ICMPv6 that a host must send to take part at all: MLD reports, router solicitations."""
VRRP: Final = 112


def flow(table: int, priority: int, match: str, actions: str) -> str:
    """A flow as ovs-ofctl(8) writes it."""
    return f"table={table},priority={priority}{',' if match else ''}{match} actions={actions}"


def goto(table: int) -> str:
    return f"resubmit(,{table})"


def track(table: int) -> str:
    """Ask conntrack, and go on in `table` with its answer."""
    return f"ct(table={table},{ZONE})"


def load_network(vlan: Vlan) -> str:
    """Say which network a frame is in."""
    return f"load:0x{vlan:x}->NXM_NX_REG6[]"


def to_each(ports: Iterable[str]) -> str:
    """Hand a frame to each of several guarded ports, by its rules; what follows other actions."""
    return "".join(f",clone(load:{one}->NXM_NX_REG5[],{goto(ARRIVED)})" for one in sorted(ports))


def to_other_nodes(vlan: Vlan, way_out: str) -> str:
    """Send a frame on by `way_out`, which may be nothing; what follows other actions."""
    return f",push_vlan:0x8100,set_field:{0x1000 | vlan}->vlan_vid{way_out}" if way_out else ""


def common_flows() -> list[str]:
    """What holds for every port."""
    return [
        # A tag from an instance would be a way into another network.
        flow(SOURCE, 110, "vlan_tci=0x1000/0x1000", "drop"),
        *_reserved(),
        *_arrived(),
        *_states(EGRESS, SENT),
        *_states(INGRESS, DELIVER),
        *_remember(SENT, goto(HERE)),
        *_remember(DELIVER, _OUT),
    ]


def _reserved() -> list[str]:
    """The sender is who it says; some things it may not say all the same, and some it must be able to."""
    never = [f"icmp6,icmp_type={kind}" for kind in (*_ROUTER_DISCOVERY, *_NEIGHBOURS)]
    never += ["udp,tp_src=67,tp_dst=68", "udp6,tp_src=547,tp_dst=546"]
    joining = [f"icmp6,icmp_type={kind}" for kind in _JOINING]
    leasing = ["udp,tp_src=68,tp_dst=67", "udp6,tp_src=546,tp_dst=547"]
    return [
        *(flow(RESERVED, 100, match, "drop") for match in never),
        *(flow(RESERVED, 80, f"{family},nw_proto={VRRP}", "drop") for family in _FAMILIES),
        *(flow(RESERVED, 70, match, goto(SWITCH)) for match in joining),
        # An instance is no DHCP server: to it, this is a packet like any other.
        *(flow(RESERVED, 70, match, goto(HERE)) for match in leasing),
        *(flow(RESERVED, 50, family, track(EGRESS)) for family in _FAMILIES),
    ]


def _arrived() -> list[str]:
    """What was checked where it was sent needs no rule: addresses are found and leased without one."""
    open_to_all = [f"icmp6,icmp_type={kind}" for kind in (130, 131, 132, 134, 135, 136, 143)]
    open_to_all += ["arp", "udp,tp_src=67,tp_dst=68", "udp6,tp_src=547,tp_dst=546"]
    return [
        *(flow(ARRIVED, 100, match, _OUT) for match in open_to_all),
        *(flow(ARRIVED, 80, f"ct_state=-trk,{family}", track(INGRESS)) for family in _FAMILIES),
        *(flow(ARRIVED, 70, f"ct_state=+trk,{family}", goto(INGRESS)) for family in _FAMILIES),
    ]


def _states(table: int, accepted: int) -> list[str]:
    """Around the rules: replies need none, and a connection that finds none any more is marked.

    The rules are asked for every packet from the side that began, so a rule that goes takes effect at the next one.
    """
    return [
        flow(table, 90, "ct_state=+inv+trk", "drop"),
        flow(table, 80, "ct_state=+est+rpl+trk,ct_mark=0", goto(accepted)),
        flow(table, 80, "ct_state=-new+rel+trk,ct_mark=0", goto(accepted)),
        flow(table, 79, "ct_state=+est+rpl+trk", "drop"),
        flow(table, 79, "ct_state=-new+rel+trk", "drop"),
        *(
            flow(table, 10, f"ct_state=+est-rpl+trk,{family}", f"ct(commit,{ZONE},exec({_MARK.format(1)}))")
            for family in _FAMILIES
        ),
    ]


def _remember(table: int, then: str) -> list[str]:
    """Let conntrack know a connection that a rule has let through; one that was marked is good again."""
    good_again = f"ct(commit,{ZONE},exec({_MARK.format(0)})),{then}"
    return [
        *(flow(table, 50, f"ct_state=+new+trk,{family}", f"ct(commit,{ZONE}),{then}") for family in _FAMILIES),
        *(flow(table, 50, f"ct_state=+est-rpl+trk,ct_mark=1,{family}", good_again) for family in _FAMILIES),
        flow(table, 0, "", then),
    ]
