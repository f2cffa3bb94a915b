"""Security groups by Open vSwitch flows: what passes, what does not, and what ends."""

from collections.abc import Iterator
from typing import Final

import pytest
from msgspec.structs import replace

from futago.contract.specs import NodeSpecs
from futago.node.features.firewall.compose import firewall as firewall_flows
from futago.values import Vlan
from host import frames
from host.firewall_kit import (
    ADDRESSES,
    GROUP,
    LINK_LOCALS,
    MACS,
    Firewall,
    egress,
    firewall,
    group,
    ingress,
    members,
    port,
)
from host.node_kit import wait_until
from host.node_specs import INSIDE
from unit.node.kit import PLACE

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
OUT: Final = (egress(), egress(6))
OWN: Final = f"group/{GROUP}"


@pytest.fixture(scope="module", params=["openvswitch", "iptables_hybrid"])
def walls(request: pytest.FixtureRequest) -> Iterator[Firewall]:
    with firewall(request.param) as made:
        made.serve("one", 22, 80, 1030)
        made.serve("open", 80)
        yield made


def test_what_an_instance_began_is_answered_and_nothing_else_comes_in(walls: Firewall) -> None:
    walls.give(group(*OUT))
    assert walls.pings("one", ADDRESSES["open"])
    assert walls.connects("one", ADDRESSES["open"], 80)
    assert not walls.pings("open", ADDRESSES["one"])
    assert not walls.connects("open", ADDRESSES["one"], 22)
    assert not walls.pings("two", ADDRESSES["one"])


def test_a_rule_lets_its_port_in_and_no_other(walls: Firewall) -> None:
    walls.give(group(*OUT, ingress(TCP, 22, 22)))
    assert walls.connects("open", ADDRESSES["one"], 22)
    assert not walls.connects("open", ADDRESSES["one"], 80)
    assert not walls.pings("open", ADDRESSES["one"])


def test_a_range_of_ports_is_let_in_from_its_first_to_its_last(walls: Firewall) -> None:
    walls.give(group(*OUT, ingress(TCP, 79, 1030)))
    assert walls.connects("open", ADDRESSES["one"], 80)
    assert walls.connects("open", ADDRESSES["one"], 1030)
    assert not walls.connects("open", ADDRESSES["one"], 22)
    walls.give(group(*OUT, ingress(TCP, 81, 1029)))
    assert not walls.connects("open", ADDRESSES["one"], 80)
    assert not walls.connects("open", ADDRESSES["one"], 1030)


def test_an_icmp_type_is_let_in(walls: Firewall) -> None:
    walls.give(group(*OUT, ingress(ICMP, 8)))
    assert walls.pings("open", ADDRESSES["one"])
    walls.give(group(*OUT, ingress(ICMP, 13)))
    assert not walls.pings("open", ADDRESSES["one"])


def test_ipv6_has_rules_of_its_own(walls: Firewall) -> None:
    walls.give(group(*OUT, ingress(ICMP)))
    assert walls.pings("one", LINK_LOCALS["open"], six=True)
    assert not walls.pings("open", LINK_LOCALS["one"], six=True)
    walls.give(group(*OUT, ingress(ICMPV6, 128, version=6)))
    assert walls.pings("open", LINK_LOCALS["one"], six=True)


def test_a_remote_group_lets_its_members_in(walls: Firewall) -> None:
    rules = group(*OUT, ingress(remote_set=OWN))
    walls.give(rules, members(OWN, f"{ADDRESSES['one']}/32", f"{ADDRESSES['two']}/32"))
    assert walls.pings("two", ADDRESSES["one"])
    assert not walls.pings("open", ADDRESSES["one"])
    walls.give(rules, members(OWN, f"{ADDRESSES['one']}/32"))
    assert not walls.pings("two", ADDRESSES["one"])


