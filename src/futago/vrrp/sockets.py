"""Everything that touches the kernel: the sockets of one router, opened inside its namespace and used from outside.

Two file descriptors a router and nothing else: advertisements (raw), addresses and routes (netlink). A third one, for
announcements (`frames`), lives only while it is used: the kernel takes about 12 ms to close one, and would take that
for each router, one after the other, before it tells the warden that an engine has died.
All calls return at once: the kernel does netlink's work within the `send`.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from futago import netns
from futago.values import IPv4Address, Mac
from futago.vrrp import frames, packet, rtnetlink, silence
from futago.vrrp.adverts import AdvertSocket
from futago.vrrp.config import VirtualAddress, VirtualRoute, VirtualRouterConfig
from futago.vrrp.packet import Datagram
from futago.vrrp.rtnetlink import Change, FoundAddress

W = TypeVar("W", VirtualAddress, VirtualRoute)

_SOL_NETLINK, _NETLINK_CAP_ACK = 270, 10
_SIOCGIFNAME, _SIOCGIFFLAGS, _SIOCGIFHWADDR, _SIOCGIFINDEX = 0x8910, 0x8913, 0x8927, 0x8933
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_BATCH: Final = 100
"""Changes in one send: their acknowledgements must fit into the socket's buffer."""
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a batch of changes."""

    changed: int
    """How many of them were needed."""
    problems: tuple[str, ...]


class Attachment:
    """One router's place in the kernel."""

    def __init__(self, router: VirtualRouterConfig) -> None:
        """Open the sockets.

        Raises:
            OSError: the namespace or the interface is not there, or the kernel refused.

        """
        self._router = router
        self._sequence = 0
        self._sent = True
        """Whether the last advertisement could be sent."""
        self._open: list[socket.socket | AdvertSocket] = []
        self.found: list[FoundAddress] = []
        """All addresses that were in the namespace when the sockets were opened."""
        try:
            netns.run_inside(router.namespace, self._open_all)
            self._place = self._where()
            self.check()
            self._require_source()
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """For the event loop: readable when a packet has come."""
        return self._adverts.fileno()

    def close(self) -> None:
        for opened in self._open:
            opened.close()

    def check(self) -> None:
        """See that the interface is still the one for which the sockets were opened, and usable.

        Raises:
            OSError: it is gone, was made anew, is down, has no carrier; or has lost the source address.

        """
        if self._where() != self._place:
            raise OSError(errno.ENODEV, f"{self._router.interface} has been made anew")
        flags: int = struct.unpack_from("=16sH", self._ioctl(_SIOCGIFFLAGS, self._router.interface))[1]
        if not flags & _IFF_UP or not flags & _IFF_RUNNING:
            raise OSError(errno.ENETDOWN, f"{self._router.interface} is down")
        if not self._sent:  # who cannot be heard, and knows why, must not stay active
            self._require_source()

    def send(self, data: bytes) -> None:
        """Send an advertisement to the group.

        Raises:
            OSError: the interface is down or gone.

        """
        self._sent = False
        self._adverts.send(data)
        self._sent = True

    def receive(self) -> list[bytes | Datagram]:
        """What has come in: over IPv4 with headers, over IPv6 taken apart.

        Raises:
            OSError: the interface went down.

        """
        return self._adverts.receive()

    def put(self, addresses: Sequence[VirtualAddress], routes: Sequence[VirtualRoute]) -> Outcome:
        """Make these be there; routes last, since their next hops are reached through the addresses."""
        if interfaces := silence.speaking(addresses):
            silence.set_ipv6(self._router.namespace, interfaces, disabled=False)
        changes, problems = self._prepare(addresses, rtnetlink.put_address)
        more, missing = self._prepare(routes, rtnetlink.put_route)
        outcome = self._apply([*changes, *more])
        return Outcome(changed=outcome.changed, problems=(*problems, *missing, *outcome.problems))

    def restore(self, addresses: Sequence[VirtualAddress], routes: Sequence[VirtualRoute]) -> Outcome:
        """Put back what somebody took away; nothing happens, and nobody is notified, if all is there."""
        changes, problems = self._prepare(addresses, rtnetlink.put_address)
        more, missing = self._prepare(routes, rtnetlink.restore_route)
        outcome = self._apply([*changes, *more])
        return Outcome(changed=outcome.changed, problems=(*problems, *missing, *outcome.problems))

    def remove(self, addresses: Sequence[VirtualAddress], routes: Sequence[VirtualRoute]) -> Outcome:
        """Make these be gone. An interface that is gone has taken its own along."""
        if silence.speaking(addresses):
            self._silence(addresses)
        changes, _ = self._prepare(routes, rtnetlink.remove_route)
        more, _ = self._prepare(addresses, rtnetlink.remove_address)
        return self._apply([*changes, *more])

    def announce(self, addresses: Iterable[VirtualAddress]) -> None:
        """Send gratuitous ARP, in both forms, or a neighbour advertisement, from the interface's own MAC.

        Raises:
            OSError: an interface is down or gone; the others have been announced.

        """
        failed: OSError | None = None
        with frames.packet_socket(self._router.namespace) as sender:
            for address in addresses:
                try:
                    for frame in _frames(self._mac(address.interface), address):
                        sender.sendto(frame, (address.interface, 0))
                except OSError as error:
                    failed = error
        if failed:
            raise failed

    def update(self, router: VirtualRouterConfig) -> None:
        """Another description of the same virtual router."""
        self._router = router

    def found_any(self, addresses: Iterable[VirtualAddress]) -> bool:
        """Whether one of these addresses was there when the sockets were opened."""
        wanted = {(a.interface, a.address) for a in addresses}
        return any((f.interface, f.address) in wanted for f in self.found)

    def _silence(self, removed: Sequence[VirtualAddress]) -> None:
        interfaces = silence.silenced(removed, self._router.addresses, self._addresses())
        if interfaces:
            silence.set_ipv6(self._router.namespace, interfaces, disabled=True)

    def _addresses(self) -> list[FoundAddress]:
        self._sequence += 1
        self._netlink.send(rtnetlink.dump_addresses(self._sequence))
        found: list[FoundAddress] = []
        last = False
        while not last:
            part, last = rtnetlink.read_addresses(self._netlink.recv(1 << 16))
            found.extend(part)
        return [replace(one, interface=self._name(one.index)) for one in found]

    def _open_all(self) -> None:
        try:
            self._adverts = AdvertSocket(self._router)
        except OSError as error:
            raise OSError(error.errno, self._explained(error)) from error
        self._open.append(self._adverts)
        self._netlink = self._opened(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._netlink.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._netlink.settimeout(2)

    def _explained(self, error: OSError) -> str:
        """What an operator can do about it."""
        match error.errno:
            case errno.ENODEV:
                return f"there is no interface {self._router.interface}"
            case errno.EPERM:
                return "no raw sockets for us: run as root, or with CAP_NET_RAW, CAP_NET_ADMIN and CAP_SYS_ADMIN"
            case _:
                return error.strerror or str(error)

    def _opened(self, family: int, kind: int, protocol: int) -> socket.socket:
        opened = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
        self._open.append(opened)
        return opened

    def _require_source(self) -> None:
        source, interface = self._router.source, self._router.interface
        self.found = self._addresses()
        if not any(f.address.ip == source and f.interface == interface for f in self.found):
            there = ", ".join(str(f.address.ip) for f in self.found if f.interface == interface) or "none"
            raise OSError(errno.EADDRNOTAVAIL, f"{interface} does not have the address {source} (it has {there})")

    def _where(self) -> tuple[int, int]:
        """The identity of the namespace and of the interface: a name may be given again, these are not."""
        name = self._router.namespace
        inode = os.stat(f"{netns.DIRECTORY}/{name}").st_ino if name else 0  # noqa: PTH116 - hundreds of times a second
        return inode, self._index(self._router.interface)

    def _index(self, interface: str) -> int:
        index: int = struct.unpack_from("=16si", self._ioctl(_SIOCGIFINDEX, interface))[1]
        return index

    def _name(self, index: int) -> str:
        """The interface's name; an address's label may be another."""
        try:
            answer = fcntl.ioctl(self._adverts.fileno(), _SIOCGIFNAME, struct.pack("=16xi20x", index))
        except OSError:
            return ""  # it has just gone
        return answer[:16].rstrip(b"\0").decode(errors="replace")

    def _mac(self, interface: str) -> Mac:
        return Mac(self._ioctl(_SIOCGIFHWADDR, interface)[18:24].hex(":"))

    def _ioctl(self, request: int, interface: str) -> bytes:
        """Ask about an interface of the socket's namespace, which is not ours (netdevice(7))."""
        try:
            return fcntl.ioctl(self._adverts.fileno(), request, struct.pack("=16s24x", interface.encode()[:15]))
        except OSError as error:
            raise OSError(error.errno, f"no interface {interface}: {error.strerror}") from error

    def _prepare(self, wanted: Sequence[W], change: Callable[[W, int], Change]) -> tuple[list[Change], list[str]]:
        """The changes for what is wanted, and a complaint for each interface that is not there."""
        changes: list[Change] = []
        problems: dict[str, str] = {}
        for one in wanted:
            try:
                changes.append(change(one, self._index(one.interface)))
            except OSError as error:
                problems[one.interface] = str(error.strerror)
        return changes, list(problems.values())

    def _apply(self, changes: Sequence[Change]) -> Outcome:
        changed = 0
        problems: list[str] = []
        for at in range(0, len(changes), _BATCH):
            batch = changes[at : at + _BATCH]
            for change, code in zip(batch, self._exchange(batch), strict=True):
                changed += code == 0
                if code and code not in change.harmless:
                    problems.append(f"cannot {change.text}: {os.strerror(code)}")
        return Outcome(changed=changed, problems=tuple(problems))

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


def _frames(mac: Mac, address: VirtualAddress) -> Sequence[bytes]:
    ip = address.address.ip
    return packet.gratuitous_arp(mac, ip) if isinstance(ip, IPv4Address) else (packet.neighbour_advertisement(mac, ip),)


def be_ordinary() -> None:
    """Undo for a child what `prefer_this_process` did for its parent; locked memory is not inherited (mlockall(2))."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def prefer_this_process() -> list[str]:
    """Be scheduled before ordinary processes and never be swapped out; what the kernel refuses is returned."""
    refused: list[str] = []
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError as error:
        refused.append(f"real-time scheduling: {error.strerror}")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        refused.append(f"locked memory: {os.strerror(ctypes.get_errno())}")
    return refused
