"""What happens to a virtual router, and what it wants done about it: the words of `machine`.

Here as in `machine` and `packet` a value is a frozen struct that no garbage collection looks at (`gc=False`): thousands
are made in a second, and none can be part of a cycle.
"""

from enum import StrEnum

import msgspec

from futago.values import IPAddress, Millis, Role
from futago.vrrp.config import VirtualAddress, VirtualRoute, VirtualRouterConfig


class Cause(StrEnum):
    """Why a router has its role."""

    STARTED = "started"
    OWNER = "owns the addresses"
    ADOPTED = "adopted"
    SILENCE = "active fell silent"
    NOBODY = "nobody was active"
    PREEMPTED = "lower priority preempted"
    ACTIVE_LEFT = "active resigned"
    GIVEN_WAY = "active gives way"
    HOST_LOST = "active's host is lost"
    ISOLATED = "no other host is reached"
    OUTRANKED = "higher priority heard"
    RESIGNED = "resigned"
    OVERSLEPT = "was frozen for too long"
    WITHDRAWN = "addresses were withdrawn while frozen"
    STOPPED = "stopped"


class Started(msgspec.Struct, frozen=True, gc=False):
    """The router's interfaces are there: take part in the election."""


class Adopted(msgspec.Struct, frozen=True, gc=False):
    """Started with our addresses found in place: a former engine of this host was active and we go on as it."""


class TimerFired(msgspec.Struct, frozen=True, gc=False):
    """The deadline has come, or has not: early and late calls do no harm."""


class Heard(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A valid advertisement of our virtual router came from another one."""

    source: IPAddress
    priority: int
    interval: Millis


class Configured(msgspec.Struct, frozen=True, gc=False):
    """The settings have changed; the role has not."""

    config: VirtualRouterConfig


class Resigned(msgspec.Struct, frozen=True, gc=False):
    """Somebody wants another router to be active."""


class Lost(msgspec.Struct, frozen=True, gc=False):
    """The host of this peer is dead, by the word of somebody who watches it more closely than advertisements do."""

    source: IPAddress
    doubt: Millis = Millis(0)
    """For so long it may still turn out that we ourselves are cut off (`Isolated`)."""


class Isolated(msgspec.Struct, frozen=True, gc=False):
    """This host reaches no other one: whoever it may still reach is better served by somebody else."""


class Rejoined(msgspec.Struct, frozen=True, gc=False):
    """This host reaches others again; to an active one, a peer."""


class Held(msgspec.Struct, frozen=True, gc=False):
    """The engine is about to restart: the others shall wait for at least `duration` before they elect.

    RFC 9568 has backups learn the active's interval from its advertisements (6.4.2), so a VRRPv3 active announces
    half of `duration` as its interval: the others then wait one and a half times `duration` and their skew. VRRPv2 has
    no such means: a plain advertisement starts the others' wait anew.
    """

    duration: Millis


class Withdrawn(msgspec.Struct, frozen=True, gc=False):
    """Somebody has let go of the addresses for us, because the engine did not live: the others have elected."""


class Stopped(msgspec.Struct, frozen=True, gc=False):
    """The router leaves for good (Shutdown in RFC 9568)."""


Event = (
    Started
    | Adopted
    | TimerFired
    | Heard
    | Configured
    | Resigned
    | Lost
    | Isolated
    | Rejoined
    | Held
    | Withdrawn
    | Stopped
)


class SendAdvert(msgspec.Struct, frozen=True, gc=False):
    """Say who is active, with this priority and interval."""

    priority: int
    interval: Millis


class Put(msgspec.Struct, frozen=True, gc=False):
    """These addresses and routes shall be on this host; those that are there already stay."""

    addresses: tuple[VirtualAddress, ...]
    routes: tuple[VirtualRoute, ...]


class Remove(msgspec.Struct, frozen=True, gc=False):
    """These addresses and routes shall not be on this host; missing ones are fine."""

    addresses: tuple[VirtualAddress, ...]
    routes: tuple[VirtualRoute, ...]


class Announce(msgspec.Struct, frozen=True, gc=False):
    """Tell the neighbours, by gratuitous ARP or unsolicited neighbour advertisements, that these addresses are here."""

    addresses: tuple[VirtualAddress, ...]
    briefly: bool = False
    """By a request only: it is for the switches, and will be said in both forms again."""
    new: bool = False
    """Another router may have had them, so that who is near has to learn their MAC address, too."""


class RoleChanged(msgspec.Struct, frozen=True, gc=False):
    """Tell everyone who watches."""

    was: Role
    now: Role
    cause: Cause


Effect = SendAdvert | Put | Remove | Announce | RoleChanged
