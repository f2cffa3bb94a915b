"""RFC 9568 over IPv6 where the kernel has a part in it: what leaves a host, and what a host does with what comes in.

One pair of engines for all of these; each host forwards, as a router does: the kernel sets the Router flag only then.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from futago.values import IPv6Address, IPv6Interface, Mac, Millis, mac_bytes
from futago.vrrp import packet
from futago.vrrp.config import Version, VirtualAddress
from futago.vrrp.packet import Advert, Ends
from host.vrrpd_kit import Host, Pair, frames_sent, make_pair, run, wait_for
from host.vrrpd_wire import (
    ECHO_REPLY_IPV6,
    MARK,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    STRANGER,
    VRRP,
    datagram,
    echo_request,
    icmpv6_of,
    inject,
    ipv6,
    joined,
    mac_of,
    marked,
    multicast_mac,
    neighbour_probe,
    neighbour_solicitation,
    router_solicitation,
    solicited_advertisement,
    solicited_node,
    unsolicited_advertisement,
    wait_for_adverts,
)
from unit.vrrp.samples import INSIDE_IPV6, INSIDE_LINK, router_v6

OUTSIDE_IPV6 = VirtualAddress(interface="qg-1", address=IPv6Interface("2001:db8:90::1/64"))
CONFIG = router_v6(advert_interval=Millis(300), priority=50, addresses=(INSIDE_LINK, INSIDE_IPV6, OUTSIDE_IPV6))
VIRTUAL_ADDRESS, LINK_LOCAL = IPv6Address(INSIDE_IPV6.address.ip), IPv6Address(INSIDE_LINK.address.ip)
NEIGHBOUR = IPv6Address("2001:db8:80::9")
FAR = IPv6Address("2001:db8:90::77")
THIRD_MEMBER = IPv6Address("fe80::a9fe:c009")
FELLOW, FORMER_MAC, NEW_MAC = IPv6Address("fe80::7"), Mac("02:00:00:00:00:71"), Mac("02:00:00:00:00:72")
ROUTER_ADVERTISEMENT = 134
ROUTER_FLAG, SOLICITED_FLAG, OVERRIDE_FLAG = 0x80, 0x40, 0x20
ASK = neighbour_solicitation(NEIGHBOUR, VIRTUAL_ADDRESS)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with make_pair(tmp_path_factory.mktemp("rfc9568"), CONFIG) as made:
        for host in made.hosts:
            forward(host, yes=True)
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
    return next(frame for frame in frames if frame[12:14] == b"\x86\xdd" and frame[20] == VRRP)


@contextmanager
def known(host: Host, address: IPv6Address, leg: str) -> Iterator[None]:
    """The host need not ask for this neighbour."""
    where = (str(address), "lladdr", STRANGER, "dev", leg)
    run("ip", "-n", host.namespace, "-6", "neigh", "replace", *where)
    try:
        yield
    finally:
        run("ip", "-n", host.namespace, "-6", "neigh", "del", *where)


def forward(host: Host, *, yes: bool) -> None:
    run("ip", "netns", "exec", host.namespace, "sysctl", "-qw", f"net.ipv6.conf.all.forwarding={yes:d}")


def ends(host: Host) -> Ends:
    return Ends(host.config.source, packet.GROUP_IPV6)


def sent_after(pair: Pair, host: Host, leg: str, *frames: bytes) -> list[bytes]:
    """What leaves the host on any leg after it received these frames on this one."""
    with frames_sent(host, "ha-1", "qr-1", "qg-1") as seen:
        inject(pair, host, leg, *frames)
        wait_for_adverts(host)
    return seen


def advert_of_a_third(*, protocol: int = VRRP) -> bytes:
    """One that no active router of priority 50 minds: it is counted and answered."""
    message = Advert(version=Version.V3, vrid=1, priority=1, interval=Millis(300), addresses=CONFIG.advertised)
    payload = packet.encode(message, Ends(THIRD_MEMBER, packet.GROUP_IPV6))
    group = packet.GROUP_IPV6
    return ipv6(multicast_mac(group), THIRD_MEMBER, group, protocol, payload, hop_limit=255)


def lladdr(host: Host) -> str:
    return run("ip", "-n", host.namespace, "-6", "neigh", "show", str(FELLOW), "dev", "ha-1")


def remember_fellow(host: Host) -> None:
    where = ("lladdr", FORMER_MAC, "dev", "ha-1", "nud", "stale")
    run("ip", "-n", host.namespace, "-6", "neigh", "replace", str(FELLOW), *where)


def test_an_advert_over_ipv6_leaves_with_hop_limit_255(advert: bytes) -> None:
    assert advert[21] == 255


def test_an_advert_over_ipv6_is_of_protocol_112_and_goes_to_the_group(advert: bytes) -> None:
    assert advert[20] == 112
    assert advert[38:54] == IPv6Address("ff02::12").packed
    assert advert[:6] == bytes.fromhex("333300000012")


def test_an_advert_over_ipv6_leaves_from_the_link_local_address_of_its_interface(active: Host, advert: bytes) -> None:
    source = IPv6Address(advert[22:38])
    assert source.is_link_local
    assert f"inet6 {source}/64 scope link" in run("ip", "-n", active.namespace, "address", "show", "dev", "ha-1")


def test_an_advert_over_ipv6_has_a_checksum_with_the_pseudo_header(advert: bytes) -> None:
    message = advert[54:78]
    pseudo = advert[22:54] + len(message).to_bytes(4, "big") + bytes([0, 0, 0, 112])
    assert packet.internet_checksum(pseudo + message) == 0


def test_an_advert_over_ipv6_says_what_is_configured_its_link_local_address_first(active: Host, advert: bytes) -> None:
    said, config = packet.decode(advert[54:78], ends(active)), active.config
    assert (said.version, said.vrid, said.priority) == (3, config.vrid, config.priority)
    assert (said.interval, said.addresses) == (config.advert_interval, config.advertised)
    assert said.addresses[0].is_link_local


def test_an_ipv6_advert_is_heard_on_its_interface_and_on_no_other_and_in_no_other_protocol(
    pair: Pair, active: Host
) -> None:
    before, dropped = active.status().adverts_received, active.status().dropped
    with joined(active, packet.GROUP_IPV6, "qr-1"):
        inject(pair, active, "qr-1", advert_of_a_third())
        inject(pair, active, "ha-1", advert_of_a_third(protocol=113), advert_of_a_third())
        wait_for("one is used", lambda: active.status().adverts_received > before)
        wait_for_adverts(active)
    assert active.status().adverts_received == before + 1
    assert active.status().dropped == dropped


def test_an_ipv6_source_that_the_interface_does_not_have_is_refused(active: Host) -> None:
    stranger = msgspec.structs.replace(active.config, name="other", vrid=9, source=THIRD_MEMBER)
    try:
        found = active.configure(active.config, stranger)
        assert found["other"].startswith(f"ha-1 does not have the address {THIRD_MEMBER}")
        assert list(found) == ["other"]
    finally:
        active.configure()


def test_a_datagram_to_the_ipv6_group_is_never_forwarded(pair: Pair, active: Host) -> None:
    to_group = ipv6(multicast_mac(packet.GROUP_IPV6), NEIGHBOUR, packet.GROUP_IPV6, VRRP, MARK, hop_limit=255)
    assert marked(sent_after(pair, active, "qr-1", to_group)) == []


def test_an_active_forwards_ipv6_that_comes_to_the_router_s_mac_address(pair: Pair, active: Host) -> None:
    with known(active, FAR, "qg-1"):
        sent = marked(sent_after(pair, active, "qr-1", datagram(mac_of(active, "qr-1"), NEIGHBOUR, FAR)))
    assert [frame[:12] for frame in sent] == [mac_bytes(STRANGER) + mac_bytes(mac_of(active, "qg-1"))]


def test_a_standby_discards_ipv6_that_comes_to_the_router_s_mac_address(pair: Pair, standby: Host) -> None:
    assert sent_after(pair, standby, "qr-1", datagram(mac_of(standby, "qr-1"), NEIGHBOUR, FAR)) == []


def test_an_active_answers_a_solicitation_as_a_router_with_the_mac_address_that_it_announces(
    pair: Pair, active: Host
) -> None:
    (answer,) = icmpv6_of(sent_after(pair, active, "qr-1", ASK), NEIGHBOUR_ADVERTISEMENT)
    announced = packet.neighbour_advertisement(mac_of(active, "qr-1"), VIRTUAL_ADDRESS)[54:]
    flags = ROUTER_FLAG | SOLICITED_FLAG | OVERRIDE_FLAG
    assert answer[4] & flags == flags
    assert answer[8:] == announced[8:]


def test_an_active_that_does_not_forward_does_not_call_itself_a_router(pair: Pair, active: Host) -> None:
    """The flag is the kernel's word that it forwards."""
    forward(active, yes=False)
    try:
        (answer,) = icmpv6_of(sent_after(pair, active, "qr-1", ASK), NEIGHBOUR_ADVERTISEMENT)
    finally:
        forward(active, yes=True)
    assert answer[4] & ROUTER_FLAG == 0


