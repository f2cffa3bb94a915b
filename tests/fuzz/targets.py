"""What must hold for any bytes. Each target takes bytes and raises if it does not."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from futago.conntrack import ctnetlink, wire
from futago.conntrack.entry import KEY_BYTES, REPLY_BYTES
from futago.conntrack.session import Refused, Session
from futago.contract.codec import BadMessage
from futago.lines import to_line
from futago.values import IPv4Address, IPv6Address, Millis, Role
from futago.vrrp import control, flaws, packet, radv
from futago.vrrp.config import Checksum, VirtualRouterConfig
from futago.vrrp.control import Change, Configure, Resign, Status
from futago.vrrp.engine import Engine
from futago.vrrp.packet import BadPacket, Datagram
from unit.conntrack.samples import entry
from unit.vrrp.samples import KEY, authenticated, from_peer, ip_packet, router, router_v2, router_v6

Target = Callable[[bytes], None]

NAME: Final = router().name
CONFIGS: Final[tuple[VirtualRouterConfig, ...]] = (
    router(),
    router(checksum=Checksum.PSEUDO_HEADER),
    router_v2(),
    router_v2(password=""),
    router_v6(),
    authenticated(router()),
    authenticated(router_v6()),
)
_CHECKSUM: Final = slice(6, 8)
_MENDED, _ACTIVE = 0x80, 0x40


def headers(data: bytes) -> None:
    """An IP packet is taken apart or refused; nothing of it is invented."""
    with suppress(BadPacket):
        assert data.endswith(packet.take_apart(data).payload)


def adverts(data: bytes) -> None:
    """What is an advertisement says the same again when it is written and read once more."""
    ends = from_peer(CONFIGS[data[0] % len(CONFIGS)]).ends if data else None
    with suppress(BadPacket):
        advert = packet.decode(_mended(data[1:]), ends)
        assert packet.decode(packet.encode(advert, ends), ends) == advert


def engines(data: bytes) -> None:
    """An engine takes any packet, counts it once, and goes on.

    The first byte chooses the router, its role and whether the checksum is made right; without that last one a fuzzer
    would hardly get beyond it.
    """
    if not data:
        return
    config = CONFIGS[data[0] % len(CONFIGS)]
    running = Engine()
    running.start(config, Millis(0), adopt=bool(data[0] & _ACTIVE))
    like = from_peer(config)
    payload = _mended(data[1:]) if data[0] & _MENDED else data[1:]
    heard = Datagram(source=like.source, destination=like.destination, ttl=packet.TTL, payload=payload)
    running.receive(NAME, heard, Millis(10))
    counters = running.counters(NAME)
    assert counters.received + counters.dropped.total() == 1
    _goes_on(running)


def requests(data: bytes) -> None:
    """A line of the control socket is a request or is refused; routers that are not refused can run."""
    try:
        request = control.read_request(data)
    except BadMessage:
        return
    assert control.read_request(to_line(request)) == request
    if isinstance(request, Configure | Change):
        routers = request.routers if isinstance(request, Configure) else request.put
        refused = flaws.refuse(routers)
        running = Engine()
        for wanted in routers:
            if wanted.name not in refused:
                running.start(wanted, Millis(0), adopt=True)
        _goes_on(running)


def solicitations(data: bytes) -> None:
    """Any message is judged; only one from the link, of the right type, asks for anything."""
    source = IPv6Address(data[:16]) if len(data) >= 16 else IPv6Address("::")
    if radv.solicits(data[16:], source, 255):
        assert data[16] == radv.SOLICITATION
    assert not radv.solicits(data[16:], source, 254)


def connections(data: bytes) -> None:
    """What a twin says of connections is read and written again as it was, or refused; a stranger is never heard."""
    with suppress(wire.BadMessage):
        message = wire.decode(data)
        assert wire.decode(wire.encode(message)) == message
    session = Session("net1", {1: KEY.secret}, 1, bytes(16), dialled=False)
    with suppress(Refused):
        assert session.receive(data) == []
    assert not session.proven


def kernels(data: bytes) -> None:
    """Whatever the kernel says of connections, those that are found in it are whole."""
    for event in ctnetlink.read(data).events:
        assert (len(event.entry.key), len(event.entry.reply)) == (KEY_BYTES, REPLY_BYTES)


def _goes_on(running: Engine) -> None:
    """Its timers lead on, and it can be stopped."""
    for _ in range(4):
        deadline = running.deadline()
        assert (deadline is None) == (running.names() == ())
        running.timers(deadline or Millis(0))
    for name in running.names():
        assert running.role(name) is not Role.INITIALIZE
        running.stop(name, Millis(0))


def _mended(data: bytes) -> bytes:
    """With the checksum that RFC 9568 has for IPv4."""
    if len(data) < _CHECKSUM.stop:
        return data
    zeroed = data[: _CHECKSUM.start] + b"\0\0" + data[_CHECKSUM.stop :]
    return data[: _CHECKSUM.start] + packet.internet_checksum(zeroed).to_bytes(2, "big") + data[_CHECKSUM.stop :]


TARGETS: Final[dict[str, Target]] = {
    t.__name__: t for t in (headers, adverts, engines, requests, solicitations, connections, kernels)
}


def examples(target: str) -> list[bytes]:
    """Bytes that are right, to begin with."""
    payloads = [bytes([_MENDED | number]) + from_peer(config).payload for number, config in enumerate(CONFIGS)]
    ways = (Configure(routers=CONFIGS[:1]), Configure(routers=CONFIGS[2:3]), Configure(routers=CONFIGS[4:5]))
    lines = [to_line(request) for request in (*ways, Configure(routers=CONFIGS[5:6]), Resign(name="a"), Status())]
    whole = [ip_packet(payload[1:], source=IPv4Address("169.254.192.2")) for payload in payloads]
    told = [wire.encode(wire.Put("r", (entry(),))), wire.encode(wire.Remove("r", (entry().key,)))]
    told.append(Session("net2", {1: KEY.secret}, 1, bytes(16), dialled=True).hello())
    asked = [ctnetlink.create(entry()), ctnetlink.update(entry(protocol=17)), ctnetlink.delete(entry().key)]
    right = {"headers": whole, "adverts": payloads, "engines": payloads, "requests": lines}
    plain, with_option = bytes([133, 0, 0, 0, 0, 0, 0, 0]), bytes([1, 1, 2, 0, 0, 0, 0, 1])
    right["solicitations"] = [bytes(16) + plain, IPv6Address("fe80::1").packed + plain + with_option]
    return (right | {"connections": told, "kernels": asked})[target]
