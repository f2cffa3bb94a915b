"""The addresses and routes of one namespace, by a netlink socket that was opened inside and is used from outside.

All calls return at once: the kernel does netlink's work within the `send`.
"""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from futago import netns
from futago.values import Mac
from futago.vrrp import rtnetlink, silence
from futago.vrrp.config import VirtualAddress, VirtualRoute
from futago.vrrp.inside import inside
from futago.vrrp.rtnetlink import Change, FoundAddress

_SOL_NETLINK, _NETLINK_CAP_ACK = 270, 10
_SIOCGIFNAME, _SIOCGIFFLAGS, _SIOCGIFHWADDR, _SIOCGIFINDEX = 0x8910, 0x8913, 0x8927, 0x8933
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_BATCH: Final = 100
"""Changes in one send: their acknowledgements must fit into the socket's buffer."""
_PATIENCE: Final = 2.0
"""Seconds; an answer is there when the `send` returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a batch of changes."""

    changed: int
    """How many of them were needed."""
    problems: tuple[str, ...]
    there: bool = False
    """Some of what was to be put was there already."""


class Tables:
    """Of the namespace `namespace`; "" is our own."""

    def __init__(self, namespace: str) -> None:
        """Open the socket.

        Raises:
            OSError: there is no such namespace, or the kernel refused.

        """
        self._namespace = namespace
        self._sequence = 0
        self._last_wanted: tuple[object, ...] = ()
        """What was prepared last (`_prepare`): an active looks again and again whether the same is there."""
        self._last_changes: tuple[Change, ...] = ()
        self._netlink = inside(namespace, _open)

    def close(self) -> None:
        self._netlink.close()

    def put(self, addresses: Sequence[VirtualAddress], routes: Sequence[VirtualRoute]) -> Outcome:
        """Make these be there, with our mark; routes last, since their next hops are reached through the addresses."""
        if interfaces := silence.speaking(addresses):
            silence.set_ipv6(self._namespace, interfaces, disabled=False)
        outcome = self._apply(*self._prepare(addresses, routes, rtnetlink.put_address, rtnetlink.put_route))
        if outcome.there:
            self._mark(addresses)
        return outcome

    def restore(self, addresses: Sequence[VirtualAddress], routes: Sequence[VirtualRoute]) -> Outcome:
        """Put back what somebody took away; nothing happens, and nobody is notified, if all is there."""
        return self._apply(*self._prepare(addresses, routes, rtnetlink.put_address, rtnetlink.restore_route))

    def remove(
        self,
        addresses: Sequence[VirtualAddress],
        routes: Sequence[VirtualRoute],
        virtual: Sequence[VirtualAddress],
    ) -> Outcome:
        """Make these be gone, of all the `virtual` addresses of a router, in the reverse order.

        An interface that is gone has taken its own along.
        """
        if silence.speaking(addresses) and (silent := silence.silenced(addresses, virtual, self.addresses())):
            silence.set_ipv6(self._namespace, silent, disabled=True)
        changes, _ = self._prepare(addresses, routes, rtnetlink.remove_address, rtnetlink.remove_route)
        return self._apply(changes[::-1], [])

    def addresses(self) -> list[FoundAddress]:
        """All that there are."""
        self._sequence += 1
        self._netlink.send(rtnetlink.dump_addresses(self._sequence))
        found: list[FoundAddress] = []
        last = False
        while not last:
            part, last = rtnetlink.read_addresses(self._netlink.recv(1 << 16))
            found.extend(part)
        return [replace(one, interface=self._name(one.index)) for one in found]

    def place(self, interface: str) -> tuple[int, int]:
        """The identity of the namespace and of the interface: a name may be given again, these are not.

        Raises:
            OSError: there is no such namespace or interface.

        """
        name = self._namespace
        inode = os.stat(f"{netns.DIRECTORY}/{name}").st_ino if name else 0  # noqa: PTH116 - hundreds of times a second
        return inode, self._index(interface)

    def usable(self, interface: str) -> bool:
        """Whether the interface is up and has a carrier.

        Raises:
            OSError: there is no such interface.

        """
        flags: int = struct.unpack_from("=16sH", self._ioctl(_SIOCGIFFLAGS, interface))[1]
        return bool(flags & _IFF_UP and flags & _IFF_RUNNING)

    def mac(self, interface: str) -> Mac:
        """Its MAC address.

        Raises:
            OSError: there is no such interface.

        """
        return Mac(self._ioctl(_SIOCGIFHWADDR, interface)[18:24].hex(":"))

    def _mark(self, addresses: Iterable[VirtualAddress]) -> None:
        """Make those ours that somebody else has put: a router that was alone before had them from the agent."""
        unmarked = {(f.interface, f.address): f.index for f in self.addresses() if not f.ours}
        found = ((one, unmarked.get((one.interface, one.address))) for one in addresses)
        self._apply([rtnetlink.mark_address(one, index) for one, index in found if index is not None], [])

    def _index(self, interface: str) -> int:
        index: int = struct.unpack_from("=16si", self._ioctl(_SIOCGIFINDEX, interface))[1]
        return index

    def _name(self, index: int) -> str:
        """The interface's name; an address's label may be another."""
        try:
            answer = fcntl.ioctl(self._netlink.fileno(), _SIOCGIFNAME, struct.pack("=16xi20x", index))
        except OSError:
            return ""  # it has just gone
        return answer[:16].rstrip(b"\0").decode(errors="replace")

    def _ioctl(self, request: int, interface: str) -> bytes:
        """Ask about an interface of the socket's namespace, which is not ours (netdevice(7))."""
        try:
            return fcntl.ioctl(self._netlink.fileno(), request, struct.pack("=16s24x", interface.encode()[:15]))
        except OSError as error:
            raise OSError(error.errno, f"no interface {interface}: {error.strerror}") from error

    def _prepare(
        self,
        addresses: Sequence[VirtualAddress],
        routes: Sequence[VirtualRoute],
        address_change: Callable[[VirtualAddress, int], Change],
        route_change: Callable[[VirtualRoute, int], Change],
    ) -> tuple[tuple[Change, ...], list[str]]:
        """The changes for what is wanted, routes last, and a complaint for each interface that is not there."""
        indexes: dict[str, int] = {}
        problems: list[str] = []
        for interface in dict.fromkeys([*(a.interface for a in addresses), *(r.interface for r in routes)]):
            try:
                indexes[interface] = self._index(interface)
            except OSError as error:
                problems.append(str(error.strerror))
        wanted = addresses, routes, address_change, route_change, indexes
        if wanted != self._last_wanted:
            put = [address_change(one, indexes[one.interface]) for one in addresses if one.interface in indexes]
            put += [route_change(one, indexes[one.interface]) for one in routes if one.interface in indexes]
            self._last_wanted, self._last_changes = wanted, tuple(put)
        return self._last_changes, problems

    def _apply(self, changes: Sequence[Change], problems: Sequence[str]) -> Outcome:
        changed, there, more = 0, False, list(problems)
        for at in range(0, len(changes), _BATCH):
            batch = changes[at : at + _BATCH]
            for change, code in zip(batch, self._exchange(batch), strict=True):
                changed += code == 0
                there = there or code == errno.EEXIST
                if code and code not in change.harmless:
                    more.append(f"cannot {change.text}: {os.strerror(code)}")
        return Outcome(changed=changed, problems=tuple(more), there=there)

    def _exchange(self, batch: Sequence[Change]) -> list[int]:
        """Send the batch in one message; the kernel's answer to each, 0 or an error number."""
        first = self._sequence + 1
        self._sequence += len(batch)
        self._netlink.send(b"".join(rtnetlink.to_bytes(c, first + i) for i, c in enumerate(batch)))
        codes: dict[int, int] = {}
        while len(codes) < len(batch):
            answers = rtnetlink.read_acknowledgements(self._netlink.recv(1 << 16))
            codes.update({s: code for s, code in answers.items() if s >= first})
        return [codes[first + i] for i in range(len(batch))]


def _open() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    opened.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
    opened.settimeout(_PATIENCE)
    return opened
