"""The hybrid firewall: a Linux bridge in front of each instance, nftables with conntrack and sets on it.

    instance ── tap… ─ qbr… (Linux bridge) ─ qvb… ══ qvo… ─ br-int

As in a cloud with Neutron's `iptables_hybrid`. The kernel here need not have conntrack for bridges: a table of the
bridge family sees who speaks and marks what is to be asked for rules, and br_netfilter shows the same packets to a
table of the inet family, which has conntrack and knows the instance by its bridge.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from futago.contract.firewall import AddressPair, AddressSetSpec, FirewallRule, SecurityGroupSpec
from futago.contract.specs import PortSpec
from futago.node.features.firewall.guard import VRRP_MACS, allowed, link_local, stateful
from futago.node.host import BridgeFirewall
from futago.values import Mac

_EGRESS, _INGRESS, _FREE = "meta mark set 0x1 accept", "meta mark set 0x2 accept", "meta mark set 0x4 accept"
"""To be asked for egress rules, for ingress rules, for none."""
_FAMILY: Final = {4: "ip", 6: "ip6"}
_WITH_PORTS: Final = frozenset({6, 17, 33, 132, 136})
_NEVER: Final = (
    "ether type { 8021q, 8021ad } drop",
    "udp sport 67 udp dport 68 drop",
    "udp sport 547 udp dport 546 drop",
    "icmpv6 type { mld-listener-query, nd-router-advert, nd-redirect } drop",
)
_ARRIVES: Final = (
    "ether type arp accept",
    f"udp sport 67 udp dport 68 {_FREE}",
    f"udp sport 547 udp dport 546 {_FREE}",
    f"icmpv6 type {{ 130, 131, 132, 134, 135, 136, 143 }} {_FREE}",
    f"ether type {{ ip, ip6 }} {_INGRESS}",
    "drop",
)
_STATE: Final = (
    "ct state invalid drop",
    "ct direction reply ct mark 0x1 drop",
    "ct state established ct direction reply accept",
    "ct state related ct mark 0x0 accept",
)


def hybrid(
    ports: Sequence[PortSpec], groups: Mapping[str, SecurityGroupSpec], sets: Mapping[str, AddressSetSpec]
) -> BridgeFirewall:
    """The whole of it; replaced at once."""
    used = {group_id for port in ports for group_id in port.security_groups if group_id in groups}
    tracked = {port.port_id: stateful(port, groups) for port in ports}
    bridge, inet = [], []
    for port in ports:
        bridge += _chain(f"from_{_short(port)}", _sources(port))
    bridge += _chain("to", _ARRIVES)
    taps = [f"tap{_short(port)}" for port in ports]
    bridge += _chain(
        "forward",
        [
            "type filter hook forward priority -200;",
            *_by_name("iifname vmap", [(tap, f"jump {_name(f'from_{tap[3:]}')}") for tap in taps]),
            *_by_name("oifname vmap", [(tap, "jump to") for tap in taps]),
        ],
    )
    for spec in sorted(sets.values(), key=lambda one: one.set_id):
        inet += _sets(spec)
    for group_id in sorted(used):
        for direction in ("egress", "ingress"):
            rules = (rule for rule in groups[group_id].rules if rule.direction == direction)
            inet += _chain(_of_group(direction, group_id), [text for rule in rules for text in _rule(rule, sets)])
    inet += _chain("known", _STATE)
    for port in ports:
        for direction in ("egress", "ingress"):
            inet += _chain(
                f"{direction}_{_short(port)}", _at_port(port, direction, used, stateful=tracked[port.port_id])
            )
    inet += _hooks(ports, tracked)
    return BridgeFirewall(bridge="".join(f"{line}\n" for line in bridge), inet="".join(f"{line}\n" for line in inet))


def _short(port: PortSpec) -> str:
    return port.port_id[:11].replace("/", "_")


def _chain(name: str, rules: Iterable[str]) -> list[str]:
    return [f"chain {_name(name)} {{", *(f"    {rule}" for rule in rules), "}"]


def _name(text: str) -> str:
    """Chains have no hyphens in their names."""
    return text.replace("-", "_")


def _by_name(words: str, values: Sequence[tuple[str, str]]) -> list[str]:
    """One look-up by an interface's name, however many there are; nothing if there is none."""
    pairs = ", ".join(f'"{name}" : {value}' for name, value in values)
    return [f"{words} {{ {pairs} }}"] if values else []


def _sources(port: PortSpec) -> list[str]:
    """What the instance may say, and in whose name."""
    rules = list(_NEVER)
    own = [str(address) for address in port.addresses] + [str(link_local(port.mac).network_address)]
    for mac in sorted({pair.mac for pair in port.address_pairs if pair.mac.startswith(VRRP_MACS)}):
        rules += [f"ether saddr {mac} {_family(one)} saddr {one} meta l4proto 112 {_EGRESS}" for one in own]
    if not port.address_pairs:
        rules.append("meta l4proto 112 drop")
    for pair in allowed(port):
        rules += _source(pair)
    rules += [
        f"ether saddr {port.mac} ip saddr 0.0.0.0 udp sport 68 udp dport 67 {_FREE}",
        f"ether saddr {port.mac} ip6 saddr :: icmpv6 type {{ 131, 132, 133, 143 }} {_FREE}",
        "drop",
    ]
    return rules


