"""Instances read who they are by cloud-init's own clients: by a router, after its failover, and without any."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from futago.lab import instances
from futago.lab.api import wait_for
from futago.lab.demo import looks
from futago.lab.errors import LabError
from futago.lab.lab import Lab
from futago.lab.state import Instance
from lab_kit.cloud import Cloud

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / ".cloud-init" / "usr" / "lib" / "python3" / "dist-packages"
CLIENT = ROOT / "tests" / "lab_kit" / "cloud_init.py"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9 somebody@somewhere"
IPV6 = "http://[fe80::a9fe:a9fe%25eth0]"
USER_DATA = "#cloud-config\\npackages: [nginx]\\n"


def read(lab: Lab, instance: Instance, source: str, address: str = "http://169.254.169.254") -> dict[str, Any]:
    """What cloud-init's client of this data source reads in an instance."""
    assert PACKAGES.exists(), "cloud-init is missing; `./run test` gets it"
    argv = ["env", f"PYTHONPATH={PACKAGES}", "/usr/bin/python3", str(CLIENT), source, address]
    said = lab.exec(instance.host, argv, netns=instance.netns, timeout=60).stdout
    return dict(json.loads(said))


def set_metadata(lab: Lab, port: str, *options: str) -> None:
    """As an operator on the controller's host."""
    script = f"printf '{USER_DATA}' | python3 -m futago port set-metadata {port} --user-data - \"$@\""
    lab.exec("controller", ["sh", "-c", script, "set", *options])


def asked(lab: Lab, host: str, path: str, netns: str = "") -> str:
    """What somebody there reads; "" if there is no answer."""
    script = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=3).read().decode())"
    argv = ["python3", "-c", script, f"http://169.254.169.254/{path}"]
    return lab.exec(host, argv, netns=netns, check=False).stdout


def is_told(lab: Lab, instance: Instance, path: str, words: str) -> bool:
    return words in asked(lab, instance.host, path, instance.netns)


def told_to(cloud: Cloud, instance: Instance, path: str, words: str) -> None:
    cloud.eventually(f"{instance.name} is told {words}", lambda: is_told(cloud.lab, instance, path, words))


@pytest.fixture(scope="module")
def named(whole_cloud: Cloud) -> Cloud:
    """The cloud, with what an operator has said of vm1."""
    whole_cloud.heal()
    set_metadata(whole_cloud.lab, "vm1", "--name", "Web One", "--ssh-key", KEY, "--meta", "role=web")
    told_to(whole_cloud, whole_cloud.vm1, "openstack/latest/meta_data.json", "Web One")
    return whole_cloud


def check_openstack(found: dict[str, Any], instance: Instance) -> None:
    assert found["metadata"]["name"] == "Web One"
    assert found["metadata"]["public_keys"] == {"key0": KEY}
    assert found["userdata"].startswith("#cloud-config")
    assert found["ec2-metadata"]["local-ipv4"] == instance.address
    assert [one["mac_address"] for one in found["config"]["config"] if "mac_address" in one] == [instance.mac]


def test_cloud_init_reads_the_format_of_openstack_through_the_router(named: Cloud) -> None:
    check_openstack(read(named.lab, named.vm1, "openstack"), named.vm1)


def test_cloud_init_reads_the_format_of_ec2(named: Cloud) -> None:
    found = read(named.lab, named.vm1, "ec2")
    assert found["metadata"]["hostname"] == "web-one.openstacklocal"
    assert found["metadata"]["public-keys"] == {"key0": KEY}
    assert found["userdata"].startswith("#cloud-config")


def test_an_instance_is_told_nothing_of_its_neighbour(named: Cloud) -> None:
    found = read(named.lab, named.vm2, "openstack")
    assert found["metadata"]["name"] == "vm2"
    assert found["userdata"] == ""


def test_the_next_active_node_tells_the_same_without_a_controller(healthy: Cloud, named: Cloud) -> None:
    before, after = healthy.active(), healthy.standby()
    healthy.lab.stop("controller", "controller")
    healthy.lab.power_off(before)
    healthy.eventually("the other node is active", lambda: healthy.holders() == (after,))
    told_to(healthy, healthy.vm1, "openstack/latest/meta_data.json", "Web One")
    check_openstack(read(healthy.lab, healthy.vm1, "openstack"), healthy.vm1)
    healthy.lab.kill(after, "node")
    healthy.lab.kill(after, "metadata")
    healthy.lab.restart(after, "metadata")
    told_to(healthy, healthy.vm1, "latest/meta-data/local-ipv4", healthy.vm1.address)


def test_nobody_outside_is_answered_and_a_standby_holds_its_tongue(healthy: Cloud) -> None:
    way = ["ip", "route", "replace", "169.254.169.254/32", "via", healthy.outside]
    healthy.lab.exec("ext", way)
    assert asked(healthy.lab, "ext", "") == ""
    healthy.lab.exec("ext", ["ip", "route", "del", "169.254.169.254/32"])
    shown = healthy.lab.exec(healthy.standby(), ["ip", "-o", "-4", "addr"], netns=healthy.namespace).stdout
    assert [line.split()[1] for line in shown.splitlines() if "169.254.169.254/" in line] == ["lo"]


@contextlib.contextmanager
def isolated(lab: Lab) -> Iterator[tuple[str, Instance]]:
    """A network without a router, with an instance that has vm1's address."""
    address = lab.instances["vm1"].address
    network = lab.api().create("networks", name="alone")
    fields = {"ip_version": 4, "cidr": "192.168.80.0/24", "gateway_ip": None}
    lab.api().create("subnets", network_id=network["id"], **fields)
    lab.api().create("subnets", network_id=network["id"], ip_version=6, cidr="2001:db8:99::/64")
    held = [{"ip_address": address}, {"ip_address": "2001:db8:99::10"}]
    instance = instances.create(lab, "alone1", "compute1", "alone", fixed_ips=held)
    try:
        instances.start(lab, instance)
        yield network["id"], instance
    finally:
        instances.stop(lab, instance)
        with contextlib.suppress(LabError):
            lab.api().delete("ports", instance.port_id)
            lab.api().delete("networks", network["id"])


def test_an_isolated_network_has_metadata_too_and_leaves_nothing_behind(healthy: Cloud, named: Cloud) -> None:
    """Its instance has the address of another network's."""
    lab = healthy.lab
    with isolated(lab) as (network_id, instance):
        told_to(healthy, instance, "latest/meta-data/local-ipv4", instance.address)
        assert read(lab, instance, "openstack")["metadata"]["name"] == "alone1"
        assert read(lab, instance, "openstack", IPV6)["metadata"]["name"] == "alone1"
        check_openstack(read(lab, healthy.vm1, "openstack"), healthy.vm1)
        assert all(f"qdhcp-{network_id}" in looks.namespaces_of(lab, node) for node in healthy.nodes)
    for node in healthy.nodes:
        wait_for(
            f"the namespace is gone on {node}",
            lambda node=node: f"qdhcp-{network_id}" not in looks.namespaces_of(lab, node),
            seconds=30,
        )
    assert not [name for node in healthy.nodes for name in files(lab, node) if network_id in name]


def files(lab: Lab, node: str) -> list[str]:
    return lab.exec(node, ["find", "/run/futago/metadata"]).stdout.splitlines()
