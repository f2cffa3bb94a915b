"""What is asked of a host: its switch's interfaces and traces, a router's routes, neighbours and translations."""

import json
import re
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final

import msgspec

from futago.node.features.forwardings import Forwarding, forwardings
from futago.trace.cloud import NoTrace
from futago.trace.flows import Walk, parse
from futago.values import IPAddress, IPv4Address, Mac

Run = Callable[[str, Sequence[str]], str]
"""Runs a command on a node to its end, and returns what it printed; `NoTrace` if it fails."""

_PAIRS: Final = {
    "inwards": re.compile(r"dnat to ip daddr map \{([^}]*)\}"),
    "outwards": re.compile(r"snat to ip saddr map \{([^}]*)\}"),
}
_PAIR: Final = re.compile(r"([\d.]+) : ([\d.]+)")
_SNAT: Final = re.compile(r"^\s*snat to ([\d.]+)$", re.MULTILINE)


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """What is followed."""

    source: IPAddress
    destination: IPAddress
    protocol: str
    """"icmp", "tcp" or "udp"."""
    port: int
    """Of the destination; for ICMP an echo request, and no port."""
    ttl: int = 64

    def flow(self, source_mac: Mac, destination_mac: Mac) -> str:
        """As ovs-ofctl(8) writes a packet."""
        six = self.source.version == 6
        kind = f"icmp_type={128 if six else 8},icmp_code=0"
        if self.protocol != "icmp":
            flags = ",tcp_flags=syn" if self.protocol == "tcp" else ""
            kind = f"tp_src=40000,tp_dst={self.port}{flags}"
        layer = "ipv6" if six else "nw"
        ends = f"{layer}_src={self.source},{layer}_dst={self.destination}"
        protocol = f"{self.protocol}6" if six else self.protocol
        return f"{protocol},dl_src={source_mac},dl_dst={destination_mac},{ends},nw_ttl={self.ttl},{kind}"

    def said(self) -> str:
        port = "" if self.protocol == "icmp" else f" port {self.port}"
        return f"{self.source} → {self.destination}, {self.protocol}{port}"


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """An interface of a switch."""

    name: str
    number: int
    port_id: str
    remote: str


class Nat(msgspec.Struct, frozen=True, kw_only=True):
    """What a router translates, as its kernel has it."""

    inwards: dict[str, str] = {}
    outwards: dict[str, str] = {}
    forwarded: tuple[Forwarding, ...] = ()
    own: str = ""
    """What everything else that goes out gets; "" leaves it as it is."""

    def coming(self, packet: Packet) -> tuple[Packet, list[str]]:
        """The packet as it is routed, and in words what has been translated."""
        changes: list[str] = []
        if inside := self.inwards.get(str(packet.destination)):
            changes.append(f"floating IP {packet.destination} is {inside}")
            packet = msgspec.structs.replace(packet, destination=IPv4Address(inside))
        for one in self.forwarded:
            if one.covers(str(packet.destination), packet.protocol, packet.port):
                port = packet.port if one.inside_port is None else one.inside_port
                changes.append(f"port {packet.port} of {packet.destination} is port {port} of {one.inside}")
                return msgspec.structs.replace(packet, destination=IPv4Address(one.inside), port=port), changes
        return packet, changes

    def going(self, packet: Packet) -> tuple[Packet, list[str]]:
        """The packet as it leaves through the gateway, and in words what has been translated."""
        outside = self.outwards.get(str(packet.source), self.own) if packet.source.version == 4 else ""
        if not outside:
            return packet, []
        kind = "floating IP" if str(packet.source) in self.outwards else "SNAT"
        said = f"{packet.source} becomes {outside} ({kind})"
        return msgspec.structs.replace(packet, source=IPv4Address(outside)), [said]


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A router's decision."""

    interface: str
    next_hop: IPAddress
    local: bool
    """It is for the router itself."""


class Hosts:
    """The nodes of a cloud, asked when something must be known."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._interfaces: dict[str, list[Interface]] = {}

    def interfaces(self, node: str) -> list[Interface]:
        if node not in self._interfaces:
            columns = "--columns=name,ofport,external_ids,options"
            said = self._run(node, ["ovs-vsctl", "--format=json", columns, "list", "Interface"])
            self._interfaces[node] = [_interface(*row) for row in json.loads(said)["data"]]
        return self._interfaces[node]

    def trace(self, node: str, bridge: str, number: int, flow: str) -> Walk:
        """What a switch would do with a packet that comes in by an interface; nothing is sent."""
        command = ["ovs-appctl", "ofproto/trace", "--names", bridge, f"in_port={number},{flow}"]
        return parse(self._run(node, command))

    def bridge_ports(self, node: str, bridge: str) -> list[str]:
        return self._run(node, ["ovs-vsctl", "list-ports", bridge]).split()

    def holds(self, node: str, namespace: str, address: str) -> bool:
        """Whether an address is in a namespace of a node, which says who is active whatever anybody tells."""
        try:
            return f" {address}/" in self._run(node, ["ip", "-n", namespace, "-oneline", "address"])
        except NoTrace:
            return False

    def way(self, node: str, namespace: str, packet: Packet, interface: str) -> Way | None:
        """Where a router sends a packet that came in by an interface; None if it has no route."""
        ends = [str(packet.destination), "from", str(packet.source), "iif", interface]
        try:
            said = self._run(node, ["ip", "-json", "-n", namespace, "route", "get", *ends])
        except NoTrace:
            return None
        (route,) = json.loads(said)
        return Way(
            interface=route["dev"],
            next_hop=ip_address(route.get("gateway", str(packet.destination))),
            local=route.get("type") == "local",
        )

    def neighbour(self, node: str, namespace: str, address: IPAddress) -> Mac | None:
        """Whom a router takes for the owner of an address; None if it would have to ask."""
        said = json.loads(self._run(node, ["ip", "-json", "-n", namespace, "neighbour", "show", str(address)]) or "[]")
        return next((Mac(one["lladdr"]) for one in said if "lladdr" in one), None)

    def nat(self, node: str, namespace: str) -> Nat:
        try:
            said = self._run(node, ["ip", "netns", "exec", namespace, "nft", "list", "table", "ip", "futago"])
        except NoTrace:
            return Nat()  # a router without a gateway translates nothing
        pairs = {name: dict(_PAIR.findall("".join(found.findall(said)))) for name, found in _PAIRS.items()}
        own = _SNAT.search(said)
        return Nat(
            inwards=pairs["inwards"],
            outwards=pairs["outwards"],
            forwarded=tuple(forwardings(said)),
            own=own[1] if own else "",
        )


def _interface(name: str, number: Any, ids: Any, options: Any) -> Interface:
    """From OVSDB's JSON (RFC 7047, 5.1): an optional value is a set, and a map a list of pairs."""
    return Interface(
        name=name,
        number=number if isinstance(number, int) else -1,
        port_id=dict(ids[1]).get("iface-id", ""),
        remote=dict(options[1]).get("remote_ip", ""),
    )
