"""The seed's cloud, from the seed's own configuration files: three external networks and three routers, one project
network of each type behind them, an instance of each on either compute node, all of them of both families.

    ext-net80 ── router80 ── net80 (vxlan)
    ext-net81 ── router81 ── net81 (gre)
    ext-net82 ── router82 ── net82 (vlan)
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from typer.testing import CliRunner

from futago.__main__ import app
from futago.lab.api import wait_for
from futago.lab.lab import Lab
from futago.lab.state import Instance
from futago.lab.topology import API_URL, Topology, hosts_of
from lab_kit import cloud

SEED_FILES: Final = Path(__file__).parents[1] / "seed_files"
TYPES: Final = {80: "vxlan", 81: "gre", 82: "vlan"}


@dataclass(frozen=True)
class Part:
    """What one router joins."""

    number: int
    router_id: str
    network_id: str
    vms: tuple[Instance, Instance]
    floating_ip: str
    address6: str
    """Of the second instance."""

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


def imported(directory: Path) -> Path:
    """What `futago config import` makes of the seed's files, with the hosts' own addresses in them."""
    for host in hosts_of(Topology.SEED):
        kind = SEED_FILES / host.kind.value
        if kind.is_dir():
            shutil.copytree(kind, directory / "etc" / host.name)
            agent = directory / "etc" / host.name / "openvswitch_agent.ini"
            if agent.exists():
                assert host.underlay_address
                own_ip = host.underlay_address.ip
                lines = agent.read_text().splitlines()
                own = [f"local_ip = {own_ip}" if "local_ip" in one else one for one in lines]
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
        for family, protocol in (("IPv4", "icmp"), ("IPv6", "ipv6-icmp")):
            rule = {"direction": "ingress", "ethertype": family, "protocol": protocol}
            api.create("security-group-rules", security_group_id=group["id"], **rule)


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
    api.create(
        "subnets",
        network_id=external["id"],
        ip_version=6,
        cidr=f"2001:db8:{number}::/64",
        gateway_ip=f"2001:db8:{number}::1",
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
    slaac = {"ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    cidr6 = f"2001:db8:1{number}::/64"
    subnet6 = api.create("subnets", network_id=network["id"], tenant_id=project, cidr=cidr6, **slaac)
    router = api.create("routers", name=f"router{number}")
    for one in (subnet, subnet6):
        api.add_interface(router["id"], one["id"])
    changed = api.update("routers", router["id"], external_gateway_info={"network_id": external["id"]})
    join_outside(lab, number, changed["external_gateway_info"]["external_fixed_ips"], cidr6)
    vms = (
        lab.instance(f"vm{number}a", "compute1", f"net{number}"),
        lab.instance(f"vm{number}b", "compute2", f"net{number}"),
    )
    floating = api.create("floatingips", floating_network_id=external["id"], port_id=vms[0].port_id)
    fixed_ips = api.get("ports", vms[1].port_id)["fixed_ips"]
    address6 = next(str(one["ip_address"]) for one in fixed_ips if ":" in one["ip_address"])
    return Part(number, router["id"], network["id"], vms, str(floating["floating_ip_address"]), address6)


def join_outside(lab: Lab, number: int, addresses: list[dict[str, str]], cidr: str) -> None:
    """The host outside speaks IPv6, too, and reaches the project's network by the router."""
    device = f"eth{number - 79}"
    router = next(one["ip_address"] for one in addresses if ":" in one["ip_address"])
    lines = [
        f"sysctl -qw net.ipv6.conf.{device}.disable_ipv6=0",
        f"ip addr add 2001:db8:{number}::1/64 dev {device} nodad",
        f"ip route add {cidr} via {router}",
    ]
    lab.exec("ext", ["sh", "-ec", "\n".join(lines)])
