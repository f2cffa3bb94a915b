"""Two hosts on a bridge, in namespaces of their own, and everything that was said on it.

[ours] eth0 ─────── br0 in [wire] ─────── eth0 [theirs]
                     └── tcpdump
"""

import os
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count
from pathlib import Path

from futago.values import IPAddress, IPv4Address, IPv6Address
from futago.vrrp import packet
from futago.vrrp.config import Checksum
from futago.vrrp.packet import Advert, Datagram
from host.vrrpd_kit import run, wait_for

OURS: dict[int, IPAddress] = {4: IPv4Address("169.254.192.1"), 6: IPv6Address("fe80::c001")}
THEIRS: dict[int, IPAddress] = {4: IPv4Address("169.254.192.2"), 6: IPv6Address("fe80::c002")}
COMPLAINTS = ("bad", "invalid", "malformed", "truncated", "[|", "wrong", "unknown")
_serial = count()


@dataclass(frozen=True)
class Heard:
    """One advertisement on the wire."""

    at: float
    source: IPAddress
    datagram: Datagram
    advert: Advert


@dataclass(frozen=True)
class Wire:
    """The bridge's namespace, its hosts' namespaces and the capture."""

    namespace: str
    ours: str
    theirs: str
    capture: Path

    def frames(self) -> list[tuple[float, bytes]]:
        """Everything so far, with its time (libpcap's file format)."""
        data = self.capture.read_bytes()
        frames: list[tuple[float, bytes]] = []
        at = 24
        while at + 16 <= len(data):
            seconds, micros, length, _ = struct.unpack_from("=IIII", data, at)
            frame = data[at + 16 : at + 16 + length]
            if len(frame) == length:
                frames.append((seconds + micros / 1e6, frame))
            at += 16 + length
        return frames

    def adverts(self, source: IPAddress | None = None, since: float = 0.0) -> list[Heard]:
        """The advertisements, of one source or of all."""
        heard = [_read(at, frame) for at, frame in self.frames() if at >= since and _is_vrrp(frame)]
        return [h for h in heard if source in {None, h.source}]

    def checksums(self, source: IPAddress) -> set[Checksum]:
        """The forms that this source uses over IPv4."""
        return {_checksum(heard.datagram.payload) for heard in self.adverts(source)}

    def announced(self, address: IPAddress, since: float) -> bool:
        """Whether a gratuitous ARP or an unsolicited neighbour advertisement for this address was sent."""
        return any(_announces(frame, address) for at, frame in self.frames() if at >= since)

    def active(self, source: IPAddress, interval: float) -> bool:
        """Whether this one alone has advertised lately, and more than once."""
        lately = self.adverts(since=time.time() - 3.5 * interval)
        return len(lately) > 1 and all(h.source == source and h.advert.priority for h in lately)

    def wait_for_active(self, source: IPAddress, interval: float) -> None:
        wait_for(f"{source} alone is active", lambda: self.active(source, interval), 60)

    def wait_for_adverts(self, number: int, source: IPAddress, since: float) -> None:
        wait_for(f"{source} advertises", lambda: len(self.adverts(source, since)) >= number, 60)

    def complaints(self, source: IPAddress) -> list[str]:
        """What tcpdump finds wrong with the advertisements of this source."""
        kind = "proto 112" if source.version == 4 else "ip6 proto 112"
        told = run("tcpdump", "-nvvr", str(self.capture), f"{kind} and src {source}").lower()
        assert "vrrp" in told
        return [line for line in told.splitlines() if any(word in line for word in COMPLAINTS)]


@contextmanager
def make_wire(directory: Path) -> Iterator[Wire]:
    """Both hosts with an address of either family, and tcpdump running."""
    base = f"fvi{os.getpid()}-{next(_serial)}"
    wire = Wire(namespace=f"{base}-w", ours=f"{base}-o", theirs=f"{base}-t", capture=directory / "capture.pcap")
    names = (wire.namespace, wire.ours, wire.theirs)
    tcpdump: subprocess.Popen[bytes] | None = None
    try:
        for name in names:
            run("ip", "netns", "add", name)
        run("ip", "-n", wire.namespace, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        run("ip", "-n", wire.namespace, "link", "set", "br0", "up")
        _plug(wire.namespace, wire.ours, "ours", OURS)
        _plug(wire.namespace, wire.theirs, "theirs", THEIRS)
        tcpdump = _capture(wire)
        yield wire
    finally:
        if tcpdump:
            tcpdump.terminate()
            tcpdump.wait(10)
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _plug(wire: str, host: str, port: str, addresses: dict[int, IPAddress]) -> None:
    """Exactly one link-local address, without waiting for its duplicate detection."""
    run("ip", "-n", host, "link", "set", "lo", "up")
    run("ip", "-n", wire, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host)
    run("ip", "netns", "exec", host, "sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0")
    run("ip", "-n", host, "link", "set", "eth0", "addrgenmode", "none")
    run("ip", "-n", wire, "link", "set", port, "master", "br0", "up")
    run("ip", "-n", host, "link", "set", "eth0", "up")
    run("ip", "-n", host, "address", "add", f"{addresses[4]}/18", "dev", "eth0")
    run("ip", "-n", host, "address", "add", f"{addresses[6]}/64", "dev", "eth0", "nodad")


def _capture(wire: Wire) -> subprocess.Popen[bytes]:
    command = [
        "ip",
        "netns",
        "exec",
        wire.namespace,
        "tcpdump",
        "-Z",
        "root",
        "-U",
        "-i",
        "br0",
        "-w",
        str(wire.capture),
    ]
    tcpdump = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("tcpdump listens", lambda: wire.capture.exists() and wire.capture.stat().st_size >= 24)
    return tcpdump


def _is_vrrp(frame: bytes) -> bool:
    match frame[12:14]:
        case b"\x08\x00":
            return frame[23] == packet.PROTOCOL
        case b"\x86\xdd":
            return frame[20] == packet.PROTOCOL
        case _:
            return False


def _read(at: float, frame: bytes) -> Heard:
    """Every advertisement on the wire must be right, whoever sent it."""
    length = int.from_bytes(frame[16:18], "big") if frame[12] == 8 else 40 + int.from_bytes(frame[18:20], "big")
    datagram = packet.take_apart(frame[14 : 14 + length])
    advert = packet.decode(datagram.payload, datagram.ends)
    return Heard(at=at, source=datagram.source, datagram=datagram, advert=advert)


def _checksum(message: bytes) -> Checksum:
    """Whether the message adds up by itself."""
    return Checksum.PSEUDO_HEADER if packet.internet_checksum(message) else Checksum.MESSAGE


def _announces(frame: bytes, address: IPAddress) -> bool:
    if address.version == 4:
        return frame[12:14] == b"\x08\x06" and frame[28:32] == address.packed == frame[38:42]
    neighbour_advertisement = frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] == 136
    return neighbour_advertisement and ip_address(frame[62:78]) == address
