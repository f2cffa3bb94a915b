"""One router's sockets, opened inside its namespace and used from outside.

Two file descriptors a router: advertisements (raw), addresses and routes (netlink); one more (`radv_sender`) where it
is active and has hosts to tell. That for announcements (`frames`) lives only while it is used: the kernel takes about
12 ms to close one, and would take that for each router, one after the other, before it tells the warden that an engine
has died.
"""

import ctypes
import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count

from futago import netns
from futago.values import IPv4Address, Mac
from futago.vrrp import frames, packet
from futago.vrrp.adverts import AdvertSocket
from futago.vrrp.config import VirtualAddress, VirtualRoute, VirtualRouterConfig
from futago.vrrp.inside import inside
from futago.vrrp.packet import Datagram
from futago.vrrp.tables import Outcome, Tables

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_lessons = count(os.urandom(1)[0])


class Attachment:
    """One router's place in the kernel."""

    def __init__(self, router: VirtualRouterConfig) -> None:
        """Open the sockets.

        Raises:
            OSError: the namespace or the interface is not there, or the kernel refused.

        """
        self._router = router
        self._sent = True
        """Whether the last advertisement could be sent."""
        try:
            self._adverts = inside(router.namespace, lambda: AdvertSocket(router))
        except OSError as error:
            raise OSError(error.errno, _explained(error, router)) from error
        try:
            self._tables = Tables(router.namespace)
        except BaseException:
            self._adverts.close()
            raise
        try:
            self._place = self._tables.place(router.interface)
            self.check()
            self.found = self._tables.addresses()
            """All addresses that were in the namespace when the sockets were opened."""
            self._require_source()
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """For the event loop: readable when a packet has come."""
        return self._adverts.fileno()

    def close(self) -> None:
        self._adverts.close()
        self._tables.close()

    def check(self) -> None:
        """See that the interface is still the one for which the sockets were opened, and usable.

        Raises:
            OSError: it is gone, was made anew, is down, has no carrier; or has lost the source address.

        """
        if self._tables.place(self._router.interface) != self._place:
            raise OSError(errno.ENODEV, f"{self._router.interface} has been made anew")
        if not self._tables.usable(self._router.interface):
            raise OSError(errno.ENETDOWN, f"{self._router.interface} is down")
        if not self._sent:  # who cannot be heard, and knows why, must not stay active
            self.found = self._tables.addresses()
            self._require_source()

    def send(self, data: bytes) -> None:
        """Send an advertisement to the group.

        Raises:
            OSError: the interface is down or gone.

        """
        self._sent = False
        self._adverts.send(data)
        self._sent = True

    def receive(self, *, everything: bool) -> list[bytes | Datagram]:
        """What has come in, or one packet of it: over IPv4 with headers, over IPv6 taken apart.

        Raises:
            OSError: the interface went down.

        """
        return self._adverts.receive(everything=everything)

    def put(self, addresses: Sequence[VirtualAddress], routes: Sequence[VirtualRoute]) -> Outcome:
        """Make these be there, with our mark."""
        return self._tables.put(addresses, routes)

    def restore(self, addresses: Sequence[VirtualAddress], routes: Sequence[VirtualRoute]) -> Outcome:
        """Put back what somebody took away; nothing happens, and nobody is notified, if all is there."""
        return self._tables.restore(addresses, routes)

    def remove(self, addresses: Sequence[VirtualAddress], routes: Sequence[VirtualRoute]) -> Outcome:
        """Make these be gone."""
        return self._tables.remove(addresses, routes, self._router.addresses)

    def announce(self, addresses: Iterable[VirtualAddress], *, briefly: bool = False, new: bool = False) -> None:
        """Send gratuitous ARP or neighbour advertisements from the interfaces' own MACs, and a lesson for the switches.

        Raises:
            OSError: an interface is down or gone; the others have been announced.

        """
        failed: OSError | None = None
        taught: set[str] = set()
        number = next(_lessons)
        with frames.packet_socket(self._router.namespace) as sender:
            for address in addresses:
                try:
                    said = _frames(self._tables.mac(address.interface), address, briefly=briefly, new=new)
                    if address.interface not in taught:
                        said.append(packet.lesson(said[0], number))
                        taught.add(address.interface)
                    for frame in said:
                        sender.sendto(frame, (address.interface, 0))
                except OSError as error:
                    failed = error
        if failed:
            raise failed

    def update(self, router: VirtualRouterConfig) -> None:
        """Another description of the same virtual router."""
        self._router = router

    def connections(self) -> int:
        """How many connections the kernel has in the namespace; 0 where it follows none."""
        with suppress(OSError):  # the namespace is gone
            return inside(self._router.namespace, netns.connections) or 0
        return 0

    def strays(self, ours: Iterable[VirtualAddress]) -> tuple[VirtualAddress, ...]:
        """The addresses with our mark that were there when the sockets were opened, but for `ours`."""
        marked = [VirtualAddress(interface=f.interface, address=f.address) for f in self.found if f.ours]
        known = {(a.interface, a.address) for a in ours} if marked else ()
        return tuple(one for one in marked if (one.interface, one.address) not in known)

    def found_any(self, addresses: Iterable[VirtualAddress]) -> bool:
        """Whether one of these addresses was there when the sockets were opened."""
        wanted = {(a.interface, a.address) for a in addresses}
        return any((f.interface, f.address) in wanted for f in self.found)

    def _require_source(self) -> None:
        source, interface = self._router.source, self._router.interface
        if not any(f.address.ip == source and f.interface == interface for f in self.found):
            there = ", ".join(str(f.address.ip) for f in self.found if f.interface == interface) or "none"
            raise OSError(errno.EADDRNOTAVAIL, f"{interface} does not have the address {source} (it has {there})")


def _explained(error: OSError, router: VirtualRouterConfig) -> str:
    """What an operator can do about it."""
    match error.errno:
        case errno.ENODEV:
            return f"there is no interface {router.interface}"
        case errno.EPERM:
            return "no raw sockets for us: run as root, or with CAP_NET_RAW, CAP_NET_ADMIN and CAP_SYS_ADMIN"
        case _:
            return error.strerror or str(error)


def _frames(mac: Mac, address: VirtualAddress, *, briefly: bool, new: bool) -> list[bytes]:
    ip = address.address.ip
    forms = list(packet.announcements(mac, ip))
    if not isinstance(ip, IPv4Address):
        return forms
    return forms[:1] if briefly else [*forms, packet.arp_announcement(mac, ip)] if new else forms


def be_ordinary() -> None:
    """Undo for a child what `prefer_this_process` did for its parent; locked memory is not inherited (mlockall(2))."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextmanager
def urgently() -> Iterator[None]:
    """Be scheduled before ordinary processes meanwhile, if the kernel lets us: the peers elect already."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        be_ordinary()


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
