"""Asks gateways whether they are there, over both families, from an interface that has no address.

Whoever has answered is asked alone the next time, so that a switch sends the question nowhere else; whoever has not is
asked by broadcast or multicast: another device may have the address now.
"""

import ctypes
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, Generic, Protocol, TypeVar

from futago import netns
from futago.node.drivers import arp, neighbours
from futago.values import IPAddress, IPv4Address, IPv6Address

A = TypeVar("A", IPv4Address, IPv6Address)

_SO_ATTACH_FILTER: Final = 26
_RECEIVE_AT_ONCE: Final = 64
_LONGEST_ANSWER: Final = 128
"""More is nothing that an answer is known by."""


class Language(Protocol[A]):
    """How one family's neighbours are asked, and what they answer."""

    ETHERTYPE: int
    ANSWERS: bytes
    """A classic BPF program (bpf(4)) that lets through what may be one."""

    def question(self, mac: bytes, address: A, to: bytes | None = None) -> bytes:
        """The frame that asks who has `address`: everybody, or only who has the MAC address `to`."""

    def read_answer(self, frame: bytes, mac: bytes) -> tuple[A, bytes] | None:
        """The address and the MAC address of whoever answers `mac`; None if the frame is anything else."""


class GatewayProbe:
    """One interface's questions and answers; each family has a socket, if any of its addresses is asked."""

    def __init__(self, namespace: str, interface: str, gateways: Iterable[IPAddress]) -> None:
        """Open the sockets; they stay in the namespace.

        Raises:
            OSError: no such namespace or interface, or the kernel refused.

        """
        v4 = [address for address in gateways if isinstance(address, IPv4Address)]
        v6 = [address for address in gateways if isinstance(address, IPv6Address)]
        self._probes: list[_Probe[IPv4Address] | _Probe[IPv6Address]] = []
        try:
            if v4:
                self._probes.append(_Probe(namespace, interface, arp, v4))
            if v6:
                self._probes.append(_Probe(namespace, interface, neighbours, v6))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for probe in self._probes:
            probe.close()

    def ask(self) -> None:
        """Send a question to each.

        Raises:
            OSError: the interface is down or gone.

        """
        for probe in self._probes:
            probe.ask()

    def answered(self) -> bool:
        """Whether any has answered us since the last call.

        Raises:
            OSError: the interface went down.

        """
        answers = [probe.answered() for probe in self._probes]
        return any(answers)


class _Probe(Generic[A]):
    def __init__(self, namespace: str, interface: str, language: Language[A], addresses: list[A]) -> None:
        self._language: Language[A] = language
        self._addresses: list[A] = addresses
        self._socket = netns.run_inside(namespace, lambda: _open(interface, language.ETHERTYPE, language.ANSWERS))
        self._mac: bytes = self._socket.getsockname()[4]
        self._known: dict[A, bytes] = {}

    def close(self) -> None:
        self._socket.close()

    def ask(self) -> None:
        for address in self._addresses:
            self._socket.send(self._language.question(self._mac, address, self._known.pop(address, None)))

    def answered(self) -> bool:
        found: dict[A, bytes] = {}
        with suppress(BlockingIOError):
            for _ in range(_RECEIVE_AT_ONCE):
                answer = self._language.read_answer(self._socket.recv(_LONGEST_ANSWER), self._mac)
                if answer is not None and answer[0] in self._addresses:
                    found[answer[0]] = answer[1]
        self._known.update(found)
        return bool(found)


def _open(interface: str, ethertype: int, answers: bytes) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
    try:
        # Without the filter each such frame of the external network would wake us.
        program = ctypes.create_string_buffer(answers, len(answers))
        whole = struct.pack("HxxxxxxP", len(answers) // 8, ctypes.addressof(program))
        opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, whole)
        opened.bind((interface, ethertype))
    except BaseException:
        opened.close()
        raise
    return opened
