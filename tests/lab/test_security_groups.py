"""Security groups over real paths: from outside through the floating IP, and between instances on two hosts."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from futago.lab import namespaces
from futago.lab.demo import walkthrough
from host import frames
from lab_kit.cloud import Cloud

WEB = 8080


@pytest.fixture
def web(healthy: Cloud) -> Iterator[Cloud]:
    """vm1 serves files on a port that no rule lets in."""
    argv = [sys.executable, "-m", "http.server", str(WEB), "--directory", "/run/lab"]
    server = healthy.lab.spawn(healthy.vm1.host, argv, netns=healthy.vm1.netns)
    try:
        healthy.eventually("vm1 serves", lambda: "open" in seen_by_vm2(healthy))
        yield healthy
    finally:
        namespaces.end(server)


def nmap(cloud: Cloud, host: str, address: str, netns: str = "") -> str:
    """What a port scanner says of the instance's ports, as `22 open, 8080 filtered`."""
    argv = ["nmap", "-n", "-Pn", "-sT", "-p", f"22,{WEB}", "--max-retries", "2", "-oG", "-", address]
    out = cloud.lab.exec(host, argv, netns=netns).stdout
    ports = out.partition("Ports: ")[2].partition("\t")[0].splitlines()[0].split(", ")
    return ", ".join(" ".join(port.split("/")[:2]) for port in ports)


def seen_outside(cloud: Cloud) -> str:
    return nmap(cloud, "ext", cloud.floating_ip)


def seen_by_vm2(cloud: Cloud) -> str:
    return nmap(cloud, cloud.vm2.host, cloud.vm1.address, cloud.vm2.netns).partition(", ")[2]


@contextmanager
def let_in(cloud: Cloud, **rule: object) -> Iterator[None]:
    api = cloud.lab.api()
    group = api.get("ports", cloud.vm1.port_id)["security_groups"][0]
    made = api.create("security-group-rules", security_group_id=group, direction="ingress", **rule)
    try:
        yield
    finally:
        api.delete("security-group-rules", made["id"])


def test_a_port_scanner_outside_finds_what_the_rules_let_in_and_nothing_else(web: Cloud) -> None:
    assert seen_outside(web) == f"22 open, {WEB} filtered"
    with let_in(web, protocol="tcp", port_range_min=WEB, port_range_max=WEB, remote_ip_prefix="10.0.80.0/24"):
        web.eventually("the rule lets it in", lambda: seen_outside(web) == f"22 open, {WEB} open")
    web.eventually("it is shut again", lambda: seen_outside(web) == f"22 open, {WEB} filtered")


def test_members_of_the_default_group_reach_each_other_on_two_hosts(web: Cloud) -> None:
    assert seen_by_vm2(web) == f"{WEB} open"
    api = web.lab.api()
    group = api.create("security-groups", name="elsewhere")
    before = api.get("ports", web.vm2.port_id)["security_groups"]
    api.update("ports", web.vm2.port_id, security_groups=[group["id"]])
    try:
        web.eventually("vm2 is no member any more", lambda: seen_by_vm2(web) == f"{WEB} filtered")
    finally:
        api.update("ports", web.vm2.port_id, security_groups=before)
        api.delete("security-groups", group["id"])
    web.eventually("vm2 is a member again", lambda: seen_by_vm2(web) == f"{WEB} open")


def test_an_address_group_lets_in_whom_it_names(web: Cloud) -> None:
    api = web.lab.api()
    office = api.create("address-groups", name="office")
    rule = {"protocol": "tcp", "port_range_min": WEB, "port_range_max": WEB, "remote_address_group_id": office["id"]}
    path = f"/v2.0/address-groups/{office['id']}"
    try:
        with let_in(web, **rule):
            api.call("PUT", f"{path}/add_addresses", json={"addresses": ["10.0.80.1/32"]})
            web.eventually("its address is let in", lambda: seen_outside(web) == f"22 open, {WEB} open")
            api.call("PUT", f"{path}/remove_addresses", json={"addresses": ["10.0.80.1/32"]})
            web.eventually("it is not any more", lambda: seen_outside(web) == f"22 open, {WEB} filtered")
    finally:
        api.delete("address-groups", office["id"])


def test_an_instance_that_says_to_be_the_gateway_deceives_nobody(healthy: Cloud) -> None:
    """vm1 goes on knowing the router, and goes out through it."""
    lab, vm1, vm2 = healthy.lab, healthy.vm1, healthy.vm2
    forged = [frames.arp(vm2.mac, walkthrough.GATEWAY, walkthrough.GATEWAY, reply=reply) for reply in (False, True)]
    forged.append(frames.arp(vm2.mac, walkthrough.GATEWAY, vm1.address, reply=True, to=vm1.mac))

    def known() -> str:
        out = lab.exec(vm1.host, ["ip", "neigh", "show", walkthrough.GATEWAY], netns=vm1.netns).stdout
        return out.partition("lladdr ")[2].split()[0]

    def goes_out() -> bool:
        argv = ["ping", "-n", "-c", "1", "-W", "2", "10.0.80.1"]
        return lab.exec(vm1.host, argv, netns=vm1.netns, check=False).returncode == 0

    assert goes_out()
    router = known()
    program = [sys.executable, frames.__file__, "send", "eth0"]
    lab.exec(vm2.host, [*program, *(frame.hex() for frame in forged)], netns=vm2.netns)
    assert goes_out()
    assert known() == router != vm2.mac
