"""To and from the wire: JSON, with a version, and the address types that JSON does not have.

A node and a controller that speak different versions refuse each other with both numbers in the message.
"""

from collections.abc import Callable
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, Final, TypeVar

import msgspec

from futago.values import (
    IPAddress,
    IPInterface,
    IPNetwork,
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

T = TypeVar("T")

VERSION: Final = "2"
VERSION_HEADER: Final = "Futago-Contract"

_ADDRESS_TYPES: Final = (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)
_READERS: Final[dict[object, Callable[[Any], Any]]] = {
    **{kind: kind for kind in _ADDRESS_TYPES},
    IPAddress: ip_address,
    IPInterface: ip_interface,
    IPNetwork: ip_network,
}


class BadMessage(ValueError):
    """The bytes are not a message of this version; the text says where and why."""


def encode_hook(value: Any) -> Any:
    """Addresses are written as text (`msgspec`'s enc_hook)."""
    if isinstance(value, _ADDRESS_TYPES):
        return str(value)
    raise NotImplementedError(f"{type(value)} has no wire form")


def decode_hook(kind: type, value: Any) -> Any:
    """Addresses are read from text (`msgspec`'s dec_hook)."""
    if kind in _READERS:
        return _READERS[kind](value)
    raise NotImplementedError(f"{kind} has no wire form")


_encoder = msgspec.json.Encoder(enc_hook=encode_hook, order="deterministic")


def encode(value: msgspec.Struct) -> bytes:
    """The same value gives the same bytes."""
    return _encoder.encode(value)


def decode(data: bytes, kind: type[T]) -> T:
    """Read a `kind` from `data`.

    Raises:
        BadMessage: not JSON, or not a `kind`.

    """
    try:
        return msgspec.json.decode(data, type=kind, dec_hook=decode_hook)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadMessage(f"not a {kind.__name__}: {error}") from error
