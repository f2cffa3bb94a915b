"""Switch transmit checksum offload off (SIOCETHTOOL, netdevice(7)).

A userspace datapath reads frames from a packet socket, where a checksum that was left to the hardware is simply
missing: whoever is on the other end of a veth must compute its own.
"""

import ctypes
import fcntl
import socket
import struct
from typing import Final

_SIOCETHTOOL: Final = 0x8946
_ETHTOOL_STXCSUM: Final = 0x17


def tx_checksum_off(interface: str) -> None:
    """Let `interface`, in the calling thread's namespace, compute the checksums of what it sends."""
    value = ctypes.create_string_buffer(struct.pack("=II", _ETHTOOL_STXCSUM, 0))
    request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCETHTOOL, request)
