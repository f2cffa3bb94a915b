"""Port forwardings, conntrack helpers and meters of a router, over real packets."""

import re
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from futago.contract.port_features import RateLimit
from futago.contract.router_parts import AddressLimit, ConntrackHelperSpec, MeterRule, MeterSpec, PortForwardingSpec
from futago.contract.specs import RouterSpec, Spec
from futago.values import IPv4Address
from host.node_kit import ThrowAwayHost, wait_until
from host.node_specs import NETNS, gateway_node, router
from host.two_hosts import OUTSIDE_HOST, Pair, online

FORWARDED, OWN, INSTANCE = "10.0.80.120", "10.0.80.101", "192.168.80.10"
LABEL: Final = "77777777-aaaa-4000-8000-000000000007"
TALK: Final = f"{sys.executable} {Path(__file__).with_name('talkers.py')}"
SCRAPE: Final = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9698/metrics').read().decode())"


def forwarding(first: int, last: int, inside: int, inside_last: int) -> PortForwardingSpec:
    return PortForwardingSpec(
        outside=IPv4Address(FORWARDED),
        protocol="tcp",
        first=first,
        last=last,
        inside=IPv4Address(INSTANCE),
        inside_first=inside,
        inside_last=inside_last,
    )


SSH = forwarding(2201, 2201, 22, 22)
SHIFTED = forwarding(3000, 3009, 4000, 4009)
SAME = forwarding(5000, 5009, 5000, 5009)
ALL_TO_ONE = forwarding(6000, 6009, 80, 80)
OUTWARDS = MeterRule(outwards=True, excluded=False, source=ip_network("192.168.80.0/24"))
INWARDS = MeterRule(outwards=False, excluded=False, destination=ip_network("192.168.80.0/24"))


def specs(*forwardings: PortForwardingSpec, rules: tuple[MeterRule, ...] = (OUTWARDS,)) -> list[Spec]:
    """A gateway node whose router does all of it; the kernel has no helper for Amanda over TCP."""
    helpers = [("amanda", 10080), ("ftp", 21)]
    parts = replace(
        router(ha=False, floating=()),
        port_forwardings=forwardings,
        conntrack_helpers=tuple(ConntrackHelperSpec(helper=name, protocol="tcp", port=port) for name, port in helpers),
        meters=(MeterSpec(label_id=LABEL, rules=rules),),
    )
    return [parts if isinstance(spec, RouterSpec) else spec for spec in gateway_node()]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Pair]:
    with online(gateway=specs(SSH, SHIFTED, SAME, ALL_TO_ONE)) as pair:
        serving = pair[1].popen(f"ip netns exec vm1 {TALK} serve 22 80 4005 5005")
        assert serving.stdout is not None
        assert serving.stdout.readline() == "ready\n"
        yield pair


def restart(gw: ThrowAwayHost, wanted: list[Spec], revision: int) -> None:
    """The agent with other specs: what its controller would have told it."""
    gw.stop_agent()
    gw.save_specs(wanted, revision=revision)
    gw.start_agent()


@pytest.mark.parametrize(("port", "inside"), [(2201, 22), (3005, 4005), (5005, 5005), (6007, 80)])
def test_the_outside_reaches_an_instance_by_a_port_that_is_forwarded(hosts: Pair, port: int, inside: int) -> None:
    gw, _ = hosts
    assert gw.run(f"ip netns exec outside {TALK} ask {FORWARDED} {port}") == f"{inside} {OUTSIDE_HOST}\n"


def test_the_inside_reaches_it_by_the_same_port(hosts: Pair) -> None:
    """Hairpin, as with floating IPs: the instance sees the router."""
    _, vm = hosts
    assert vm.run(f"ip netns exec vm1 {TALK} ask {FORWARDED} 2201") == f"22 {OWN}\n"


def test_other_ports_of_the_address_are_closed(hosts: Pair) -> None:
    gw, _ = hosts
    assert gw.run(f"ip netns exec outside {TALK} ask {FORWARDED} 2202") == "refused\n"


def test_a_helper_lets_in_the_connection_that_was_agreed_on(hosts: Pair) -> None:
    """Active FTP: the server connects to an address that it was told in the middle of a command."""
    gw, vm = hosts
    server = gw.popen(f"ip netns exec outside {TALK} ftp-server")
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    assert vm.run(f"ip netns exec vm1 {TALK} ftp-client {OUTSIDE_HOST}") == "data\n"
    assert server.stdout.readline().startswith(f"PORT {OWN.replace('.', ',')},")


