"""What stands at which path."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from futago.contract.specs import InstanceAddress
from futago.metadata.documents import document, ec2_id
from futago.values import IPv6Address, IPv6Interface, IPv6Mode
from unit.metadata.samples import KEYS, instance

SEED = b"\1\2\3"


def text(path: str) -> str:
    found = document(instance(), path, SEED)
    assert found is not None, path
    return found.decode()


def parsed(path: str, *, dhcp: bool = True) -> dict[str, Any]:
    return dict(json.loads(document(instance(dhcp=dhcp), path, SEED) or b"null"))


def test_the_versions_are_listed_as_clients_look_for_them() -> None:
    assert text("/").splitlines()[-2:] == ["2009-04-04", "latest"]
    assert text("/openstack").splitlines() == text("/openstack/").splitlines()
    assert {"2018-08-27", "latest"} <= set(text("/openstack").splitlines())


@pytest.mark.parametrize("version", ["latest", "2009-04-04", "1.0"])
def test_every_version_of_ec2_has_the_same(version: str) -> None:
    assert text(f"/{version}/") == "meta-data/\nuser-data"
    assert text(f"/{version}/meta-data/local-ipv4") == "192.168.80.10"
    assert text(f"/{version}/user-data") == "#cloud-config\n"


def test_a_listing_of_ec2_tells_files_from_directories() -> None:
    names = text("/latest/meta-data/").splitlines()
    assert {"hostname", "instance-id", "placement/", "public-keys/", "local-ipv4"} <= set(names)
    assert names == sorted(names)


def test_public_keys_are_found_by_their_numbers() -> None:
    assert text("/latest/meta-data/public-keys/") == "0=key0\n1=key1"
    assert text("/latest/meta-data/public-keys/1/") == "openssh-key"
    assert text("/latest/meta-data/public-keys/1/openssh-key") == KEYS[1]


def test_an_instance_has_an_id_as_ec2_has_them() -> None:
    assert text("/latest/meta-data/instance-id") == ec2_id(instance().instance_id)
    assert ec2_id("a") != ec2_id("b")


def test_the_metadata_of_openstack() -> None:
    found = parsed("/openstack/latest/meta_data.json")
    assert (found["uuid"], found["name"], found["hostname"]) == (
        instance().instance_id,
        "Web One",
        "web-one.openstacklocal",
    )
    assert found["public_keys"] == {"key0": KEYS[0], "key1": KEYS[1]}
    assert found["keys"][0] == {"name": "key0", "type": "ssh", "data": KEYS[0]}
    assert (found["meta"], found["project_id"], found["random_seed"]) == ({"role": "web"}, "p1", "AQID")


def test_user_and_vendor_data_of_openstack() -> None:
    assert text("/openstack/latest/user_data") == "#cloud-config\n"
    assert parsed("/openstack/2018-08-27/vendor_data.json") == {"cloud-init": "#cloud-config\n"}
    assert parsed("/openstack/latest/vendor_data2.json") == {}


def test_the_network_of_a_subnet_with_dhcp_is_left_to_it() -> None:
    found = parsed("/openstack/latest/network_data.json")
    assert found["links"][0]["ethernet_mac_address"] == "fa:16:3e:00:00:05"
    assert [network["type"] for network in found["networks"]] == ["ipv4_dhcp"]


def test_the_network_of_a_subnet_without_dhcp_is_told_whole() -> None:
    (network,) = parsed("/openstack/latest/network_data.json", dhcp=False)["networks"]
    assert (network["type"], network["ip_address"], network["netmask"]) == ("ipv4", "192.168.80.10", "255.255.255.0")
    assert network["routes"] == [
        {"network": "172.16.0.0", "netmask": "255.255.0.0", "gateway": "192.168.80.99"},
        {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.168.80.1"},
    ]


@pytest.mark.parametrize("mode", [None, *IPv6Mode])
def test_the_network_of_ipv6_is_told_by_its_mode(mode: IPv6Mode | None) -> None:
    """With a mode, routers and DHCPv6 tell the rest; without one, this does."""
    spec = instance()
    six = InstanceAddress(
        address=IPv6Interface("2001:db8:1::10/64"),
        dhcp=mode is not None,
        ipv6_mode=mode,
        gateway=IPv6Address("2001:db8:1::1"),
        dns_servers=(),
        routes=(),
    )
    found = document(replace(spec, addresses=(six, *spec.addresses)), "/openstack/latest/network_data.json", SEED)
    assert found is not None
    network = json.loads(found)["networks"][0]
    assert network["type"] == (f"ipv6_{mode.value}" if mode else "ipv6")
    assert ("routes" not in network) == (mode is not None)
    if mode is None:
        assert network["routes"] == [{"network": "::", "netmask": "::", "gateway": "2001:db8:1::1"}]


@pytest.mark.parametrize(
    "path",
    [
        "/latest/meta-data/nothing",
        "/latest/meta-data/hostname/below",
        "/latest/meta-data/public-keys/2/openssh-key",
        "/2099-01-01/meta-data/",
        "/openstack/2099-01-01/meta_data.json",
        "/openstack/latest/password",
        "/latest/../../etc/passwd",
        "/favicon.ico",
    ],
)
def test_there_is_nothing_else(path: str) -> None:
    assert document(instance(), path, SEED) is None


def test_what_was_not_given_is_not_there() -> None:
    bare = replace(instance(), ssh_keys=(), user_data=b"", vendor_data="")
    assert document(bare, "/latest/user-data", SEED) is None
    assert document(bare, "/openstack/latest/user_data", SEED) is None
    assert document(bare, "/latest/meta-data/public-keys/", SEED) is None
    assert document(bare, "/openstack/latest/vendor_data.json", SEED) == b"{}"
