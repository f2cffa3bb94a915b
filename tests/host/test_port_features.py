"""What ports may have beside their place in a network: limits, marks, and a tag on another port's interface."""

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import pytest

from futago.contract.port_features import PacketLimit, QosSpec, RateLimit, TrunkTag
from futago.contract.specs import PortSpec
from futago.values import IPv4Address, Mac, NetworkType, Vlan
from host import frames
from host.firewall_kit import ADDRESSES, GROUP, IDS, LINK_LOCALS, MACS, Firewall, egress, firewall, group, ingress, port
from host.node_kit import wait_until
from host.node_specs import network

OUT: Final = (egress(), egress(6))
LIMIT: Final = RateLimit(kbps=1000, burst_kbits=800)
SIZE: Final = 1_000_000
AT_LEAST_SECONDS: Final = 0.8 * (8 * SIZE / 1000 - LIMIT.burst_kbits) / LIMIT.kbps
"""A transfer within the limit cannot be quicker; without one it takes a hundredth of that."""

OTHER: Final = "44444444-aaaa-4000-8000-000000000004"
SUB: Final = "eeeeeee9-0005-4000-8000-000000000005"
SUB_MAC: Final = Mac("fa:16:3e:00:01:09")
SUB_ADDRESS: Final = "192.168.90.9"
TAG: Final = 101
PACKETS: Final = 100
UDP: Final = 17
TRANSFER: Final = """
import socket, time
began = time.monotonic()
connection = socket.create_connection(('{address}', 80), 10)
connection.settimeout(120)
connection.sendall(b'x' * {size})
connection.shutdown(socket.SHUT_WR)
got = 0
while part := connection.recv(65536):
    got += len(part)
assert got == {size}, got
print(time.monotonic() - began)
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Firewall]:
    with firewall("openvswitch") as made:
        made.serve("open", 80)
        yield made


def _seconds(host: Firewall) -> float:
    """How long it takes from `one` to `open` and back."""
    code = TRANSFER.format(address=ADDRESSES["open"], size=SIZE)
    return float(host.host.run(host.inside("one", f'{sys.executable} -c "{code}"'), seconds=200))


def _limited(host: Firewall, spec: QosSpec | None) -> None:
    host.give(group(*OUT), ports=[port("one", qos=spec)])


def test_what_an_instance_sends_is_limited(host: Firewall) -> None:
    _limited(host, None)
    assert _seconds(host) < AT_LEAST_SECONDS
    _limited(host, QosSpec(egress=LIMIT))
    assert _seconds(host) > AT_LEAST_SECONDS


def test_what_an_instance_is_sent_is_limited(host: Firewall) -> None:
    _limited(host, QosSpec(ingress=LIMIT))
    assert _seconds(host) > AT_LEAST_SECONDS
    _limited(host, QosSpec(ingress=RateLimit(kbps=1_000_000, burst_kbits=800_000)))
    assert _seconds(host) < AT_LEAST_SECONDS


def _metered(host: Firewall) -> int:
    """How many packets each meter has seen."""
    said = host.host.run("ovs-ofctl -O OpenFlow14 meter-stats br-int")
    return min(map(int, re.findall(r"packet_in_count:(\d+)", said)), default=0)


def test_the_packets_that_an_instance_sends_are_limited(host: Firewall) -> None:
    """Beside a limit of bits that is never reached."""
    me, you = MACS["one"], MACS["open"]
    sent = [frames.udp(me, ADDRESSES["one"], ADDRESSES["open"], (5, n), to=you) for n in range(1, PACKETS + 1)]
    _limited(host, None)
    heard = host.heard("open", "one", sent, frames.arp(me, ADDRESSES["one"], ADDRESSES["open"]))
    assert sorted(frame for frame in heard if frame in sent) == sorted(sent)
    plenty = RateLimit(kbps=1_000_000, burst_kbits=800_000)
    _limited(host, QosSpec(egress=plenty, egress_packets=PacketLimit(per_second=1, burst=10)))
    with host.hearing("open") as listener:
        host.send("one", *sent)
        wait_until(lambda: _metered(host) >= PACKETS, "both meters have seen all")
        last = frames.arp(MACS["two"], ADDRESSES["two"], ADDRESSES["open"])
        host.send("two", last)
        heard = [frame for frame in _before(listener, last) if frame in sent]
    assert 0 < len(heard) < PACKETS


def test_a_limit_that_is_gone_leaves_nothing(host: Firewall) -> None:
    _limited(host, QosSpec(egress=LIMIT, ingress=LIMIT, dscp=10))
    assert "rate=1000 " in host.host.run("ovs-ofctl -O OpenFlow14 dump-meters br-int")
    assert "linux-htb" in host.host.run("ovs-vsctl list qos")
    _limited(host, None)
    assert "rate=" not in host.host.run("ovs-ofctl -O OpenFlow14 dump-meters br-int")
    assert host.host.run("ovs-vsctl list qos") + host.host.run("ovs-vsctl list queue") == ""
    assert host.pings("one", ADDRESSES["open"])


def test_meters_that_somebody_deletes_come_back(host: Firewall) -> None:
    _limited(host, QosSpec(egress=LIMIT))
    host.host.run("ovs-ofctl -O OpenFlow14 del-meters br-int")
    wait_until(
        lambda: "meter:" in host.host.run("ovs-ofctl -O OpenFlow14 dump-flows br-int table=0"), "the flow is there"
    )
    assert "rate=1000 " in host.host.run("ovs-ofctl -O OpenFlow14 dump-meters br-int")


def test_packets_of_both_families_carry_the_mark(host: Firewall) -> None:
    _limited(host, QosSpec(dscp=46))
    me = MACS["one"]
    four = frames.udp(me, ADDRESSES["one"], ADDRESSES["open"], (5, 5), to=MACS["open"])
    six = frames.udp6(me, LINK_LOCALS["one"], "ff02::1", (5, 5))
    last = frames.arp(me, ADDRESSES["one"], ADDRESSES["open"])
    heard = host.heard("open", "one", [four, six], last)
    assert [frame[15] for frame in heard if frame[12:14] == b"\x08\x00" and frame[23] == UDP] == [46 << 2]
    assert [frame[14:16] for frame in heard if frame[12:14] == b"\x86\xdd" and frame[20] == UDP] == [b"\x6b\x80"]


def _on_trunk(host: Firewall, *rules: object, **changes: object) -> None:
    """`open` is in another network, and `one` is in it, too, with a tag."""
    fields = {
        "port_id": SUB,
        "network_id": OTHER,
        "mac": SUB_MAC,
        "addresses": (IPv4Address(SUB_ADDRESS),),
        "admin_state_up": True,
        "port_security": True,
        "security_groups": (GROUP,),
        "trunk": TrunkTag(parent_id=IDS["one"], vlan=Vlan(TAG)),
    }
    subport = PortSpec(**(fields | changes))  # type: ignore[arg-type]
    ports = [port("open", network_id=OTHER), subport]
    host.give(network(OTHER, NetworkType.VXLAN, 1004), group(*OUT, *rules), ports=ports)  # type: ignore[arg-type]


def _from_sub(to: str = "192.168.90.13", source: str = SUB_MAC) -> bytes:
    return frames.udp(source, SUB_ADDRESS, to, (5, 5), to=MACS["open"])


def test_a_tagged_frame_goes_into_the_subports_network_without_its_tag(host: Firewall) -> None:
    _on_trunk(host)
    assert {SUB, IDS["one"]} <= set(host.host.last_report().ports_up)
    last = frames.arp(SUB_MAC, SUB_ADDRESS, "192.168.90.13")
    sent = [
        frames.tagged(_from_sub(), TAG),
        frames.tagged(_from_sub("192.168.90.14"), TAG + 1),
        frames.tagged(_from_sub("192.168.90.15", source="fa:16:3e:00:01:77"), TAG),
        _from_sub("192.168.90.16", source=MACS["one"]),
        frames.tagged(last, TAG),
    ]
    heard = host.heard("open", "one", sent, last)
    assert [frame for frame in heard if frame[12:14] == b"\x08\x00"] == [_from_sub()]


def test_what_is_for_a_subport_comes_with_its_tag_if_its_rules_let_it(host: Firewall) -> None:
    to_sub = frames.udp(MACS["open"], "192.168.90.13", SUB_ADDRESS, (7, 7), to=SUB_MAC)
    last = frames.arp(MACS["open"], "192.168.90.13", SUB_ADDRESS, to=SUB_MAC)
    with host.hearing("one") as listener:
        _on_trunk(host)
        host.send("open", to_sub)
        host.send("open", last)
        assert frames.tagged(to_sub, TAG) not in _before(listener, frames.tagged(last, TAG))
        _on_trunk(host, ingress(UDP))
        host.send("open", to_sub)
        host.send("open", last)
        assert frames.tagged(to_sub, TAG) in _before(listener, frames.tagged(last, TAG))


def test_a_subport_that_is_down_gets_nothing(host: Firewall) -> None:
    _on_trunk(host, admin_state_up=False)
    assert SUB not in host.host.last_report().ports_up
    assert "spi-" not in host.host.run("ovs-vsctl list-ports br-int")


def _before(listener: "subprocess.Popen[str]", last: bytes) -> list[bytes]:
    """What comes in before a frame that is known to."""
    assert listener.stdout is not None
    heard: list[bytes] = []
    for line in listener.stdout:
        if (frame := bytes.fromhex(line)) == last:
            return heard
        heard.append(frame)
    raise AssertionError(f"the last frame did not come in; the others: {[frame.hex() for frame in heard]}")
