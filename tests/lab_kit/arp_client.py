"""A virtual machine as small as can be: opens a tap, asks for an address by ARP, and prints who has it.

    arp_client.py TAP MAC OWN-ADDRESS WANTED-ADDRESS

Run by itself: it imports nothing of Futago's.
"""

import fcntl
import os
import select
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x1002


def main(tap: str, mac: str, own: str, wanted: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", tap.encode(), IFF_TAP_NO_PI))
    hardware, address = bytes.fromhex(mac.replace(":", "")), socket.inet_aton(own)
    head = b"\xff" * 6 + hardware + struct.pack("!H", 0x0806)
    question = head + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + hardware + address + bytes(6)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        os.write(device, question + socket.inet_aton(wanted))
        while select.select([device], [], [], 0.5)[0]:
            frame = os.read(device, 2000)
            if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2" and frame[28:32] == socket.inet_aton(wanted):
                print(":".join(f"{byte:02x}" for byte in frame[22:28]))
                return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
