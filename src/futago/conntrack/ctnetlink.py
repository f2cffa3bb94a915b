"""Connection tracking's messages, to and from bytes (nfnetlink, `linux/netfilter/nfnetlink_conntrack.h`). Pure.

A library would do, but for its cost: ten thousand connections are read several times a minute, and written at once.
"""

import errno
import struct
import sys
from typing import Final, NamedTuple

from futago.conntrack.entry import KEPT_STATUS, TCP, Entry, Status

GROUP_UPDATE: Final = 2
GROUP_DESTROY: Final = 3
"""Multicast groups. New connections are of no interest before they are answered, which is an update."""

_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_NFGEN: Final = struct.Struct("!BBH")  # family, version, resource
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
_BODY: Final = _HEADER.size + _NFGEN.size
_U32: Final = struct.Struct("!I")

_ERROR, _DONE = 2, 3
_REQUEST, _ACK, _DUMP, _EXCL, _CREATE = 0x1, 0x4, 0x300, 0x200, 0x400
_NEW, _GET, _DELETE = 0x100, 0x101, 0x102
_AF_INET: Final = 2
_TYPE_MASK: Final = 0x3FFF
_NESTED: Final = 0x8000

_ORIG, _REPLY, _STATUS, _PROTOINFO, _NAT_SRC, _TIMEOUT, _MARK, _NAT_DST, _ZONE = 1, 2, 3, 4, 6, 7, 8, 13, 18
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_IP_SRC, _IP_DST = 1, 2
_PROTO_NUM, _PROTO_SRC, _PROTO_DST = 1, 2, 3
_INFO_TCP: Final = 1
_TCP_STATE, _TCP_FLAGS_ORIG, _TCP_FLAGS_REPLY = 1, 4, 5
_NAT_MIN, _NAT_MAX, _NAT_PROTO = 1, 2, 3
_PORT_MIN, _PORT_MAX = 1, 2

_BE_LIBERAL: Final = bytes([0x08, 0x08])
"""Flag and mask: do not judge by windows, which are not replicated (IP_CT_TCP_FLAG_BE_LIBERAL)."""

GONE: Final = errno.ENOENT
CLASH: Final = errno.EEXIST

Spans = dict[int, tuple[int, int]]


class Event(NamedTuple):
    """A message about a connection."""

    entry: Entry
    destroyed: bool


class Answers(NamedTuple):
    """What one read of the socket brought."""

    events: list[Event]
    done: bool
    """The last of a dump."""
    codes: dict[int, int]
    """Of acknowledged requests, by sequence: 0 or an error number."""


def dump(sequence: int) -> bytes:
    """Ask for all connections over IPv4."""
    return _message(_GET, _DUMP, b"", sequence)


def create(entry: Entry, sequence: int = 0) -> bytes:
    """Add a connection, translated as it was elsewhere.

    The reply is given as if there were no NAT: the kernel translates it as told, and only then knows of the NAT.
    """
    body = _tuple(_ORIG, entry.key) + _tuple(_REPLY, _mirrored(entry.key)) + _settings(entry)
    if entry.status & Status.SRC_NAT:
        body += _nat(_NAT_SRC, entry.reply[4:8], entry.reply[10:12])
    if entry.status & Status.DST_NAT:
        body += _nat(_NAT_DST, entry.reply[0:4], entry.reply[8:10])
    return _message(_NEW, _CREATE | _EXCL | _ACK, body, sequence)


def update(entry: Entry, sequence: int = 0) -> bytes:
    """Renew what may change of a connection that is there: not how it is translated."""
    return _message(_NEW, _ACK, _tuple(_ORIG, entry.key) + _settings(entry), sequence)


def delete(key: bytes, sequence: int = 0) -> bytes:
    """Forget the connection that began so."""
    return _message(_DELETE, _ACK, _tuple(_ORIG, key), sequence)


def delete_by_reply(entry: Entry, sequence: int = 0) -> bytes:
    """Forget whatever connection is answered as this one."""
    return _message(_DELETE, _ACK, _tuple(_REPLY, entry.key[:1] + entry.reply), sequence)


def numbered(request: bytes, sequence: int) -> bytes:
    """The same request under another number."""
    return request[:8] + sequence.to_bytes(4, sys.byteorder) + request[12:]


