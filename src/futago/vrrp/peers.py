"""What hosts that know each other (`config.peers`) agree on beside RFC 9568."""

from typing import Final

from futago.values import IPAddress, Millis
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.events import Heard
from futago.vrrp.timing import skew

YIELDS_BELOW: Final = 10
"""Between Futago's own hosts, priorities below are left to those who want to be rid of a router."""
LEAST_PRIORITY: Final = 1
"""Of a router that takes part (RFC 9568, 5.2.4): the last word of one that found itself replaced."""
RESIGNING_PRIORITY: Final = 2
"""What an active says once that was asked to resign."""


def last_resort(priority: int) -> int:
    """What one with this priority says while it wants to be rid of its router: 2 to 9, in the real ones' order."""
    return RESIGNING_PRIORITY + priority * (YIELDS_BELOW - RESIGNING_PRIORITY - 1) // 255


def gives_way(config: VirtualRouterConfig, heard: Heard) -> bool:
    """Whether this active wants another one, and we do not want to be rid of the router ourselves."""
    return not config.yielding and LEAST_PRIORITY < heard.priority < config.yields_below


def last_word_of(config: VirtualRouterConfig, ours: int) -> int:
    """What one says last that steps back from another: among Futago's own hosts, the least; else its priority."""
    return LEAST_PRIORITY if config.peers and config.yields_below else ours


def says_when_gone(config: VirtualRouterConfig, heard: Heard) -> bool:
    """Whether this is an active one that will say a last word when it has stepped back from us."""
    known = config.yields_below and any(peer.source == heard.source for peer in config.peers)
    return bool(known) and heard.priority > LEAST_PRIORITY


def is_last_word(config: VirtualRouterConfig, heard: Heard) -> bool:
    """Whether one of Futago's own hosts says that it has stepped back."""
    return bool(config.peers and config.yields_below) and heard.priority == LEAST_PRIORITY


def turn(config: VirtualRouterConfig, lost: IPAddress, interval: Millis) -> Millis:
    """How long to leave the place of a lost active to better peers; nothing, if we are the best that is left."""
    ours = (config.priority, config.source)
    best = all((peer.priority, peer.source) < ours for peer in config.peers if peer.source != lost)
    return Millis(0) if best else skew(config, interval)