def test_a_helper_that_the_kernel_lacks_is_reported_and_holds_up_nothing(hosts: Pair) -> None:
    gw, _ = hosts
    wait_until(lambda: "no conntrack helper amanda (tcp)" in gw.agent_log(), "the agent says what is lacking")
    assert '"ftp"' in gw.run(f"ip netns exec {NETNS} nft list table inet futago_helpers")


def counted(gw: ThrowAwayHost) -> int:
    said = gw.run(f'{sys.executable} -c "{SCRAPE}"')
    found = re.findall(rf'^futago_metering_packets_total{{label="{LABEL}",router="\S+"}} (\S+)$', said, re.MULTILINE)
    return int(float(found[0])) if found else -1


def ping(vm: ThrowAwayHost, count: int) -> None:
    vm.run(f"ip netns exec vm1 ping -c {count} -i 0.2 -W 5 {OUTSIDE_HOST}")


def test_a_label_goes_on_counting_whatever_changes_beside_it(hosts: Pair) -> None:
    gw, vm = hosts
    wait_until(lambda: counted(gw) >= 0, "the label counts")
    before = counted(gw)
    ping(vm, 3)
    assert counted(gw) == before + 3
    restart(gw, specs(SSH), revision=8)
    wait_until(lambda: "3005" not in table(gw), "the table of NAT was replaced")
    wait_until(lambda: counted(gw) == before + 3, "what was counted stands")
    restart(gw, specs(SSH, rules=(OUTWARDS, INWARDS)), revision=9)
    wait_until(lambda: "iifname" in gw.run(f"ip netns exec {NETNS} nft list table inet futago_meters"), "a second rule")
    assert counted(gw) == before + 3
    ping(vm, 2)
    assert counted(gw) == before + 7


def table(gw: ThrowAwayHost) -> str:
    return gw.run(f"ip netns exec {NETNS} nft list table ip futago")


def test_a_connection_ends_with_its_forwarding(hosts: Pair) -> None:
    gw, _ = hosts
    restart(gw, specs(SSH, ALL_TO_ONE), revision=10)
    wait_until(lambda: "6000" in table(gw), "both are forwarded")
    held = [gw.popen_both(f"ip netns exec outside {TALK} hold {FORWARDED} {port}") for port in (2201, 6001)]
    for one in held:
        assert one.stdout is not None
        assert one.stdout.readline().endswith(f"{OUTSIDE_HOST}\n")
    restart(gw, specs(SSH), revision=11)
    known = f"ip netns exec {NETNS} cat /proc/net/nf_conntrack"
    wait_until(lambda: "dport=6001 " not in gw.run(known), "the connection is forgotten")
    assert "dport=2201 " in gw.run(known)
    for one in held:
        one.communicate()


@pytest.mark.parametrize("way", ["egress", "ingress"])
def test_no_more_passes_by_an_address_outside_than_its_limit(hosts: Pair, way: str) -> None:
    """Ten kilobytes in half a second, where one in a second may pass, and two and a half at a time."""
    gw, vm = hosts
    ping = f"ip netns exec vm1 ping -n -q -c 10 -i 0.05 -W 1 -s 1000 {OUTSIDE_HOST}"
    slow = AddressLimit(address=IPv4Address(OWN), **{way: RateLimit(kbps=8, burst_kbits=20)})
    wanted = [replace(one, limits=(slow,)) if isinstance(one, RouterSpec) else one for one in specs()]
    restart(gw, wanted, revision=31)
    wait_until(lambda: f"limit_{way}" in gw.run(f"ip netns exec {NETNS} nft list ruleset"), "the limit is there")
    wait_until(lambda: received(vm.run(ping, check=False)) in range(1, 10), "some pings are lost, not all")
    restart(gw, specs(), revision=32)
    wait_until(lambda: received(vm.run(ping, check=False)) == 10, "without the limit all are answered")


def received(said: str) -> int:
    """How many answers a ping tells of."""
    found = re.search(r"(\d+) received", said)
    assert found is not None, said
    return int(found[1])