def read(data: bytes) -> Answers:
    """Take apart what came from the socket; what is not about TCP or UDP over IPv4 is left out."""
    events: list[Event] = []
    codes: dict[int, int] = {}
    done = False
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, sequence, _ = _HEADER.unpack_from(data, at)
        end = min(at + max(length, _HEADER.size), len(data))
        if kind == _ERROR and end - at >= _HEADER.size + 4:
            codes[sequence] = -int.from_bytes(
                data[at + _HEADER.size : at + _HEADER.size + 4], sys.byteorder, signed=True
            )
        elif kind == _DONE:
            done = True
        elif kind in {_NEW, _DELETE} and (entry := _entry(data, at + _BODY, end)) is not None:
            events.append(Event(entry, kind == _DELETE))
        at += (max(length, _HEADER.size) + 3) & ~3
    return Answers(events, done, codes)


def _entry(data: bytes, start: int, end: int) -> Entry | None:
    found = _spans(data, start, end)
    if _ORIG not in found or _REPLY not in found or _ZONE in found:
        return None
    key, reply = _read_tuple(data, *found[_ORIG]), _read_tuple(data, *found[_REPLY])
    if key is None or reply is None:
        return None
    state = _tcp_state(data, *found[_PROTOINFO]) if _PROTOINFO in found else 0
    return Entry(
        key,
        reply[1:],
        _number(data, found, _STATUS) & KEPT_STATUS,
        state,
        _number(data, found, _MARK),
        _number(data, found, _TIMEOUT),
    )


def _spans(data: bytes, start: int, end: int) -> Spans:
    """Where each attribute's value begins and ends."""
    found: Spans = {}
    while start + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < 4 or start + length > end:
            break
        found[kind & _TYPE_MASK] = (start + 4, start + length)
        start += (length + 3) & ~3
    return found


def _read_tuple(data: bytes, start: int, end: int) -> bytes | None:
    parts = _spans(data, start, end)
    if _TUPLE_IP not in parts or _TUPLE_PROTO not in parts:
        return None
    ip, proto = _spans(data, *parts[_TUPLE_IP]), _spans(data, *parts[_TUPLE_PROTO])
    try:
        number, source, destination = proto[_PROTO_NUM], proto[_PROTO_SRC], proto[_PROTO_DST]
        whole = b"".join(data[a:b] for a, b in (number, ip[_IP_SRC], ip[_IP_DST], source, destination))
    except KeyError:
        return None
    return whole if len(whole) == 13 else None


def _tcp_state(data: bytes, start: int, end: int) -> int:
    tcp = _spans(data, start, end).get(_INFO_TCP)
    state = None if tcp is None else _spans(data, *tcp).get(_TCP_STATE)
    return 0 if state is None or state[0] == state[1] else data[state[0]]


def _number(data: bytes, found: Spans, kind: int) -> int:
    span = found.get(kind)
    return 0 if span is None or span[1] - span[0] != 4 else int(_U32.unpack_from(data, span[0])[0])


def _settings(entry: Entry) -> bytes:
    status = entry.status | Status.CONFIRMED
    body = _attribute(_STATUS, _U32.pack(status)) + _attribute(_TIMEOUT, _U32.pack(entry.timeout))
    if entry.mark:
        body += _attribute(_MARK, _U32.pack(entry.mark))
    if entry.protocol != TCP:
        return body
    tcp = _attribute(_TCP_STATE, bytes([entry.tcp_state]))
    tcp += _attribute(_TCP_FLAGS_ORIG, _BE_LIBERAL) + _attribute(_TCP_FLAGS_REPLY, _BE_LIBERAL)
    return body + _nested(_PROTOINFO, _nested(_INFO_TCP, tcp))


def _nat(kind: int, address: bytes, port: bytes) -> bytes:
    ports = _attribute(_PORT_MIN, port) + _attribute(_PORT_MAX, port)
    addresses = _attribute(_NAT_MIN, address) + _attribute(_NAT_MAX, address)
    return _nested(kind, addresses + _nested(_NAT_PROTO, ports))


def _tuple(kind: int, key: bytes) -> bytes:
    ip = _attribute(_IP_SRC, key[1:5]) + _attribute(_IP_DST, key[5:9])
    proto = _attribute(_PROTO_NUM, key[:1]) + _attribute(_PROTO_SRC, key[9:11]) + _attribute(_PROTO_DST, key[11:13])
    return _nested(kind, _nested(_TUPLE_IP, ip) + _nested(_TUPLE_PROTO, proto))


def _mirrored(key: bytes) -> bytes:
    return key[:1] + key[5:9] + key[1:5] + key[11:13] + key[9:11]


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)


def _nested(kind: int, value: bytes) -> bytes:
    return _attribute(kind | _NESTED, value)


def _message(kind: int, flags: int, body: bytes, sequence: int) -> bytes:
    header = _HEADER.pack(_BODY + len(body), kind, _REQUEST | flags, sequence, 0)
    return header + _NFGEN.pack(_AF_INET, 0, 0) + body
