"""One tracked connection, as compact as ten thousand of them want to be."""

from enum import IntEnum, IntFlag
from typing import Final, NamedTuple

TCP: Final = 6
UDP: Final = 17

KEY_BYTES: Final = 13
REPLY_BYTES: Final = 12


class Status(IntFlag):
    """The bits of a connection's status that matter here (nf_conntrack_common.h, `enum ip_conntrack_status`)."""

    SEEN_REPLY = 1 << 1
    ASSURED = 1 << 2
    """It is not evicted early: both sides have spoken for a while."""
    CONFIRMED = 1 << 3
    SRC_NAT = 1 << 4
    DST_NAT = 1 << 5


class TcpState(IntEnum):
    """How far a TCP connection is (nf_conntrack_tcp.h, `enum tcp_conntrack`)."""

    NONE = 0
    SYN_SENT = 1
    SYN_RECV = 2
    ESTABLISHED = 3
    FIN_WAIT = 4
    CLOSE_WAIT = 5
    LAST_ACK = 6
    TIME_WAIT = 7
    CLOSE = 8


NAT: Final = Status.SRC_NAT | Status.DST_NAT
KEPT_STATUS: Final = int(Status.SEEN_REPLY | Status.ASSURED | NAT)
"""What a twin is told of a status; the rest is a matter of its own kernel."""
LIVE_STATES: Final = range(TcpState.ESTABLISHED, TcpState.TIME_WAIT)
"""From the end of the handshake until both sides have closed."""


class Entry(NamedTuple):
    """A connection: who speaks to whom, and how the answers are addressed. IPv4 only, as NAT is here."""

    key: bytes
    """Protocol, source, destination, source port, destination port of the first packet, in network order."""
    reply: bytes
    """The same of the answers, without the protocol. It differs from the mirrored key where there is NAT."""
    status: int
    tcp_state: int = 0
    """0 for UDP, and where the kernel has not said."""
    mark: int = 0
    timeout: int = 0
    """Seconds until the kernel forgets it, if no more packets come."""

    @property
    def protocol(self) -> int:
        return self.key[0]


def matters(entry: Entry, *, routed: bool) -> bool:
    """Whether a twin needs the connection to go on with it.

    Translated ones; the merely `routed` by choice, since a kernel picks these up in the middle by itself.
    """
    if not routed and not entry.status & NAT:
        return False
    if entry.key[0] == TCP:
        return entry.tcp_state in LIVE_STATES
    return entry.key[0] == UDP and bool(entry.status & Status.SEEN_REPLY)
