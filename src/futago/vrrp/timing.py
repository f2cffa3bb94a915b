"""The times of an election, in milliseconds (RFC 9568, 6.1)."""

from typing import Final

from futago.values import Millis
from futago.vrrp.config import Version, VirtualRouterConfig

ANNOUNCE_AGAIN_AFTER: Final = (Millis(20), Millis(80), Millis(250), Millis(1000))
"""When after a takeover its gratuitous ARPs are repeated. A lost one would cost minutes, and the first is lost where a
tunnel has to learn its far end's address before it can send; or a switch forgets it again (`packet.lesson`). Only the
last one has both forms again: those are for all hosts, and the others for the switches."""
EARLIEST: Final = Millis(100)
_SECOND: Final = Millis(1000)


def skew(config: VirtualRouterConfig, interval: Millis) -> Millis:
    """Lets the better router go first (Skew_Time): a part of the interval, or, for RFC 3768, of a second."""
    unit = _SECOND if config.version is Version.V2 else interval
    return Millis((256 - config.priority) * unit // 256)


def down_after(config: VirtualRouterConfig, interval: Millis) -> Millis:
    """How long a backup waits for an advertisement (Active_Down_Interval)."""
    return Millis(3 * interval + skew(config, interval))


def listening(config: VirtualRouterConfig, interval: Millis) -> Millis:
    """How long one listens that was cut off from all others, until it elects: two advertisements and the skew.

    Packets pass both ways again, so who is active is heard in that time: the first of the two may be lost, where a
    tunnel has to learn its far end's address. Nobody may have been active meanwhile, so it is not to be longer.
    """
    return Millis(2 * interval + skew(config, interval))


def early(config: VirtualRouterConfig) -> Millis:
    """By how much an advertisement may leave before its time, to go along with those of other routers."""
    return Millis(min(config.advert_interval // 3, EARLIEST))


def judged_by(config: VirtualRouterConfig, heard: Millis) -> Millis:
    """VRRPv3 judges the active by the interval that it announces, VRRPv2 by the one that all must share."""
    return heard if config.version is Version.V3 else config.advert_interval


def repeats(since: Millis) -> tuple[Millis, ...]:
    """When what is announced at `since` is announced again."""
    return tuple(after(since, wait) for wait in ANNOUNCE_AGAIN_AFTER)


def after(now: Millis, wait: Millis) -> Millis:
    return Millis(now + wait)


def due(at: Millis | None, now: Millis) -> bool:
    return at is not None and at <= now
