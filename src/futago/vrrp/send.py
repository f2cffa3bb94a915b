"""What a router says: its advertisements, as bytes (RFC 9568, 5; RFC 3768, 5)."""

from futago.vrrp import auth, packet
from futago.vrrp.auth import Marks
from futago.vrrp.config import Checksum, Version, VirtualRouterConfig
from futago.vrrp.events import SendAdvert
from futago.vrrp.packet import Advert, Ends


class Speaker:
    """What one router says.

    An active says the same at each interval, and only the trailer that proves it differs: so what was written last is
    kept.
    """

    def __init__(self, config: VirtualRouterConfig, marks: Marks) -> None:
        with_pseudo_header = config.ipv6 or (config.version is Version.V3 and config.checksum is Checksum.PSEUDO_HEADER)
        group = packet.GROUP_IPV6 if config.ipv6 else packet.GROUP
        self._config = config
        self._marks = marks
        self._ends = Ends(config.source, group) if with_pseudo_header else None
        self._key = next((key for key in config.keys if key.key_id == config.send_key), None)
        self._said: SendAdvert | None = None
        self._message = b""
        """Without its checksum, as the trailer is about it."""
        self._whole = b""
        """With it."""

    def say(self, effect: SendAdvert, wall: float) -> bytes:
        """The advertisement, as it follows the IP header."""
        if effect != self._said:
            self._message = packet.without_checksum(advert_of(self._config, effect))
            self._whole = packet.complete(self._message, self._ends)
            self._said = effect
        if not self._config.auth_mode.signs:
            return self._whole
        trailer = self._prove(wall)
        covered = self._config.ipv6  # over IPv4 the checksum does not cover the trailer
        return packet.complete(self._message, self._ends, trailer) if covered else self._whole + trailer

    def _prove(self, wall: float) -> bytes:
        assert self._key, "a router that signs has its key (`refuse`)"
        us = auth.sender(self._config.source, self._key.key_id)
        sequence = self._marks[us] = auth.next_sequence(self._marks.get(us), wall)
        return auth.sign(self._message, self._config.source, self._key, sequence)


def to_wire(config: VirtualRouterConfig, effect: SendAdvert, marks: Marks, wall: float) -> bytes:
    """The advertisement that a router sends, as it follows the IP header."""
    return Speaker(config, marks).say(effect, wall)


def advert_of(config: VirtualRouterConfig, effect: SendAdvert) -> Advert:
    """The advertisement that a router sends."""
    return Advert(
        version=config.version,
        vrid=config.vrid,
        priority=effect.priority,
        interval=effect.interval,
        addresses=config.advertised,
        password=packet.password_bytes(config.password),
    )
