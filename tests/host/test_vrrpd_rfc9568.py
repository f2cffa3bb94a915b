"""RFC 9568 over IPv4 where the kernel has a part in it: what leaves a host, and what a host does with what comes in.

One pair of engines for all of these; each host forwards, as a router does, so that only its role keeps it silent.
"""

from collections.abc import Iterator

import msgspec
import pytest

from futago.values import IPv4Address, Millis, mac_bytes
from futago.vrrp import packet
from futago.vrrp.config import Version
from futago.vrrp.packet import Advert
from host.vrrpd_kit import Host, Pair, frames_sent, make_pair, run, wait_for
from host.vrrpd_wire import (
    MARK,
    STRANGER,
    VRRP,
    arp_replies,
    arp_request,
    datagram,
    echo_request,
    inject,
    ipv4,
    joined,
    mac_of,
    marked,
    multicast_mac,
    wait_for_adverts,
)
from unit.vrrp.samples import INSIDE, router

NEIGHBOUR = IPv4Address("192.168.80.9")
FAR = IPv4Address("10.0.80.77")
VIRTUAL_ADDRESS = IPv4Address(INSIDE.address.ip)
THIRD_MEMBER = IPv4Address("169.254.192.9")
ASK = arp_request(NEIGHBOUR, VIRTUAL_ADDRESS)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with make_pair(tmp_path_factory.mktemp("rfc9568"), router(advert_interval=Millis(300), priority=50)) as made:
        for host in made.hosts:
            run("ip", "netns", "exec", host.namespace, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            run("ip", "-n", host.namespace, "neigh", "add", str(FAR), "lladdr", STRANGER, "dev", "qg-1")
        made.start()
        yield made


@pytest.fixture(scope="module")
def active(pair: Pair) -> Host:
    return pair.active()


@pytest.fixture(scope="module")
def standby(pair: Pair, active: Host) -> Host:
    return next(host for host in pair.hosts if host is not active)


@pytest.fixture(scope="module")
def advert(active: Host) -> bytes:
    """One frame of the active router, from its Ethernet header on."""
    with frames_sent(active, "ha-1") as frames:
        wait_for_adverts(active)
    return next(frame for frame in frames if frame[12:14] == b"\x08\x00" and frame[23] == VRRP)


def advert_of_a_third(to: IPv4Address = packet.GROUP, *, protocol: int = VRRP, ttl: int = 255, kind: int = 1) -> bytes:
    """One that no active router of priority 50 minds: it is counted and answered."""
    message = Advert(
        version=Version.V3, vrid=1, priority=1, interval=Millis(300), addresses=(IPv4Address("169.254.0.1"),)
    )
    payload = bytearray(packet.encode(message))
    payload[0] = 3 << 4 | kind
    payload[6:8] = bytes(2)
    payload[6:8] = packet.internet_checksum(bytes(payload)).to_bytes(2, "big")
    return ipv4(multicast_mac(to), THIRD_MEMBER, to, protocol, bytes(payload), ttl)


def from_third(host: Host) -> int:
    """How many of those the host has used; the standby sends none."""
    return host.status().adverts_received


def sent_after(pair: Pair, host: Host, leg: str, *frames: bytes) -> list[bytes]:
    """What leaves the host on any leg after it received these frames on this one."""
    with frames_sent(host, "ha-1", "qr-1", "qg-1") as seen:
        inject(pair, host, leg, *frames)
        wait_for_adverts(host)
    return seen


def test_an_advert_over_ipv4_leaves_with_ttl_255(advert: bytes) -> None:
    assert advert[22] == 255


def test_an_advert_over_ipv4_is_of_protocol_112_and_goes_to_the_group(advert: bytes) -> None:
    assert advert[23] == 112
    assert advert[30:34] == IPv4Address("224.0.0.18").packed
    assert advert[:6] == bytes.fromhex("01005e000012")


def test_an_advert_over_ipv4_leaves_from_the_primary_address_of_its_interface(active: Host, advert: bytes) -> None:
    assert advert[26:30] == active.config.source.packed
    assert f"inet {active.config.source}/18" in run("ip", "-n", active.namespace, "address", "show", "dev", "ha-1")


def test_an_advert_over_ipv4_has_the_checksum_of_its_message(advert: bytes) -> None:
    message = advert[34:46]
    assert packet.internet_checksum(message) == 0


def test_an_advert_over_ipv4_says_what_is_configured(active: Host, advert: bytes) -> None:
    said = packet.decode(advert[34:46])
    config = active.config
    assert (said.version, said.vrid, said.priority) == (3, config.vrid, config.priority)
    assert (said.interval, said.addresses) == (config.advert_interval, config.advertised)


def test_a_source_that_the_interface_does_not_have_is_refused(active: Host) -> None:
    stranger = msgspec.structs.replace(active.config, name="other", vrid=9, source=THIRD_MEMBER)
    try:
        found = active.configure(active.config, stranger)
        assert found["other"].startswith(f"ha-1 does not have the address {THIRD_MEMBER}")
        assert list(found) == ["other"]
    finally:
        active.configure()


def test_an_advert_of_our_virtual_router_is_heard_on_its_interface(pair: Pair, active: Host) -> None:
    before = from_third(active)
    inject(pair, active, "ha-1", advert_of_a_third())
    wait_for("it is used", lambda: from_third(active) == before + 1)


@pytest.mark.parametrize("leg", ["qr-1", "qg-1"])
def test_an_advert_of_our_virtual_router_is_not_heard_on_another_interface(pair: Pair, active: Host, leg: str) -> None:
    """Not even if somebody else has joined the group there, as another virtual router with this id would."""
    before, dropped = from_third(active), active.status().dropped
    with joined(active, packet.GROUP, leg):
        inject(pair, active, leg, advert_of_a_third())
        inject(pair, active, "ha-1", advert_of_a_third())
        wait_for("the second one is used", lambda: from_third(active) > before)
        wait_for_adverts(active)
    assert from_third(active) == before + 1
    assert active.status().dropped == dropped


@pytest.mark.parametrize("protocol", [111, 113])
def test_a_packet_of_another_protocol_is_not_heard(pair: Pair, active: Host, protocol: int) -> None:
    before, dropped = from_third(active), active.status().dropped
    inject(pair, active, "ha-1", advert_of_a_third(protocol=protocol), advert_of_a_third())
    wait_for("the second one is used", lambda: from_third(active) > before)
    wait_for_adverts(active)
    assert from_third(active) == before + 1
    assert active.status().dropped == dropped


def test_each_reason_to_drop_is_logged_once_however_many_packets_there_are(pair: Pair, active: Host) -> None:
    """7.1: at a limited rate; the counters have them all."""
    inject(pair, active, "ha-1", *[advert_of_a_third(ttl=254)] * 20, *[advert_of_a_third(kind=2)] * 20)
    wait_for("all are counted", lambda: active.status().dropped == {"ttl": 20, "type": 20})
    lines = [line for line in (active.directory / "log").read_text().splitlines() if "odd vrrp packets" in line]
    assert len([line for line in lines if "because=ttl" in line]) == 1
    assert len([line for line in lines if "because=type" in line]) == 1
    assert len(lines) == 2
    assert active.status().statistics.ip_ttl_errors == 20
    assert active.status().statistics.invalid_type_pkts_rcvd == 20


def test_a_datagram_to_the_group_is_never_forwarded(pair: Pair, active: Host) -> None:
    to_group = ipv4(multicast_mac(packet.GROUP), NEIGHBOUR, packet.GROUP, VRRP, MARK, ttl=255)
    assert marked(sent_after(pair, active, "qr-1", to_group)) == []


def test_an_active_forwards_what_comes_to_the_router_s_mac_address(pair: Pair, active: Host) -> None:
    sent = marked(sent_after(pair, active, "qr-1", datagram(mac_of(active, "qr-1"), NEIGHBOUR, FAR)))
    assert [frame[:12] for frame in sent] == [mac_bytes(STRANGER) + mac_bytes(mac_of(active, "qg-1"))]
    assert sent[0][30:34] == FAR.packed


def test_a_standby_discards_what_comes_to_the_router_s_mac_address(pair: Pair, standby: Host) -> None:
    frames = sent_after(pair, standby, "qr-1", datagram(mac_of(standby, "qr-1"), NEIGHBOUR, FAR))
    assert frames == []


def test_an_active_answers_arp_with_the_mac_address_that_it_announces(pair: Pair, active: Host) -> None:
    (reply,) = arp_replies(sent_after(pair, active, "qr-1", ASK), NEIGHBOUR)
    announced, _ = packet.gratuitous_arp(mac_of(active, "qr-1"), VIRTUAL_ADDRESS)
    sender = slice(22, 32)
    assert reply[sender] == announced[sender]
    assert reply[6:12] == announced[6:12]


def test_an_active_does_not_answer_arp_for_an_address_that_is_not_its_own(pair: Pair, active: Host) -> None:
    other = arp_request(NEIGHBOUR, IPv4Address("192.168.80.2"))
    assert arp_replies(sent_after(pair, active, "qr-1", other), NEIGHBOUR) == []


def test_a_standby_does_not_answer_arp_for_the_addresses(pair: Pair, standby: Host) -> None:
    assert sent_after(pair, standby, "qr-1", ASK, ASK, ASK) == []


def test_an_active_with_accept_mode_answers_a_ping(pair: Pair, active: Host) -> None:
    ping = echo_request(mac_of(active, "qr-1"), NEIGHBOUR, VIRTUAL_ADDRESS)
    (reply,) = marked(sent_after(pair, active, "qr-1", ASK, ping))
    assert (reply[26:30], reply[34]) == (VIRTUAL_ADDRESS.packed, 0)


def test_a_standby_does_not_answer_a_ping(pair: Pair, standby: Host) -> None:
    ping = echo_request(mac_of(standby, "qr-1"), NEIGHBOUR, VIRTUAL_ADDRESS)
    assert sent_after(pair, standby, "qr-1", ping) == []


def test_an_active_without_accept_mode_neither_answers_nor_forwards_what_is_for_the_addresses(
    pair: Pair, active: Host
) -> None:
    """6.4.3 and 8.3.1. What is for somebody else goes on being forwarded, and ARP goes on being answered."""
    ours = mac_of(active, "qr-1")
    active.configure(msgspec.structs.replace(active.config, accept=False))
    try:
        for_us = (echo_request(ours, NEIGHBOUR, VIRTUAL_ADDRESS), datagram(ours, NEIGHBOUR, VIRTUAL_ADDRESS))
        assert marked(sent_after(pair, active, "qr-1", *for_us)) == []
        assert len(marked(sent_after(pair, active, "qr-1", datagram(ours, NEIGHBOUR, FAR)))) == 1
        assert len(arp_replies(sent_after(pair, active, "qr-1", ASK), NEIGHBOUR)) == 1
    finally:
        active.configure()
