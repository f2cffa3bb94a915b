"""The seed's three external networks and routers, and a project network of each type: who reaches whom, and how much
fits into a packet.
"""

import pytest

from futago.lab.state import Instance
from lab_kit.seed import TYPES, Part, SeedCloud

MTU = {80: 1450, 81: 1458, 82: 1500}
ON_THE_WIRE = {
    80: ("eth0", "udp port 4789"),
    81: ("eth0", "ip proto 47"),
    82: ("eth4", "vlan 1000 and icmp"),
}
"""Where a frame of a network leaves compute1, and what it looks like there to tcpdump."""


@pytest.mark.parametrize("number", TYPES)
def test_a_network_has_its_type_and_the_mtu_of_it(seed: SeedCloud, number: int) -> None:
    network = seed.lab.api().find("networks", f"net{number}")
    assert (network["provider:network_type"], network["mtu"]) == (TYPES[number], MTU[number])
    vm = seed.parts[number].vms[1]
    assert f" mtu {MTU[number]} " in seed.lab.exec(vm.host, ["ip", "-o", "link", "show", "eth0"], netns=vm.netns).stdout


@pytest.mark.parametrize("number", TYPES)
def test_each_router_has_one_active_and_one_standby(seed: SeedCloud, number: int) -> None:
    part = seed.parts[number]
    seed.eventually(
        "one active and one standby",
        lambda: sorted(seed.lab.agents_of(part.router_id).values()) == ["active", "standby"],
    )


def test_everyone_reaches_their_own_and_nobody_elses(seed: SeedCloud) -> None:
    """Rows are instances, columns of each part: its instance on the other node, its gateway, its floating IP."""
    for part in seed.parts.values():
        seed.eventually(f"{part.number} is online", lambda part=part: seed.pings(part.vms[1], part.outside))
    matrix = {
        vm.name: {other.number: [seed.pings(vm, one) for one in addresses(other, vm)] for other in seed.parts.values()}
        for part in seed.parts.values()
        for vm in part.vms
    }
    own = {vm.name: part.number for part in seed.parts.values() for vm in part.vms}
    assert matrix == {name: {other: [other == mine] * 3 for other in seed.parts} for name, mine in own.items()}


def addresses(part: Part, vm: Instance) -> tuple[str, str, str]:
    """Of a part: its instance on the other compute node than `vm`, its gateway, its floating IP."""
    twin = next(one for one in part.vms if one.host != vm.host)
    return (twin.address, f"192.168.{part.number}.1", part.floating_ip)


@pytest.mark.parametrize("number", TYPES)
def test_the_outside_reaches_the_floating_ip(seed: SeedCloud, number: int) -> None:
    argv = ["ping", "-n", "-c", "1", "-W", "2", seed.parts[number].floating_ip]
    seed.eventually("the floating IP answers", lambda: not seed.lab.exec("ext", argv, check=False).returncode)


@pytest.mark.parametrize("number", TYPES)
def test_a_network_has_its_own_mark_on_the_wire(seed: SeedCloud, number: int) -> None:
    device, frames = ON_THE_WIRE[number]
    first, second = seed.parts[number].vms
    heard = seed.lab.spawn("compute1", ["timeout", "60", "tcpdump", "-l", "-n", "-c", "1", "-i", device, frames])
    assert heard.stdout is not None
    assert any("listening" in line for line in iter(heard.stdout.readline, ""))
    seed.eventually("the twin answers", lambda: seed.pings(first, second.address))
    said = heard.communicate()[0]
    assert "1 packet captured" in said


@pytest.mark.parametrize("number", TYPES)
def test_a_packet_as_large_as_the_mtu_passes_between_nodes_whole(seed: SeedCloud, number: int) -> None:
    first, second = seed.parts[number].vms
    whole = ["-M", "do", "-s", str(MTU[number] - 28)]
    seed.eventually("it passes", lambda: seed.pings(first, second.address, *whole))
    larger = ["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(MTU[number] - 27), second.address]
    refused = seed.lab.exec(first.host, larger, netns=first.netns, check=False)
    assert refused.returncode != 0
    assert f"mtu={MTU[number]}" in (refused.stdout + refused.stderr).replace(" ", "")


@pytest.mark.parametrize("number", TYPES)
def test_a_packet_as_large_as_the_mtu_passes_over_ipv6_too(seed: SeedCloud, number: int) -> None:
    first, part = seed.parts[number].vms[0], seed.parts[number]
    whole = ["-M", "do", "-s", str(MTU[number] - 48)]
    seed.eventually("it passes", lambda: seed.pings(first, part.address6, *whole))
    larger = ["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(MTU[number] - 47), part.address6]
    refused = seed.lab.exec(first.host, larger, netns=first.netns, check=False)
    assert refused.returncode != 0
    assert f"mtu:{MTU[number]}" in (refused.stdout + refused.stderr).replace(" ", "")


@pytest.mark.parametrize("number", TYPES)
def test_a_packet_as_large_as_a_flat_network_passes_to_its_router_whole(seed: SeedCloud, number: int) -> None:
    router = seed.lab.api().get("routers", seed.parts[number].router_id)
    for one in router["external_gateway_info"]["external_fixed_ips"]:
        size = 1500 - (48 if ":" in one["ip_address"] else 28)
        argv = ["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(size), one["ip_address"]]
        seed.eventually("it passes", lambda argv=argv: not seed.lab.exec("ext", argv, check=False).returncode)


@pytest.mark.parametrize("number", TYPES)
def test_a_packet_larger_than_the_networks_mtu_is_refused_by_the_router_with_the_right_icmp(
    seed: SeedCloud, number: int
) -> None:
    """From outside, where 1500 fit, to an instance; the VLAN network gets a smaller MTU for it."""
    part = seed.parts[number]
    mtu = 1400 if TYPES[number] == "vlan" else MTU[number]
    seed.lab.api().update("networks", part.network_id, mtu=mtu)
    ping = ["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s"]
    for address, head in ((part.floating_ip, 28), (part.address6, 48)):
        larger = [*ping, str(mtu - head + 1), address]
        limit = [*ping, str(mtu - head), address]
        seed.eventually(
            f"the router says which MTU it is to {address}",
            lambda argv=larger: f"mtu={mtu}" in seed.lab.exec("ext", argv, check=False).stdout.replace(" ", ""),
        )
        seed.eventually("what fits passes", lambda argv=limit: not seed.lab.exec("ext", argv, check=False).returncode)
    seed.lab.api().update("networks", part.network_id, mtu=MTU[number])
