"""Whether a packet that came in is an advertisement for us (RFC 9568, 7.1 with its errata; RFC 3768, 7.1)."""

from futago.vrrp import auth, packet
from futago.vrrp.auth import Marks
from futago.vrrp.config import AuthMode, Version, VirtualRouterConfig
from futago.vrrp.packet import Advert, BadPacket, Datagram, DropReason


class Listener:
    """What one router hears.

    An active says the same at each interval, and only the trailer that proves it differs. So what was found good is
    kept, and the next datagram that is equal to it is not read again; its trailer is.
    """

    def __init__(self, config: VirtualRouterConfig, marks: Marks) -> None:
        self._config = config
        self._marks = marks
        self._good: Datagram | None = None
        """The last one that was read and used, without a trailer that no checksum covers."""
        self._advert: Advert | None = None
        """What it says."""

    def hear(self, datagram: Datagram, wall: float) -> Advert:
        """The advertisement. What costs least is looked at first, what an attacker must not touch last.

        Raises:
            BadPacket: the packet must be dropped.

        """
        message, trailer = datagram.payload, b""
        if self._config.auth_mode is not AuthMode.OFF:
            message, trailer = packet.cut(message, ipv6=self._config.ipv6)
        plain = datagram.carrying(message) if trailer and not self._config.ipv6 else datagram
        if self._advert is None or plain != self._good:
            advert = _read(datagram, message, trailer, self._config)
        else:
            advert = self._advert
        if trailer:
            auth.verify(message, trailer, datagram.source, self._config, self._marks, wall)
        elif self._config.auth_mode is AuthMode.ENFORCE:
            raise BadPacket(DropReason.NO_PROOF)
        self._good, self._advert = plain, advert
        return advert


def _read(datagram: Datagram, message: bytes, trailer: bytes, config: VirtualRouterConfig) -> Advert:
    """All that can be judged without the time."""
    _judge_header(datagram, config)
    advert = packet.decode(message, datagram.ends, trailer)
    if advert.version != config.version:
        raise BadPacket(DropReason.VERSION)
    if advert.vrid != config.vrid:
        raise BadPacket(DropReason.VRID)
    if config.version is Version.V2:
        _judge_v2(advert, config)
    return advert


def _judge_header(datagram: Datagram, config: VirtualRouterConfig) -> None:
    """RFC 9568, 5.1."""
    if datagram.ttl != packet.TTL:
        raise BadPacket(DropReason.TTL)
    if datagram.source == config.source:
        raise BadPacket(DropReason.OWN_SOURCE)
    if datagram.destination != (packet.GROUP_IPV6 if config.ipv6 else packet.GROUP):
        raise BadPacket(DropReason.DESTINATION)
    if config.ipv6 and not datagram.source.is_link_local:
        raise BadPacket(DropReason.NOT_LINK_LOCAL)


def _judge_v2(advert: Advert, config: VirtualRouterConfig) -> None:
    expected = packet.password_bytes(config.password)
    if (advert.password is None) != (expected is None):
        raise BadPacket(DropReason.AUTH_TYPE)
    if advert.password != expected:
        raise BadPacket(DropReason.PASSWORD)
    if advert.interval != config.advert_interval:
        raise BadPacket(DropReason.INTERVAL)
