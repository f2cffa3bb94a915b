"""Pings to many addresses from one process: when did each answer again?

This file is also a program of its own: `python3 -I -S crowd.py EVERY ADDRESS…` sends an ICMP echo request to each address
every EVERY seconds and prints `heard NUMBER TIME` when an address answers that was silent for longer than SILENT (its
first answer too), `silent COUNT TIME` now and then; the addresses are numbered from 0, times are since the Unix epoch.
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
_HEADER = struct.Struct("!BBHHH")
_TELL = 0.25


def request(number: int, sequence: int) -> bytes:
    """An echo request (RFC 792) that names the address by its number."""
    head = _HEADER.pack(_REQUEST, 0, 0, os.getpid() & 0xFFFF, sequence & 0xFFFF)
    data = struct.pack("!I", number)
    return _HEADER.pack(_REQUEST, 0, _checksum(head + data), os.getpid() & 0xFFFF, sequence & 0xFFFF) + data


def answered(packet: bytes) -> int | None:
    """The number of the address that this packet (with its IP header) is an answer of; None: it is none of ours."""
    icmp = packet[(packet[0] & 0x0F) * 4 :]
    if len(icmp) < 12 or icmp[0] != _REPLY or _HEADER.unpack_from(icmp)[3] != os.getpid() & 0xFFFF:
        return None
    (number,) = struct.unpack_from("!I", icmp, 8)
    return int(number)


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def run(every: float, addresses: list[str]) -> None:
    """Ask and listen until the program is ended; each address has its own moment within EVERY."""
    ours = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    ours.setblocking(False)
    silent, step = max(SILENT, 3 * every), every / len(addresses)
    heard: dict[int, float] = {}
    asked, due, told = 0, time.monotonic(), 0.0
    while True:
        if select.select([ours], [], [], max(0, due - time.monotonic()))[0]:
            _listen(ours, heard, silent)
        if time.monotonic() < due:
            continue
        with contextlib.suppress(OSError):
            number = asked % len(addresses)
            ours.sendto(request(number, asked // len(addresses)), (addresses[number], 0))
        asked, due = asked + 1, max(due + step, time.monotonic() - every)
        if time.monotonic() - told > _TELL:
            told, now = time.monotonic(), time.time()
            missing = sum(now - heard.get(one, 0) > silent for one in range(len(addresses)))
            print(f"silent {missing} {now:.3f}", flush=True)


def _listen(ours: socket.socket, heard: dict[int, float], silent: float) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            number = answered(ours.recv(2048))
            if number is None:
                continue
            now = time.time()
            if now - heard.get(number, 0) > silent:
                print(f"heard {number} {now:.3f}", flush=True)
            heard[number] = now


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    run(float(sys.argv[1]), sys.argv[2:])
