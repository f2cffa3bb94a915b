"""Whether a packet that came in is an advertisement for us (RFC 9568, 7.1 with its errata; RFC 3768, 7.1)."""

from futago.vrrp import auth, packet
from futago.vrrp.auth import Sequences
from futago.vrrp.config import AuthMode, Version, VirtualRouterConfig
from futago.vrrp.packet import Advert, BadPacket, Datagram, DropReason


def judge(datagram: Datagram, config: VirtualRouterConfig, sequences: Sequences, wall: float) -> Advert:
    """The advertisement. What costs least is looked at first, what an attacker must not touch last.

    Raises:
        BadPacket: the packet must be dropped.

    """
    _judge_header(datagram, config)
    message, trailer = packet.cut(datagram.payload, ipv6=config.ipv6)
    if trailer and config.auth_mode is AuthMode.OFF:
        raise BadPacket(DropReason.LENGTH)
    advert = packet.decode(message, datagram.ends, trailer)
    if advert.version != config.version:
        raise BadPacket(DropReason.VERSION)
    if advert.vrid != config.vrid:
        raise BadPacket(DropReason.VRID)
    if config.version is Version.V2:
        _judge_v2(advert, config)
    if trailer:
        auth.verify(message, trailer, datagram.source, config, sequences, wall)
    elif config.auth_mode is AuthMode.ENFORCE:
        raise BadPacket(DropReason.NO_PROOF)
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