def test_an_address_group_and_a_service_have_both_to_fit(walls: Firewall) -> None:
    rules = group(*OUT, ingress(TCP, 80, 80, remote_set="address-group/a"))
    walls.give(rules, members("address-group/a", f"{ADDRESSES['open']}/32", "203.0.113.0/24"))
    assert walls.connects("open", ADDRESSES["one"], 80)
    assert not walls.connects("open", ADDRESSES["one"], 22)
    assert not walls.connects("two", ADDRESSES["one"], 80)


def test_without_egress_rules_nothing_goes_out_but_what_is_asked_for_from_outside(walls: Firewall) -> None:
    walls.give(group(ingress(TCP, 22, 22)))
    assert not walls.pings("one", ADDRESSES["open"])
    assert not walls.connects("one", ADDRESSES["open"], 80)
    assert walls.connects("open", ADDRESSES["one"], 22)


def test_a_port_without_groups_lets_nothing_through(walls: Firewall) -> None:
    walls.give(group(*OUT), ports=[port("one", security_groups=())])
    assert not walls.pings("one", ADDRESSES["open"])


def test_a_port_without_port_security_lets_everything_through(walls: Firewall) -> None:
    walls.give(group(*OUT), ports=[port("one", security_groups=(), port_security=False)])
    assert walls.pings("open", ADDRESSES["one"])
    assert walls.connects("open", ADDRESSES["one"], 22)
    assert walls.pings("two", ADDRESSES["one"])


def test_stateless_groups_need_a_rule_for_each_direction(walls: Firewall) -> None:
    walls.give(group(*OUT, stateful=False))
    assert not walls.pings("one", ADDRESSES["open"])
    walls.give(group(*OUT, ingress(ICMP), stateful=False))
    assert walls.pings("one", ADDRESSES["open"])
    assert walls.pings("open", ADDRESSES["one"])


def test_a_refused_packet_opens_no_way_back(walls: Firewall) -> None:
    """Two instances on one node that want to talk against the rules of one of them."""
    mute = "99999999-0002-4000-8000-000000000009"
    walls.give(group(*OUT), group(group_id=mute), ports=[port("one", security_groups=(mute,))])
    there = frames.udp(MACS["two"], ADDRESSES["two"], ADDRESSES["one"], (5555, 9999), to=MACS["one"])
    back = frames.udp(MACS["one"], ADDRESSES["one"], ADDRESSES["two"], (9999, 5555), to=MACS["two"])
    last = frames.arp(MACS["one"], ADDRESSES["one"], ADDRESSES["two"])
    walls.send("two", there)
    assert back not in walls.heard("two", "one", [back], last)


@pytest.mark.parametrize("sender", ["open", "two"])
def test_what_is_sent_to_all_comes_in_by_the_rules_as_everything_does(walls: Firewall, sender: str) -> None:
    mac, address = MACS[sender], ADDRESSES[sender]
    to_all = [
        frames.udp(mac, address, "192.168.80.255", (99, 99)),
        frames.udp(mac, address, "224.0.0.251", (99, 99), to="01:00:5e:00:00:fb"),
        frames.udp(mac, address, ADDRESSES["one"], (99, 99)),
        frames.udp6(mac, LINK_LOCALS[sender], "ff02::1", (99, 99)),
    ]
    last = frames.arp(mac, address, ADDRESSES["one"])
    other = "open" if sender == "two" else "two"
    walls.give(group(*OUT))
    assert walls.heard("one", sender, to_all, last) == []
    walls.give(group(*OUT, ingress(UDP, 99, 99), ingress(UDP, 99, 99, version=6)))
    for hearer in ("one", other):
        assert set(to_all) <= set(walls.heard(hearer, sender, to_all, last))


def test_a_port_without_port_security_gets_what_is_sent_to_all(walls: Firewall) -> None:
    walls.give(group(*OUT))
    to_all = frames.udp(MACS["two"], ADDRESSES["two"], "192.168.80.255", (99, 99))
    last = frames.arp(MACS["two"], ADDRESSES["two"], ADDRESSES["open"])
    assert to_all in walls.heard("open", "two", [to_all], last)


