import struct

import pytest

from futago.lab.drill import pcap
from futago.lab.drill.pcap import BadCapture, Frame
from futago.lab.drill.sightings import Sighting, What, sightings
from futago.values import IPv4Address, Mac, Millis
from futago.vrrp import packet as vrrp
from futago.vrrp.config import Version

MAC = Mac("02:00:00:00:00:01")


def capture(*frames: tuple[float, bytes], order: str = "<", magic: int = 0xA1B2C3D4) -> bytes:
    unit = 1e6 if magic == 0xA1B2C3D4 else 1e9
    data = struct.pack(f"{order}IHHIIII", magic, 2, 4, 0, 0, 65535, 1)
    for time, frame in frames:
        data += struct.pack(f"{order}IIII", int(time), round(time % 1 * unit), len(frame), len(frame)) + frame
    return data


def ethernet(ether_type: int, payload: bytes) -> bytes:
    return b"\xff" * 6 + b"\x02" * 6 + struct.pack("!H", ether_type) + payload


def ipv4(protocol: int, payload: bytes, source: bytes = bytes(4), destination: bytes = bytes(4)) -> bytes:
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0, source, destination)
    return ethernet(0x0800, head + payload)


def vxlan(vni: int, frame: bytes) -> bytes:
    head = struct.pack("!HHHH", 40000, 4789, 16 + len(frame), 0) + bytes([8, 0, 0, 0]) + vni.to_bytes(3) + b"\0"
    return ipv4(17, head + frame)


def advert(vrid: int, priority: int) -> bytes:
    return ipv4(112, bytes([0x31, vrid, priority, 1, 0, 30, 0, 0, 169, 254, 0, 1]))


def arp(sender: str, target: str) -> bytes:
    body = struct.pack("!HHBBH6s", 1, 0x0800, 6, 4, 1, bytes(6)) + IPv4Address(sender).packed
    return ethernet(0x0806, body + bytes(6) + IPv4Address(target).packed)


def tcp(flags: int) -> bytes:
    segment = struct.pack("!HHIIBBHHH", 22, 40001, 1, 1, 0x50, flags, 0, 0, 0)
    return ipv4(6, segment, bytes([10, 0, 80, 102]), bytes([10, 0, 80, 1]))


def bfd(state: int, far: bytes) -> bytes:
    """As Open vSwitch sends it: in a tunnel, in network 0."""
    datagram = struct.pack("!HHHH", 49152, 3784, 32, 0) + bytes([0x20, state << 6, 3, 24])
    frame = bytearray(vxlan(0, ipv4(17, datagram + bytes(20))))
    frame[30:34] = far
    return bytes(frame)


def test_a_bfd_session_is_told_when_it_changes() -> None:
    near, far = bytes([172, 31, 0, 2]), bytes([172, 31, 0, 3])
    frames = [bfd(3, near), bfd(3, far), bfd(3, near), bfd(1, near), bfd(2, near), bfd(3, near)]
    found = sightings("net1", [Frame(float(number), frame) for number, frame in enumerate(frames)])
    assert [(one.time, one.what, one.about) for one in found] == [
        (0.0, What.BFD_UP, "172.31.0.2"),
        (1.0, What.BFD_UP, "172.31.0.3"),
        (3.0, What.BFD_DOWN, "172.31.0.2"),
        (5.0, What.BFD_UP, "172.31.0.2"),
    ]


def seen(frame: bytes) -> list[tuple[What, str]]:
    return [(found.what, found.about) for found in sightings("net1", [Frame(1.0, frame)])]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
def test_a_capture_is_read_in_either_byte_order_and_either_unit(order: str, magic: int) -> None:
    found = list(pcap.frames(capture((10.25, b"one"), (11.5, b"second"), order=order, magic=magic)))
    assert found == [Frame(10.25, b"one"), Frame(11.5, b"second")]


def test_a_capture_that_was_cut_off_gives_what_is_whole() -> None:
    assert [frame.data for frame in pcap.frames(capture((1, b"one"), (2, b"second"))[:-1])] == [b"one"]


def test_an_empty_file_is_an_empty_capture() -> None:
    assert list(pcap.frames(b"")) == []


@pytest.mark.parametrize("data", [b"\0" * 24, b"short", capture()[:20] + b"\x71\0\0\0"])
def test_what_is_no_capture_of_ethernet_frames_is_refused(data: bytes) -> None:
    with pytest.raises(BadCapture):
        list(pcap.frames(data))


def test_an_advertisement_in_a_tunnel_is_known_by_its_network_and_router() -> None:
    assert seen(vxlan(1001, advert(7, 100))) == [(What.ADVERT, "1001/7")]


def test_an_advertisement_of_priority_0_is_a_farewell() -> None:
    assert seen(advert(7, 0)) == [(What.LAST_ADVERT, "/7")]


def test_only_an_arp_about_its_own_sender_is_an_announcement() -> None:
    assert seen(arp("10.0.80.101", "10.0.80.101")) == [(What.ANNOUNCEMENT, "10.0.80.101")]
    assert seen(arp("10.0.80.1", "10.0.80.101")) == []


def test_both_of_our_own_announcements_are_seen() -> None:
    request, reply = vrrp.gratuitous_arp(MAC, IPv4Address("10.0.80.101"))
    assert seen(request) == seen(reply) == [(What.ANNOUNCEMENT, "10.0.80.101")]


def test_a_reset_names_its_connection_and_other_segments_are_nothing() -> None:
    assert seen(tcp(0x14)) == [(What.RESET, "10.0.80.102:22 > 10.0.80.1:40001")]
    assert seen(tcp(0x10)) == []


@pytest.mark.parametrize("whole", [vxlan(1001, advert(7, 100)), arp("10.0.80.1", "10.0.80.1"), tcp(0x14)])
def test_a_frame_without_its_end_never_raises(whole: bytes) -> None:
    for length in range(len(whole)):
        assert len(seen(whole[:length])) <= 1


def test_a_sighting_has_its_time_and_who_sent_it() -> None:
    assert list(sightings("net2", [Frame(5.5, advert(1, 50))])) == [Sighting(5.5, "net2", What.ADVERT, "/1")]


def test_our_own_advertisement_is_one() -> None:
    own = vrrp.Advert(
        version=Version.V3, vrid=7, priority=100, interval=Millis(300), addresses=(IPv4Address("169.254.0.1"),)
    )
    assert seen(vxlan(1001, ipv4(112, vrrp.encode(own)))) == [(What.ADVERT, "1001/7")]
