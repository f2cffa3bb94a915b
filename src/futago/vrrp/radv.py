"""Router advertisements and solicitations as bytes (RFC 4861, 4.1, 4.2; RFC 8106), and when to send them (6.2).

Pure: whoever uses it has the clock, the socket and the dice, whose throws from 0 to 1 come in as `chance`.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from futago.contract.advertisement import Advertisement
from futago.values import IPv6Address, IPv6Network, Mac, Millis, mac_bytes

SOLICITATION, ADVERTISEMENT = 133, 134
"""ICMPv6 types."""
ALL_NODES: Final = IPv6Address("ff02::1")
HOP_LIMIT: Final = 255
"""Both come with it, or from beyond the link."""

_HEADER: Final = struct.Struct("!BBHBBHII")
_PREFIX: Final = struct.Struct("!BBBBIII16s")
_SOURCE_LINK, _PREFIX_INFORMATION, _MTU, _DNS_SERVERS = 1, 3, 5, 25
_MANAGED, _OTHER = 0x80, 0x40
_ON_LINK, _AUTONOMOUS = 0x80, 0x40
_HOSTS_HOP_LIMIT: Final = 64

_MIN_INTERVAL, _MAX_INTERVAL = Millis(30_000), Millis(100_000)
"""Between two unsolicited ones, as radvd has them with Neutron."""
_INITIAL, _INITIAL_INTERVAL = 3, Millis(16_000)
_AFTER_START: Final = Millis(1_000)
"""The first comes within it. Hosts know the router if it was active elsewhere, and a takeover has other cares."""
_ANSWER_WITHIN, _AT_LEAST_BETWEEN = Millis(500), Millis(3_000)
_MOST_WAITING: Final = 16
"""Hosts that wait for an answer of their own; more of them share one."""
LIFETIME_SECONDS: Final = 3 * _MAX_INTERVAL // 1000
_VALID_SECONDS, _PREFERRED_SECONDS = 86_400, 14_400


def encode(told: Advertisement, mac: Mac, *, lifetime: int, former: Collection[IPv6Network] = ()) -> bytes:
    """The message without its checksum, which the kernel fills in; `lifetime` 0 says that the router is none any more.

    Hosts are to give up addresses in a `former` prefix.
    """
    flags = (_MANAGED if told.managed else 0) | (_OTHER if told.other else 0)
    parts = [_HEADER.pack(ADVERTISEMENT, 0, 0, _HOSTS_HOP_LIMIT, flags, lifetime, 0, 0)]
    parts.append(bytes([_SOURCE_LINK, 1]) + mac_bytes(mac))
    parts.append(struct.pack("!BBHI", _MTU, 1, 0, told.mtu))
    for prefix in told.prefixes:
        use = _ON_LINK | (_AUTONOMOUS if prefix.autonomous else 0)
        parts.append(_prefix(prefix.prefix, use, _VALID_SECONDS, _PREFERRED_SECONDS))
    present = {prefix.prefix for prefix in told.prefixes}
    parts += [_prefix(prefix, _ON_LINK | _AUTONOMOUS, 0, 0) for prefix in sorted(set(former) - present)]
    if told.dns_servers:
        servers = b"".join(server.packed for server in told.dns_servers)
        parts.append(struct.pack("!BBHI", _DNS_SERVERS, 1 + 2 * len(told.dns_servers), 0, lifetime) + servers)
    return b"".join(parts)


def solicits(message: bytes, source: IPv6Address, hop_limit: int) -> bool:
    """Whether this is a valid solicitation (RFC 4861, 6.1.1); the kernel has looked at its checksum."""
    if len(message) < 8 or hop_limit != HOP_LIMIT or message[:2] != bytes([SOLICITATION, 0]):
        return False
    at, kinds = 8, set()
    while at < len(message):
        if at + 2 > len(message) or message[at + 1] == 0 or at + 8 * message[at + 1] > len(message):
            return False
        kinds.add(message[at])
        at += 8 * message[at + 1]
    return not (source.is_unspecified and _SOURCE_LINK in kinds)


@dataclass(slots=True)
class Schedule:
    """When one link is told next, and who there has asked."""

    multicast_at: Millis
    initial: int = _INITIAL
    """So many of the first ones are still to come, at shorter intervals."""
    last: Millis | None = None
    """When all were told last."""
    waiting: dict[IPv6Address, Millis] = field(default_factory=dict)

    @property
    def deadline(self) -> Millis:
        """When `due` is to be called."""
        return min([self.multicast_at, *self.waiting.values()])

    def again(self, now: Millis, chance: float) -> None:
        """There is something new to tell."""
        self.initial = _INITIAL
        self._all_at(now, _after(now, _ANSWER_WITHIN, chance))

    def asked(self, source: IPv6Address, now: Millis, chance: float) -> None:
        """A host wants to be told; who has no address yet, or is one of many, is told with all others."""
        at = _after(now, _ANSWER_WITHIN, chance)
        if source.is_unspecified or len(self.waiting) >= _MOST_WAITING:
            self._all_at(now, at)
        else:
            self.waiting.setdefault(source, at)

    def due(self, now: Millis, chance: float) -> list[IPv6Address]:
        """Whom to tell now."""
        if now < self.multicast_at:
            answered = [source for source, at in self.waiting.items() if at <= now]
            for source in answered:
                del self.waiting[source]
            return answered
        self.waiting.clear()
        self.last, self.initial = now, max(0, self.initial - 1)
        pause = _MIN_INTERVAL + int(chance * (_MAX_INTERVAL - _MIN_INTERVAL))
        self.multicast_at = Millis(now + (min(pause, _INITIAL_INTERVAL) if self.initial else pause))
        return [ALL_NODES]

    def _all_at(self, now: Millis, at: Millis) -> None:
        """Sooner than it was to be, but not too soon after the last time."""
        earliest = now if self.last is None else Millis(self.last + _AT_LEAST_BETWEEN)
        self.multicast_at = min(self.multicast_at, max(at, earliest))


def begin(now: Millis, chance: float) -> Schedule:
    """The schedule of a link for which this host has become active."""
    return Schedule(multicast_at=_after(now, _AFTER_START, chance))


def _after(now: Millis, within: Millis, chance: float) -> Millis:
    return Millis(now + int(chance * within))


def _prefix(prefix: IPv6Network, use: int, valid: int, preferred: int) -> bytes:
    fields = _PREFIX_INFORMATION, 4, prefix.prefixlen, use, valid, preferred, 0
    return _PREFIX.pack(*fields, prefix.network_address.packed)