def test_a_standby_does_not_answer_solicitations_for_the_addresses(pair: Pair, standby: Host) -> None:
    for_link_local = neighbour_solicitation(IPv6Address("fe80::9"), LINK_LOCAL)
    assert sent_after(pair, standby, "qr-1", ASK, for_link_local) == []


def test_an_active_is_in_the_solicited_node_group_of_each_of_its_addresses(active: Host) -> None:
    groups = run("ip", "-n", active.namespace, "maddress", "show", "dev", "qr-1")
    assert f"{solicited_node(LINK_LOCAL)}\n" in groups
    assert f"{solicited_node(VIRTUAL_ADDRESS)}\n" in groups


def test_a_standby_is_in_no_solicited_node_group(standby: Host) -> None:
    for leg in ("qr-1", "qg-1"):
        assert "ff02::1:ff" not in run("ip", "-n", standby.namespace, "maddress", "show", "dev", leg)


def test_a_standby_sends_no_router_advertisement_even_if_it_is_asked(pair: Pair, standby: Host) -> None:
    assert sent_after(pair, standby, "qr-1", router_solicitation(IPv6Address("fe80::9"))) == []


def test_neither_host_sends_a_router_advertisement_by_itself(pair: Pair, active: Host, standby: Host) -> None:
    """What an active sends is up to who runs it: the engine sends none."""
    frames = sent_after(pair, active, "qr-1", router_solicitation(IPv6Address("fe80::9")))
    assert icmpv6_of(frames, ROUTER_ADVERTISEMENT) == []
    with frames_sent(standby, "qr-1", "qg-1") as silent:
        wait_for_adverts(standby)
    assert silent == []


