"""What happens to a virtual router, and what it wants done about it: the words of `machine`."""

from dataclasses import dataclass
from enum import StrEnum

from futago.values import IPAddress, Millis, Role
from futago.vrrp.config import VirtualAddress, VirtualRoute, VirtualRouterConfig


class Cause(StrEnum):
    """Why a router has its role."""

    STARTED = "started"
    OWNER = "owns the addresses"
    ADOPTED = "adopted"
    SILENCE = "active fell silent"
    ACTIVE_LEFT = "active resigned"
    OUTRANKED = "higher priority heard"
    RESIGNED = "resigned"
    OVERSLEPT = "was frozen for too long"
    WITHDRAWN = "addresses were withdrawn while frozen"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Started:
    """The router's interfaces are there: take part in the election."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """Started with our addresses found in place: a former engine of this host was active and we go on as it."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The deadline has come, or has not: early and late calls do no harm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A valid advertisement of our virtual router came from another one."""

    source: IPAddress
    priority: int
    interval: Millis


@dataclass(frozen=True, slots=True)
class Configured:
    """The settings have changed; the role has not."""

    config: VirtualRouterConfig


@dataclass(frozen=True, slots=True)
class Resigned:
    """Somebody wants another router to be active."""


@dataclass(frozen=True, slots=True)
class Held:
    """The engine is about to restart: the others shall wait for at least `duration` before they elect.

    RFC 9568 has backups learn the active's interval from its advertisements (6.4.2), so a VRRPv3 active announces
    half of `duration` as its interval: the others then wait one and a half times `duration` and their skew. VRRPv2 has
    no such means: a plain advertisement starts the others' wait anew.
    """

    duration: Millis


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Somebody has let go of the addresses for us, because the engine did not live: the others have elected."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The router leaves for good (Shutdown in RFC 9568)."""


Event = Started | Adopted | TimerFired | Heard | Configured | Resigned | Held | Withdrawn | Stopped


@dataclass(frozen=True, slots=True)
class SendAdvert:
    """Say who is active, with this priority and interval."""

    priority: int
    interval: Millis


@dataclass(frozen=True, slots=True)
class Put:
    """These addresses and routes shall be on this host; those that are there already stay."""

    addresses: tuple[VirtualAddress, ...]
    routes: tuple[VirtualRoute, ...]


@dataclass(frozen=True, slots=True)
class Remove:
    """These addresses and routes shall not be on this host; missing ones are fine."""

    addresses: tuple[VirtualAddress, ...]
    routes: tuple[VirtualRoute, ...]


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the neighbours, by gratuitous ARP or unsolicited neighbour advertisements, that these addresses are here."""

    addresses: tuple[VirtualAddress, ...]


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """Tell everyone who watches."""

    was: Role
    now: Role
    cause: Cause


Effect = SendAdvert | Put | Remove | Announce | RoleChanged
