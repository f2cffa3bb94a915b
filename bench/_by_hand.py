"""An instance's path to the outside, built by hand beside ours: the same hosts, tunnels, pairs and NAT, no Futago."""

from dataclasses import dataclass
from typing import Final

from futago.lab.lab import Lab

BRIDGE: Final = "br-hand"
ROUTER: Final = "hand-router"
OWN: Final = "10.0.80.250"
"""What the router translates to; outside of the pool that ours gives addresses from."""
_KEY: Final = 5000
_ZONE: Final = 60000
_GATEWAY: Final = "192.168.90.1"
_MTU: Final = 1450


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends, and from which of its addresses."""

    host: str
    netns: str
    address: str


@dataclass(frozen=True, slots=True)
class _Instance:
    name: str
    plain: str
    """Has no floating IP."""
    known: str
    floating: str


_OPEN: Final = _Instance("hand-open", "192.168.90.4", "192.168.90.5", "10.0.80.251")
_GUARDED: Final = _Instance("hand-guarded", "192.168.90.132", "192.168.90.133", "10.0.80.252")
_GUARDED_RANGE: Final = "192.168.90.128/25"

_PAIR: Final = """
ip netns add {netns} 2>/dev/null || true
ip link add {outer} mtu {mtu} type veth peer name {inner} mtu {mtu} netns {netns}
ip netns exec {netns} ethtool -K {inner} tx off > /dev/null
ethtool -K {outer} tx off > /dev/null
ip -n {netns} link set {inner} up
ip link set {outer} up
"""
_TUNNEL: Final = """
ovs-vsctl --may-exist add-br {bridge} -- set bridge {bridge} datapath_type=netdev \
  -- add-port {bridge} hand-tunnel -- set interface hand-tunnel type=vxlan \
  options:df_default=true options:key={key} options:local_ip={local} options:remote_ip={remote} \
  -- set interface hand-tunnel bfd:enable=true bfd:min_rx=100 bfd:min_tx=100
"""
_FIREWALL: Final = """
ovs-ofctl --bundle replace-flows {bridge} - <<'FLOWS'
priority=10,ip,in_port={port} actions=ct(table=1,zone={zone})
priority=10,ip,in_port=hand-tunnel,nw_dst={guarded} actions=ct(table=1,zone={zone})
priority=0 actions=NORMAL
table=1,priority=10,ct_state=+new+trk,ip,in_port={port} actions=ct(commit,zone={zone}),NORMAL
table=1,priority=10,ct_state=+est+trk actions=NORMAL
FLOWS
"""
_NAT: Final = """
table ip hand {{
    chain prerouting {{
        type nat hook prerouting priority dstnat
        dnat to ip daddr map {{ {inwards} }}
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat
        oifname != "out" accept
        snat to ip saddr map {{ {outwards} }}
        snat to {own}
    }}
}}
"""


def build(lab: Lab, compute: str, network: str) -> dict[tuple[str, str], Sender]:
    """Make it between an instance's host and a router's; the senders, by how they are guarded and translated."""
    ends = {host: lab.plan(host).underlay_address for host in (compute, network)}
    for host, other in ((compute, network), (network, compute)):
        local, remote = ends[host], ends[other]
        assert local is not None
        assert remote is not None
        _sh(lab, host, _TUNNEL.format(bridge=BRIDGE, key=_KEY, local=local.ip, remote=remote.ip))
    senders = {}
    for guard, instance in (("open", _OPEN), ("guarded", _GUARDED)):
        _instance(lab, compute, instance)
        senders[guard, "SNAT"] = Sender(host=compute, netns=instance.name, address=instance.plain)
        senders[guard, "floating IP"] = Sender(host=compute, netns=instance.name, address=instance.known)
    _sh(lab, compute, _FIREWALL.format(bridge=BRIDGE, port=_GUARDED.name, zone=_ZONE, guarded=_GUARDED_RANGE))
    _router(lab, network)
    return senders


def _instance(lab: Lab, host: str, instance: _Instance) -> None:
    name = instance.name
    script = _PAIR.format(netns=name, outer=name, inner="eth0", mtu=_MTU)
    for address in (instance.plain, instance.known):
        script += f"ip -n {name} addr add {address}/24 dev eth0\n"
    script += f"ip -n {name} route add default via {_GATEWAY}\n"
    _sh(lab, host, f"{script}ovs-vsctl add-port {BRIDGE} {name}\n")


def _router(lab: Lab, host: str) -> None:
    script = _PAIR.format(netns=ROUTER, outer="hand-in", inner="in", mtu=_MTU)
    script += _PAIR.format(netns=ROUTER, outer="hand-out", inner="out", mtu=1500)
    script += f"ip netns exec {ROUTER} sysctl -qw net.ipv4.ip_forward=1\n"
    script += f"ip -n {ROUTER} addr add {_GATEWAY}/24 dev in\nip -n {ROUTER} addr add {OWN}/24 dev out\n"
    script += "".join(f"ip -n {ROUTER} addr add {one.floating}/32 dev out\n" for one in (_OPEN, _GUARDED))
    script += f"ovs-vsctl add-port {BRIDGE} hand-in -- add-port br-ex1 hand-out\n"
    pairs = [(one.floating, one.known) for one in (_OPEN, _GUARDED)]
    inwards = ", ".join(f"{outside} : {inside}" for outside, inside in pairs)
    outwards = ", ".join(f"{inside} : {outside}" for outside, inside in pairs)
    rules = _NAT.format(inwards=inwards, outwards=outwards, own=OWN)
    _sh(lab, host, f"{script}ip netns exec {ROUTER} nft -f - <<'RULES'\n{rules}RULES\n")


def _sh(lab: Lab, host: str, script: str) -> None:
    lab.exec(host, ["sh", "-ec", script])