def _source(pair: AddressPair) -> list[str]:
    mac, addresses = pair.mac, pair.addresses
    if addresses.version == 4:
        claim = f"ether type arp ether saddr {mac} arp saddr ether {mac}"
        return [
            f"{claim} arp saddr ip {addresses} accept",
            f"{claim} arp operation request arp saddr ip 0.0.0.0 arp daddr ip {addresses} accept",
            f"ether saddr {mac} ip saddr {addresses} udp sport 68 udp dport 67 {_FREE}",
            f"ether saddr {mac} ip saddr {addresses} {_EGRESS}",
        ]
    sender = f"ether saddr {mac} ip6 saddr {addresses}"
    target = f"@th,64,128 & {_mask(addresses.prefixlen)} == 0x{int(addresses.network_address):032x}"
    return [
        f"{sender} icmpv6 type nd-neighbor-solicit {_own_option(1, mac)}",
        f"{sender} icmpv6 type nd-neighbor-advert {_own_option(2, mac)}",
        f"{sender} icmpv6 type nd-neighbor-solicit {_FREE}",
        f"{sender} icmpv6 type nd-neighbor-advert {target} {_FREE}",
        f"{sender} icmpv6 type nd-neighbor-advert drop",
        # Duplicate address detection (RFC 4862, 5.4.2).
        f"ether saddr {mac} ip6 saddr :: icmpv6 type nd-neighbor-solicit {target} {_FREE}",
        f"{sender} udp sport 546 udp dport 547 {_FREE}",
        f"{sender} icmpv6 type {{ 131, 132, 133, 143 }} {_FREE}",
        f"{sender} {_EGRESS}",
    ]


def _own_option(kind: int, mac: Mac) -> str:
    """Of the sender's link-layer address, which stands behind the target; another's is dropped."""
    return f"@th,192,16 0x{kind:02x}01 @th,208,48 != 0x{mac.replace(':', '')} drop"


def _mask(length: int) -> str:
    return f"0x{(1 << 128) - (1 << (128 - length)):032x}"


def _family(address: str) -> str:
    return "ip6" if ":" in address else "ip"


def _sets(spec: AddressSetSpec) -> list[str]:
    lines = []
    for version in (4, 6):
        members = ", ".join(str(one) for one in spec.addresses if one.version == version)
        if members:
            lines += [
                f"set {_set_name(spec.set_id, version)} {{",
                f"    type ipv{version}_addr; flags interval; auto-merge",
            ]
            lines += [f"    elements = {{ {members} }}", "}"]
    return lines


def _set_name(set_id: str, version: int) -> str:
    """Names are bounded; a digest is not too long, whatever it is of."""
    return f"s{version}_{hashlib.sha256(set_id.encode()).hexdigest()[:20]}"


def _rule(rule: FirewallRule, sets: Mapping[str, AddressSetSpec]) -> list[str]:
    family, side = _FAMILY[rule.version], "daddr" if rule.direction == "egress" else "saddr"
    parts = [f"meta nfproto ipv{rule.version}"]
    if rule.remote is not None and rule.remote.prefixlen:
        parts.append(f"{family} {side} {rule.remote}")
    if rule.remote_set:
        known = sets.get(rule.remote_set)
        if known is None or not any(one.version == rule.version for one in known.addresses):
            return []
        parts.append(f"{family} {side} @{_set_name(rule.remote_set, rule.version)}")
    return [" ".join([*parts, *_service(rule), "ct mark set 0x0 accept"])]


def _service(rule: FirewallRule) -> list[str]:
    if rule.protocol is None:
        return []
    parts = [f"meta l4proto {rule.protocol}"]
    if rule.protocol in {1, 58}:
        name = "icmp" if rule.protocol == 1 else "icmpv6"
        parts += [f"{name} type {rule.first}"] if rule.first is not None else []
        parts += [f"{name} code {rule.last}"] if rule.last is not None else []
    elif rule.protocol in _WITH_PORTS and rule.first is not None:
        parts.append(f"th dport {rule.first}-{rule.last}")
    return parts


def _of_group(direction: str, group_id: str) -> str:
    return f"{direction}_group_{group_id}"


def _at_port(port: PortSpec, direction: str, used: set[str], *, stateful: bool) -> list[str]:
    state = ["jump known"] if stateful else []
    mine = [f"jump {_name(_of_group(direction, one))}" for one in port.security_groups if one in used]
    return [*state, *mine, "ct state established ct mark set 0x1", "drop"]


def _hooks(ports: Sequence[PortSpec], tracked: Mapping[str, bool]) -> list[str]:
    names = {f"qbr{_short(port)}": port for port in ports}
    zones = _zones(names)
    loose = ", ".join(f'"{name}"' for name, port in names.items() if not tracked[port.port_id])
    zoned = [(name, str(zones[name])) for name, port in names.items() if tracked[port.port_id]]
    asked = [
        rule
        for mark, direction in (("0x1", "egress"), ("0x2", "ingress"))
        for rule in _by_name(
            f"meta mark {mark} iifname vmap",
            [(name, f"jump {_name(f'{direction}_{_short(port)}')}") for name, port in names.items()],
        )
    ]
    return [
        *_chain(
            "prerouting",
            [
                "type filter hook prerouting priority raw;",
                *([f"iifname {{ {loose} }} notrack"] if loose else []),
                *_by_name("ct zone set iifname map", zoned),
            ],
        ),
        *_chain("forward", ["type filter hook forward priority filter;", *asked]),
    ]


def _zones(names: Iterable[str]) -> dict[str, int]:
    """A conntrack zone for each instance, by its name, so that it keeps it whatever else comes and goes."""
    taken: dict[int, str] = {}
    for name in sorted(names):
        zone = int.from_bytes(hashlib.sha256(name.encode()).digest()[:2]) or 1
        while zone in taken:
            zone = zone % 0xFFFF + 1
        taken[zone] = name
    return {name: zone for zone, name in taken.items()}