def test_an_active_asks_for_hosts_with_the_mac_address_that_it_announces(active: Host) -> None:
    ping = ["ip", "netns", "exec", active.namespace, "ping", "-6", "-c", "1", "-W", "1", "2001:db8:80::99"]
    with frames_sent(active, "qr-1") as frames:
        subprocess.run(ping, capture_output=True, check=False, timeout=30)
    asked = icmpv6_of(frames, NEIGHBOUR_SOLICITATION)
    source_link_layer = bytes([1, 1]) + mac_bytes(mac_of(active, "qr-1"))
    assert asked != []
    assert {message[24:] for message in asked} == {source_link_layer}


def test_an_active_with_accept_mode_answers_an_ipv6_ping(pair: Pair, active: Host) -> None:
    with known(active, NEIGHBOUR, "qr-1"):
        ping = echo_request(mac_of(active, "qr-1"), NEIGHBOUR, VIRTUAL_ADDRESS)
        assert len(icmpv6_of(sent_after(pair, active, "qr-1", ping), ECHO_REPLY_IPV6)) == 1


def test_a_standby_does_not_answer_an_ipv6_ping(pair: Pair, standby: Host) -> None:
    assert sent_after(pair, standby, "qr-1", echo_request(mac_of(standby, "qr-1"), NEIGHBOUR, VIRTUAL_ADDRESS)) == []


def test_without_accept_mode_solicitations_are_answered_and_an_ipv6_ping_is_not(pair: Pair, active: Host) -> None:
    """6.1: those to the group and those to the address itself."""
    ours = mac_of(active, "qr-1")
    active.configure(msgspec.structs.replace(active.config, accept=False))
    try:
        with known(active, NEIGHBOUR, "qr-1"):
            probe = neighbour_probe(ours, NEIGHBOUR, VIRTUAL_ADDRESS)
            ping = echo_request(ours, NEIGHBOUR, VIRTUAL_ADDRESS)
            frames = sent_after(pair, active, "qr-1", ASK, probe, ping)
        assert len(icmpv6_of(frames, NEIGHBOUR_ADVERTISEMENT)) == 2
        assert marked(frames) == []
    finally:
        active.configure()


def test_without_accept_mode_advertisements_of_neighbours_are_taken(pair: Pair, active: Host) -> None:
    """6.1: an active that dropped the answers to its own solicitations could not reach its hosts."""
    wanted = IPv6Address("2001:db8:80::55")
    where = (str(wanted), "lladdr", FORMER_MAC, "dev", "qr-1", "nud", "stale")
    answer = solicited_advertisement(mac_of(active, "qr-1"), VIRTUAL_ADDRESS, wanted, NEW_MAC)
    active.configure(msgspec.structs.replace(active.config, accept=False))
    try:
        run("ip", "-n", active.namespace, "-6", "neigh", "replace", *where)
        inject(pair, active, "qr-1", answer)
        show = ("ip", "-n", active.namespace, "-6", "neigh", "show", str(wanted), "dev", "qr-1")
        wait_for("it is taken", lambda: NEW_MAC in run(*show))
    finally:
        active.configure()


def test_active_and_standby_update_their_neighbours_by_unsolicited_advertisements(pair: Pair) -> None:
    """8.2.4."""
    for host in pair.hosts:
        remember_fellow(host)
        inject(pair, host, "ha-1", unsolicited_advertisement(FELLOW, NEW_MAC, override=True))
        wait_for("the cache has the new MAC address", lambda host=host: NEW_MAC in lladdr(host))


def test_an_unsolicited_advertisement_that_does_not_override_changes_no_neighbour(pair: Pair) -> None:
    for host in pair.hosts:
        remember_fellow(host)
        inject(pair, host, "ha-1", unsolicited_advertisement(FELLOW, NEW_MAC, override=False))
        wait_for_adverts(host)
        assert FORMER_MAC in lladdr(host)
