"""The seed's cloud, from the seed's own configuration files: three external networks and three routers, one project
network of each type behind them, an instance of each on either compute node.

    ext-net80 ── router80 ── net80 (vxlan)
    ext-net81 ── router81 ── net81 (gre)
    ext-net82 ── router82 ── net82 (vlan)
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from futago.__main__ import app
from futago.config import Profile
from futago.lab import lab as labs
from futago.lab.api import wait_for
from futago.lab.lab import Lab
from futago.lab.state import Instance
from futago.lab.topology import API_URL, Topology, hosts_of
from lab_kit import cloud

NAME = "seed-files"
SEED_FILES = Path(__file__).parents[1] / "seed_files"
TYPES = {80: "vxlan", 81: "gre", 82: "vlan"}
MTU = {80: 1450, 81: 1458, 82: 1500}
ON_THE_WIRE = {
    80: ("eth0", "udp port 4789"),
    81: ("eth0", "ip proto 47"),
    82: ("eth4", "vlan 1000 and icmp"),
}
"""Where a frame of a network leaves compute1, and what it looks like there to tcpdump."""


@dataclass(frozen=True)
class Part:
    """What one router joins."""

    number: int
    router_id: str
    network_id: str
    vms: tuple[Instance, Instance]
    floating_ip: str

    @property
    def outside(self) -> str:
        """The host in the external network that is its gateway."""
        return f"10.0.{self.number}.1"


@dataclass(frozen=True)
class SeedCloud:
    lab: Lab
    parts: dict[int, Part]

    def pings(self, vm: Instance, address: str, *options: str) -> bool:
        argv = ["ping", "-n", "-c", "1", "-W", "2", *options, address]
        return self.lab.exec(vm.host, argv, netns=vm.netns, check=False).returncode == 0

    def eventually(self, what: str, look: Any, seconds: float = 90) -> None:
        wait_for(what, look, seconds=seconds, state=lambda: "\n" + cloud.describe(self.lab))


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeedCloud]:
    labs.down(NAME)
    try:
        lab = labs.up(NAME, Profile.SEED, shape=Topology.SEED, files=imported(tmp_path_factory.mktemp("neutron")))
        let_pings_in(lab)
        yield SeedCloud(lab, {number: make(lab, number) for number in TYPES})
    finally:
        labs.down(NAME)


def imported(directory: Path) -> Path:
    """What `futago config import` makes of the seed's files, with the hosts' own addresses in them."""
    for host in hosts_of(Topology.SEED):
        kind = SEED_FILES / host.kind.value
        if kind.is_dir():
            shutil.copytree(kind, directory / "etc" / host.name)
            agent = directory / "etc" / host.name / "openvswitch_agent.ini"
            if agent.exists():
                lines = agent.read_text().splitlines()
                own = [f"local_ip = {host.underlay_address.ip}" if "local_ip" in one else one for one in lines]
                agent.write_text("\n".join(own) + "\n")
    hosts = sorted(str(path) for path in (directory / "etc").iterdir())
    command = ["config", "import", *hosts, "--out", str(directory / "out"), "--controller-url", API_URL]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    return directory / "out"


def let_pings_in(lab: Lab) -> None:
    """A rule of the administrator's default security group, which the instances have."""
    api = lab.api()
    for group in api.list("security-groups", name="default", project_id=api.project_id("admin")):
        api.create("security-group-rules", security_group_id=group["id"], direction="ingress", protocol="icmp")


def make(lab: Lab, number: int) -> Part:
    """ext-netN, netN, routerN, two instances, a floating IP for the first."""
    api = lab.api()
    project = api.project_id("service")
    physical = {"provider:network_type": "flat", "provider:physical_network": f"external{number - 79}"}
    external = api.create("networks", **{"name": f"ext-net{number}", "router:external": True} | physical)
    pool = [{"start": f"10.0.{number}.101", "end": f"10.0.{number}.200"}]
    api.create(
        "subnets",
        name=f"ext-subnet{number}",
        network_id=external["id"],
        ip_version=4,
        cidr=f"10.0.{number}.0/24",
        gateway_ip=f"10.0.{number}.1",
        allocation_pools=pool,
        enable_dhcp=False,
    )
    network = api.create(
        "networks", **{"name": f"net{number}", "tenant_id": project, "provider:network_type": TYPES[number]}
    )
    subnet = api.create(
        "subnets",
        name=f"subnet{number}",
        network_id=network["id"],
        tenant_id=project,
        ip_version=4,
        cidr=f"192.168.{number}.0/24",
        gateway_ip=f"192.168.{number}.1",
    )
    router = api.create("routers", name=f"router{number}")
    api.add_interface(router["id"], subnet["id"])
    api.update("routers", router["id"], external_gateway_info={"network_id": external["id"]})
    vms = (
        lab.instance(f"vm{number}a", "compute1", f"net{number}"),
        lab.instance(f"vm{number}b", "compute2", f"net{number}"),
    )
    floating = api.create("floatingips", floating_network_id=external["id"], port_id=vms[0].port_id)
    return Part(number, router["id"], network["id"], vms, str(floating["floating_ip_address"]))


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
def test_a_packet_larger_than_the_networks_mtu_is_refused_by_the_router_with_the_right_icmp(
    seed: SeedCloud, number: int
) -> None:
    """From outside, where 1500 fit, to an instance; the VLAN network gets a smaller MTU for it."""
    part = seed.parts[number]
    mtu = 1400 if TYPES[number] == "vlan" else MTU[number]
    seed.lab.api().update("networks", part.network_id, mtu=mtu)
    ping = ["ping", "-n", "-c", "1", "-W", "2", "-M", "do"]
    larger = [*ping, "-s", str(mtu - 27), part.floating_ip]
    limit = [*ping, "-s", str(mtu - 28), part.floating_ip]
    seed.eventually(
        "the router says which MTU it is",
        lambda: f"mtu = {mtu}" in seed.lab.exec("ext", larger, check=False).stdout,
    )
    seed.eventually("what fits passes", lambda: not seed.lab.exec("ext", limit, check=False).returncode)
    seed.lab.api().update("networks", part.network_id, mtu=MTU[number])
