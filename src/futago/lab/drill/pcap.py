"""Read capture files as tcpdump writes them (pcap-savefile(5)). Pure: bytes in, frames out."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_HEADER_BYTES: Final = 24
_RECORD_BYTES: Final = 16
_ETHERNET: Final = 1
_MAGIC: Final = {0xA1B2C3D4: 1e-6, 0xA1B23C4D: 1e-9}
"""What a file begins with, and the seconds that its second time field counts."""


class BadCapture(ValueError):
    """The bytes are not a capture of Ethernet frames."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame, from its destination address on; its end may be missing."""

    time: float
    """Seconds since the Unix epoch."""
    data: bytes


def frames(data: bytes) -> Iterator[Frame]:
    """The frames of a capture file, in its order; a last record that is not whole is left out.

    Raises:
        BadCapture: not a capture file, or not of Ethernet frames. An empty file is an empty capture.

    """
    if not data:
        return
    order, unit = _byte_order(data)
    (link_type,) = struct.unpack_from(f"{order}I", data, 20)
    if link_type != _ETHERNET:
        raise BadCapture(f"link type {link_type} is not Ethernet")
    record = struct.Struct(f"{order}IIII")
    at = _HEADER_BYTES
    while at + _RECORD_BYTES <= len(data):
        seconds, fraction, length, _ = record.unpack_from(data, at)
        at += _RECORD_BYTES
        if at + length > len(data):
            return
        yield Frame(seconds + fraction * unit, data[at : at + length])
        at += length


def _byte_order(data: bytes) -> tuple[str, float]:
    if len(data) >= _HEADER_BYTES:
        for order in "<>":
            (magic,) = struct.unpack_from(f"{order}I", data)
            if magic in _MAGIC:
                return order, _MAGIC[magic]
    raise BadCapture("this is not a capture file")
