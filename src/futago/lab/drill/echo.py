"""Steady ICMP echo requests: to one address, exactly as often as wished, or to many from one process.

This file is also a program of its own: `python3 -I -S echo.py EVERY ADDRESS…`, with EVERY in seconds. For one address
it prints each answer as `ping -D` does, `[TIME] 12 bytes from ADDRESS: icmp_seq=SEQUENCE`; the program ping sends less
often than it is told, above all while nothing answers. For several, numbered from 0, it prints `heard NUMBER TIME` when
one answers that was silent for longer than SILENT (its first answer too), and now and then `silent COUNT TIME`. Several
are asked in small groups: a userspace switch looks at all of its ports each time that it wakes. Times are in seconds
since the Unix epoch.
"""

import contextlib
import os
import select
import socket
import struct
import sys
import time

SILENT = 0.3
"""Seconds, or three times EVERY if that is more."""
_REQUEST, _REPLY = 8, 0
_HEADER = struct.Struct("!BBHHHI")
_TELL = 0.25
_TOGETHER = 0.025
"""Seconds between two groups of requests, where there are several addresses."""
_IDENTIFIER = os.getpid() & 0xFFFF


def request(number: int, sequence: int, identifier: int = _IDENTIFIER) -> bytes:
    """An echo request (RFC 792) that carries the number of its address."""
    zero = _HEADER.pack(_REQUEST, 0, 0, identifier, sequence & 0xFFFF, number)
    return _HEADER.pack(_REQUEST, 0, checksum(zero), identifier, sequence & 0xFFFF, number)


def answered(packet: bytes, identifier: int = _IDENTIFIER) -> tuple[int, int] | None:
    """The number and the sequence that this packet (with its IP header) answers; None: it is no answer to us."""
    icmp = packet[(packet[0] & 0x0F) * 4 :]
    if len(icmp) < _HEADER.size:
        return None
    kind, _, _, theirs, sequence, number = _HEADER.unpack_from(icmp)
    return (number, sequence) if (kind, theirs) == (_REPLY, identifier) else None


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071) of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


class Echo:
    """Asks its addresses in turn, each once in `every` seconds."""

    def __init__(self, every: float, addresses: list[str]) -> None:
        self._every, self._addresses = every, addresses
        self._silent = max(SILENT, 3 * every)
        self._heard: dict[int, float] = {}
        self._wrapped = 0
        self._last = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.setblocking(False)

    def run(self) -> None:
        """Ask and listen until the program is ended."""
        step = self._every / len(self._addresses)
        group = max(1, int(_TOGETHER / step)) if len(self._addresses) > 1 else 1
        asked, due, told = 0, time.monotonic(), 0.0
        while True:
            if select.select([self._socket], [], [], max(0, due - time.monotonic()))[0]:
                self._listen()
            if time.monotonic() < due:
                continue
            for turn in range(asked, asked + group):
                sequence, number = divmod(turn, len(self._addresses))
                with contextlib.suppress(OSError):
                    self._socket.sendto(request(number, sequence), (self._addresses[number], 0))
            asked, due = asked + group, max(due + group * step, time.monotonic() - self._every)
            if len(self._addresses) > 1 and time.monotonic() - told > _TELL:
                told = time.monotonic()
                self._tell_silent()

    def _listen(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                found = answered(self._socket.recv(2048))
                if found and len(self._addresses) > 1:
                    self._tell_heard(found[0])
                elif found:
                    sequence = self._unwrap(found[1])
                    print(f"[{time.time():.6f}] 12 bytes from {self._addresses[0]}: icmp_seq={sequence}", flush=True)

    def _unwrap(self, sequence: int) -> int:
        """The sequence on the wire has 16 bits; ours goes on."""
        if sequence < self._last - 0x8000:
            self._wrapped += 0x10000
        self._last = sequence
        return self._wrapped + sequence

    def _tell_heard(self, number: int) -> None:
        now = time.time()
        if now - self._heard.get(number, 0) > self._silent:
            print(f"heard {number} {now:.3f}", flush=True)
        self._heard[number] = now

    def _tell_silent(self) -> None:
        now = time.time()
        missing = sum(now - self._heard.get(one, 0) > self._silent for one in range(len(self._addresses)))
        print(f"silent {missing} {now:.3f}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    Echo(float(sys.argv[1]), sys.argv[2:]).run()
