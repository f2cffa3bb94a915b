"""Routers of both families: who reaches whom, and what a failover costs over IPv6, by real packets."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from futago.lab.demo import walkthrough
from futago.lab.traffic import Ping
from lab_kit.cloud import Cloud

EXT_V4, EXT_V6 = "10.0.80.1", "2001:db8:80::1"
OUTSIDE = ("10.0.80.60", "10.0.80.61", "2001:db8:80::60")
"""The addresses of the router's gateway."""
TWIN_OUTSIDE = ("10.0.80.70", "2001:db8:80::70")
MODES = {"slaac": "slaac", "leased": "dhcpv6-stateful"}
LEASE_SCRIPT = """#!/bin/sh
[ -z "$new_ip6_address" ] || ip -6 addr replace "$new_ip6_address/$new_ip6_prefixlen" dev "$interface" nodad
"""


@dataclass(frozen=True)
class DualStack:
    """One router with two networks, and a twin in another project with the same ranges in one network.

    Network `slaac` has 192.168.66.0/24 and 2001:db8:66::/64, `leased` has 192.168.67.0/24 and 2001:db8:67::/64. The
    twin's network has the ranges of `slaac`.
    """

    cloud: Cloud
    router_id: str
    twin_id: str
    ports: dict[str, dict[str, Any]]
    """By instance: its port."""

    def run(self, name: str, command: str, *, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """A shell command in an instance, or on the host outside."""
        lab = self.cloud.lab
        if name == "ext":
            return lab.exec("ext", ["sh", "-c", command], check=False, timeout=timeout)
        one = lab.instances[name]
        return lab.exec(one.host, ["sh", "-c", command], netns=one.netns, check=False, timeout=timeout)

    def pings(self, name: str, address: str) -> bool:
        return self.run(name, f"ping -n -c 2 -i 0.3 -W 1 {address}").returncode == 0

    def address(self, name: str, family: int) -> str:
        """An instance's address of this family."""
        found = [fixed_ip["ip_address"] for fixed_ip in self.ports[name]["fixed_ips"]]
        return str(next(one for one in found if (":" in one) == (family == 6)))

    def active(self) -> str:
        return self.cloud.lab.active_of(self.router_id)

    def holders(self, address: str) -> tuple[str, ...]:
        return self.cloud.lab.holders(self.router_id, address)


def make(cloud: Cloud, scripts: Path) -> DualStack:
    lab, api = cloud.lab, cloud.lab.api()
    api.create(
        "subnets",
        name="ext-v6",
        network_id=cloud.external_id,
        ip_version=6,
        cidr="2001:db8:80::/64",
        gateway_ip=EXT_V6,
        allocation_pools=[{"start": "2001:db8:80::1000", "end": "2001:db8:80::2000"}],
        enable_dhcp=False,
    )
    walkthrough.let_in(api, "ipv6-icmp", ethertype="IPv6")
    project = api.create_project("twins")
    router_id = router(api, cloud.external_id, OUTSIDE)
    twin_id = router(api, cloud.external_id, TWIN_OUTSIDE, tenant_id=project)
    for number, name in ((66, "slaac"), (67, "leased")):
        network(api, router_id, name, number, MODES[name])
    network(api, twin_id, "twin", 66, "slaac", tenant_id=project)
    outside = "sysctl -qw net.ipv6.conf.eth1.disable_ipv6=0; ip addr add 2001:db8:80::1/64 dev eth1 nodad; "
    outside += "".join(f"ip route add 2001:db8:{n}::/64 via {OUTSIDE[2]}; " for n in (66, 67))
    outside += f"ip route add 192.168.67.0/24 via {OUTSIDE[0]}"
    lab.exec("ext", ["sh", "-c", outside])
    for name, host, parent in (
        ("v6-a", "compute1", "slaac"),
        ("v6-b", "compute2", "slaac"),
        ("v6-c", "compute2", "leased"),
        ("v6-t", "compute1", "twin"),
    ):
        lab.instance(name, host, parent)
    ports = {name: api.get("ports", lab.instances[name].port_id) for name in ("v6-a", "v6-b", "v6-c", "v6-t")}
    made = DualStack(cloud=cloud, router_id=router_id, twin_id=twin_id, ports=ports)
    link_local = "ip -6 addr show dev eth0 scope link -tentative"
    cloud.eventually("v6-c may use its link-local address", lambda: "fe80::" in made.run("v6-c", link_local).stdout)
    script = scripts / "lease6"
    script.write_text(LEASE_SCRIPT)
    script.chmod(0o755)
    client = f"dhclient -6 -1 -v -sf {script} -lf {scripts}/leases6 -pf {scripts}/pid6 eth0"
    said = made.run("v6-c", f"timeout 60 {client} 2>&1; dhclient -6 -x -pf {scripts}/pid6", timeout=120)
    assert made.address("v6-c", 6) in made.run("v6-c", "ip -6 addr").stdout, said.stdout
    return made


def router(api: Any, external_id: str, outside: tuple[str, ...], **fields: object) -> str:
    made = api.create("routers", name="dual", **fields)
    info = {"network_id": external_id, "external_fixed_ips": [{"ip_address": address} for address in outside]}
    api.update("routers", made["id"], external_gateway_info=info)
    return str(made["id"])


def network(api: Any, router_id: str, name: str, number: int, mode: str, **fields: object) -> None:
    made = api.create("networks", name=name, **fields)
    v4 = {"ip_version": 4, "cidr": f"192.168.{number}.0/24"}
    v6 = {"ip_version": 6, "cidr": f"2001:db8:{number}::/64", "ipv6_ra_mode": mode, "ipv6_address_mode": mode}
    for subnet in (v4, v6):
        api.add_interface(router_id, api.create("subnets", network_id=made["id"], **subnet, **fields)["id"])


def take_away(cloud: Cloud, router_ids: tuple[str, ...]) -> None:
    lab, api = cloud.lab, cloud.lab.api()
    for name in [one for one in lab.instances if one.startswith("v6-")]:
        lab.end_instance(name)
    for router_id in router_ids:
        for port in api.list("ports", device_id=router_id, device_owner="network:ha_router_replicated_interface"):
            api.call("PUT", f"/v2.0/routers/{router_id}/remove_router_interface", json={"port_id": port["id"]})
        api.delete("routers", router_id)
    for name in ("slaac", "leased", "twin"):
        api.delete("networks", api.find("networks", name)["id"])
    outer = api.find("subnets", "ext-v6")["id"]
    for port in api.list("ports", network_id=cloud.external_id, device_owner="network:router_gateway"):
        # Every gateway there got an address of it when it was made.
        kept = [one for one in port["fixed_ips"] if one["subnet_id"] != outer]
        info = {"network_id": cloud.external_id, "external_fixed_ips": kept}
        api.update("routers", port["device_id"], external_gateway_info=info)
    api.delete("subnets", outer)
    lab.exec("ext", ["sh", "-c", "sysctl -qw net.ipv6.conf.eth1.disable_ipv6=1; ip route del 192.168.67.0/24"])


@pytest.fixture(scope="module")
def dual(whole_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DualStack]:
    whole_cloud.heal()
    made = make(whole_cloud, tmp_path_factory.mktemp("dhcpv6"))
    whole_cloud.eventually(
        "both families lead outside", lambda: made.pings("v6-a", EXT_V6) and made.pings("v6-a", EXT_V4)
    )
    yield made
    whole_cloud.heal()
    take_away(whole_cloud, (made.router_id, made.twin_id))


def test_an_instance_makes_the_address_that_the_api_shows(dual: DualStack) -> None:
    assert f"{dual.address('v6-a', 6)}/64" in dual.run("v6-a", "ip -6 addr show dev eth0").stdout
    default = dual.run("v6-a", "ip -6 route show default").stdout
    assert "via fe80::f816:3eff:" in default, "the router, by the address that its MAC makes"
    assert dual.run("v6-a", "rdisc6 -1 eth0").stdout.count("2001:db8:66::/64") == 1


def test_who_reaches_whom(dual: DualStack) -> None:
    """The same ranges in two projects are two worlds."""
    everywhere = ("v6-a", "v6-b", "v6-c")
    reached = {
        (source, target, family): dual.pings(source, dual.address(target, family))
        for source in everywhere
        for target in everywhere
        for family in (4, 6)
    }
    assert [pair for pair, answered in reached.items() if not answered] == []
    for outside in (EXT_V4, EXT_V6):
        assert [name for name in everywhere if not dual.pings(name, outside)] == []
    assert [address for address in ("192.168.66.1", "2001:db8:66::1", EXT_V4) if not dual.pings("v6-t", address)] == []
    others = [dual.address("v6-a", 6), dual.address("v6-c", 4), dual.address("v6-c", 6)]
    assert [address for address in others if dual.pings("v6-t", address)] == []


def test_the_outside_reaches_an_instance_over_ipv6_by_its_own_address(dual: DualStack) -> None:
    assert dual.pings("ext", dual.address("v6-a", 6))
    assert dual.pings("ext", dual.address("v6-c", 6))


def test_every_address_of_the_gateway_answers_outside(dual: DualStack) -> None:
    assert [address for address in OUTSIDE if not dual.pings("ext", address)] == []


def test_without_snat_instances_are_seen_outside_under_their_own_addresses(dual: DualStack) -> None:
    api = dual.cloud.lab.api()
    info = {"network_id": dual.cloud.external_id, "enable_snat": False}
    api.update("routers", dual.router_id, external_gateway_info=info)
    try:
        own = dual.address("v6-c", 4)
        dual.cloud.eventually("it is seen", lambda: seen_outside(dual, own))
    finally:
        api.update("routers", dual.router_id, external_gateway_info={**info, "enable_snat": True})
    dual.cloud.eventually("it is hidden again", lambda: seen_outside(dual, OUTSIDE[0]))


def seen_outside(dual: DualStack, source: str) -> bool:
    with subprocess_on(dual, f"timeout 5 tcpdump -l -c 1 -n -i eth1 'icmp and src host {source}'") as heard:
        dual.pings("v6-c", EXT_V4)
        return f"{source} > {EXT_V4}" in heard.communicate()[0]


def subprocess_on(dual: DualStack, command: str) -> "subprocess.Popen[str]":
    """A listener outside that listens already."""
    heard = dual.cloud.lab.spawn("ext", ["sh", "-c", command])
    assert heard.stdout is not None
    while "listening" not in heard.stdout.readline():
        pass
    return heard


def test_a_standby_has_no_ipv6_address_on_the_router_s_legs(dual: DualStack) -> None:
    (standby,) = set(dual.cloud.nodes) - {dual.active()}
    for router_id in (dual.router_id, dual.twin_id):
        (idle,) = set(dual.cloud.nodes) - {dual.cloud.lab.active_of(router_id)}
        shown = dual.cloud.lab.exec(idle, ["ip", "-6", "-o", "addr"], netns=f"qrouter-{router_id}").stdout
        assert shown == ""
    assert dual.holders("2001:db8:66::1") == (dual.active(),)
    assert standby not in dual.holders(OUTSIDE[2])


def test_both_families_survive_the_loss_of_the_active_node(dual: DualStack) -> None:
    active = dual.active()
    (standby,) = set(dual.cloud.nodes) - {active}
    inside = dual.address("v6-a", 6)
    with (
        Ping(dual.cloud.lab, "compute1", EXT_V6, netns=dual.cloud.lab.instances["v6-a"].netns) as out,
        Ping(dual.cloud.lab, "ext", inside) as back,
        Ping(dual.cloud.lab, "compute1", EXT_V4, netns=dual.cloud.lab.instances["v6-a"].netns) as plain,
    ):
        for ping in (out, back, plain):
            ping.wait_for_replies(50, seconds=30)
        dual.cloud.lab.power_off(active)
        dual.cloud.eventually("the other has the addresses", lambda: dual.holders("2001:db8:66::1") == (standby,))
        for ping in (out, back, plain):
            ping.wait_for_replies(50, seconds=30)
        gaps = {name: ping.longest_gap().seconds for name, ping in (("out", out), ("back", back), ("v4", plain))}
    print("longest gaps in seconds", gaps)
    assert max(gaps.values()) < 5, gaps
    assert "via fe80::f816:3eff:" in dual.run("v6-a", "ip -6 route show default").stdout
    dual.cloud.lab.power_on(active)
    dual.cloud.eventually("it has its replica again", lambda: len(dual.cloud.lab.agents_of(dual.router_id)) == 2)
    assert dual.holders("2001:db8:66::1") == (standby,)


def test_a_planned_move_is_hardly_noticed_by_either_family(dual: DualStack) -> None:
    dual.cloud.heal()
    former, netns = dual.active(), dual.cloud.lab.instances["v6-a"].netns
    with (
        Ping(dual.cloud.lab, "compute1", EXT_V6, netns=netns) as v6,
        Ping(dual.cloud.lab, "compute1", EXT_V4, netns=netns) as v4,
    ):
        for ping in (v6, v4):
            ping.wait_for_replies(50, seconds=30)
        dual.cloud.lab.exec(former, ["futago", "vrrp", "resign", dual.router_id])
        dual.cloud.eventually("it has moved", lambda: former not in dual.holders("2001:db8:66::1"))
        for ping in (v6, v4):
            ping.wait_for_replies(100, seconds=30)
        gaps = {"v6": v6.longest_gap().seconds, "v4": v4.longest_gap().seconds}
    print("longest gaps in seconds", gaps)
    assert max(gaps.values()) < 5, gaps


ASK = """
import http.client
asked = http.client.HTTPConnection("[fe80::a9fe:a9fe%eth0]", timeout=5)
asked.request("GET", "/latest/meta-data/hostname")
print(asked.getresponse().read().decode())
"""


def told(dual: DualStack, name: str) -> str:
    """The name that an instance is told over IPv6; "" if it is told nothing."""
    return dual.run(name, f"python3 -c '{ASK}'").stdout.partition(".")[0]


def test_over_ipv6_too_the_active_node_tells_instances_who_they_are(dual: DualStack) -> None:
    dual.cloud.heal()
    names = ("v6-a", "v6-b", "v6-c", "v6-t")
    dual.cloud.eventually("each is told its name", lambda: [told(dual, name) for name in names] == list(names))
    former = dual.active()
    dual.cloud.lab.exec(former, ["futago", "vrrp", "resign", dual.router_id])
    dual.cloud.eventually("it has moved", lambda: former not in dual.holders("2001:db8:66::1"))
    dual.cloud.eventually("the next one tells the same", lambda: told(dual, "v6-a") == "v6-a")
    assert former not in dual.holders("fe80::a9fe:a9fe")