def test_a_stateless_and_a_stateful_port_talk(walls: Firewall) -> None:
    """The one needs a rule for the answer, the other does not."""
    other = "99999999-0002-4000-8000-000000000009"
    walls.give(
        group(*OUT, ingress(ICMP, 8), stateful=False),
        group(*OUT, group_id=other),
        ports=[port("two", security_groups=(other,))],
    )
    assert walls.pings("two", ADDRESSES["one"])
    assert not walls.pings("one", ADDRESSES["two"])


def test_a_connection_ends_when_its_rule_goes_and_lives_again_when_it_returns(walls: Firewall) -> None:
    walls.give(group(*OUT, ingress(TCP, 22, 22)))
    code = (
        "import socket, sys; s = socket.create_connection(('192.168.80.11', 22), 2); s.settimeout(2)\n"
        "for line in sys.stdin:\n"
        "  try: s.send(line.encode()); print(s.recv(99).decode().strip() or 'ended', flush=True)\n"
        "  except TimeoutError: print('silence', flush=True)"
    )
    script = walls.host.state / "client.py"
    script.write_text(code)
    client = walls.host.popen_both(walls.inside("open", f"python3 {script}"))

    def says(word: str) -> str:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(f"{word}\n")
        client.stdin.flush()
        return client.stdout.readline().strip()

    assert says("hello") == "hello"
    walls.give(group(*OUT))
    assert says("anybody?") == "silence"
    walls.give(group(*OUT, ingress(TCP, 22, 22)))
    assert wait_until(lambda: "again" in says("again"), "the connection goes on") >= 0
    client.kill()
    client.wait()


def test_an_agent_that_restarts_loses_no_packet(walls: Firewall) -> None:
    walls.give(group(*OUT, ingress(ICMP, 8)))
    ping = walls.host.popen(walls.inside("open", f"ping -n -c 150 -i 0.02 -W 1 {ADDRESSES['one']}"))
    walls.host.stop_agent()
    walls.host.start_agent()
    assert " 0% packet loss" in ping.communicate()[0]


def test_a_switch_that_restarts_opens_nothing_and_heals(walls: Firewall) -> None:
    walls.give(group(*OUT, ingress(TCP, 22, 22)))
    pid = walls.host.run("cat /run/openvswitch/ovs-vswitchd.pid").strip()
    walls.host.run(f"kill -9 {pid}")
    state = f"cut -d ' ' -f 3 /proc/{pid}/stat 2>/dev/null || true"
    wait_until(lambda: walls.host.run(state).strip() in {"", "Z"}, "the switch is gone")
    walls.host.start_vswitchd()

    def healed() -> bool:
        assert not walls.connects("open", ADDRESSES["one"], 80)
        return walls.connects("open", ADDRESSES["one"], 22)

    wait_until(healed, "what the rules let in comes in again")
    assert not walls.connects("open", ADDRESSES["one"], 80)


def test_every_flow_stands_on_the_bridge(walls: Firewall) -> None:
    """Two flows with one match would be one on the bridge, and the agent would write the other for ever."""
    rules = (
        ingress(TCP, 22, 22), ingress(TCP), ingress(TCP, 1, 65535), ingress(UDP, 53, 53, remote_set="address-group/a"),
        ingress(ICMP), ingress(ICMP, 8, 0), ingress(132, 1, 9), ingress(47), ingress(ICMPV6, version=6),
        ingress(TCP, 22, 22, remote_set="address-group/a"), ingress(TCP, 1, 9, version=6),
    )  # fmt: skip
    walls.give(group(*OUT, *rules), members("address-group/a", "10.0.0.0/8", "10.1.2.3/32", "fe80::/10"))
    marked = "ovs-ofctl -O OpenFlow14 --no-stats dump-flows br-int cookie=0xf7a2000000000000/0xffff000000000000"
    there = [line for line in walls.host.run(marked).splitlines() if "cookie=" in line]
    wanted = NodeSpecs(specs={spec.key: spec for spec in walls.specs})
    place = replace(PLACE, firewall_driver=walls.driver)
    assert len(there) == len(firewall_flows(wanted, {INSIDE: Vlan(1)}, place).flows) > 0
