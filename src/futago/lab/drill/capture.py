"""Listen at every cable of a lab at once, through power cuts: frames with the kernel's time and their sender.

One packet socket in the fabric hears all ends of the cables (packet(7)); it does not mind that they come and go.
"""

import ctypes
import socket
import struct
import subprocess
from bisect import bisect_left
from pathlib import Path
from types import TracebackType
from typing import Final

from futago import netns
from futago.lab.drill.background import Background
from futago.lab.drill.pcap import Frame
from futago.lab.drill.sightings import Sighting, sightings
from futago.lab.lab import Lab
from futago.lab.topology import FABRIC, fabric_end

FILTER: Final = (
    "arp or icmp or ip proto 112 or tcp[tcpflags] & tcp-rst != 0 or"
    " (udp dst port 4789 and"
    " (udp[28:2] = 0x0806 or udp[39] = 112 or udp[39] = 1 or (udp[39] = 6 and udp[63] & 4 != 0)"
    " or (udp[39] = 17 and udp[52:2] = 3784)))"
)
"""Outside and inside the tunnels: ARP, ICMP, VRRP and TCP resets, and BFD in them (pcap-filter(7))."""
_SNAP: Final = 192
_ALL: Final = 0x0003
_OUTGOING: Final = 4
_ATTACH_FILTER: Final = 26
_TIMESTAMPNS: Final = 35
_TIMESPEC: Final = struct.Struct("@qq")


class Capture(Background):
    """Frames that hosts sent, by the host and the network. Use it in a `with`; read it at any time."""

    def __init__(self, lab: Lab) -> None:
        super().__init__("capture")
        self._cables = {
            fabric_end(plan.name, nic.network): (plan.name, nic.network)
            for plan in lab.plans.values()
            for nic in plan.nics
        }
        self._frames: dict[tuple[str, str], list[Frame]] = {cable: [] for cable in self._cables.values()}
        self._socket = netns.run_inside(f"/proc/{lab.process(FABRIC).pid}/ns/net", _open)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._socket.close()

    def sightings(self, since: float = 0) -> list[Sighting]:
        """What the hosts put on the wire, in the order of time."""
        found = [
            sighting
            for (host, _), captured in self._frames.items()
            for sighting in sightings(host, [frame for frame in list(captured) if frame.time >= since])
        ]
        return sorted(found, key=lambda sighting: sighting.time)

    def save(self, directory: Path) -> list[Path]:
        """Write a file for each cable that carried something, for tcpdump and Wireshark."""
        made = []
        for (host, network), captured in self._frames.items():
            if captured:
                path = directory / f"{host}-{network}.pcap"
                path.write_bytes(_savefile(captured))
                made.append(path)
        return made

    def forget(self, before: float) -> None:
        """Free what is older, in a long run."""
        for captured in self._frames.values():
            del captured[: bisect_left(captured, before, key=lambda frame: frame.time)]

    def _work(self) -> None:
        while not self._over.is_set():
            try:
                data, ancillary, _, sender = self._socket.recvmsg(_SNAP, 64)
            except TimeoutError:
                continue
            cable = self._cables.get(sender[0])
            if cable is None or sender[2] == _OUTGOING or not ancillary:
                continue
            seconds, nanoseconds = _TIMESPEC.unpack_from(ancillary[0][2])
            self._frames[cable].append(Frame(seconds + nanoseconds / 1e9, data))


def _open() -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    instructions = _compile(FILTER)
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    buffer = ctypes.create_string_buffer(program)
    attached = struct.pack("HL", len(instructions), ctypes.addressof(buffer))
    opened.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, attached)
    opened.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    opened.settimeout(0.2)
    return opened


def _compile(text: str) -> list[tuple[int, int, int, int]]:
    """The filter as the kernel takes it, by tcpdump's own compiler."""
    argv = ["tcpdump", "-ddd", "-y", "EN10MB", text]
    out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()[1:]
    return [(int(a), int(b), int(c), int(d)) for a, b, c, d in (line.split() for line in out)]


def _savefile(captured: list[Frame]) -> bytes:
    records = [struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, _SNAP, 1)]
    for frame in captured:
        seconds, length = int(frame.time), len(frame.data)
        records.append(struct.pack("<IIII", seconds, int((frame.time - seconds) * 1e9), length, length) + frame.data)
    return b"".join(records)
