"""extra_dhcp_opts: what DHCP tells one port besides what its subnets say."""

from typing import Any

import pytest

from api_kit import Client

BOOT = {"opt_name": "bootfile-name", "opt_value": "pxelinux.0", "ip_version": 4}
TFTP = {"opt_name": "150", "opt_value": "192.0.2.9", "ip_version": 4}


@pytest.fixture
def port(member: Client) -> dict[str, Any]:
    network = member.network(name="blue")
    member.subnet(network, "10.1.0.0/24")
    return member.port(network, extra_dhcp_opts=[{"opt_name": "bootfile-name", "opt_value": "pxelinux.0"}])


def changed(client: Client, port: dict[str, Any], *options: dict[str, Any]) -> list[dict[str, Any]]:
    body = {"port": {"extra_dhcp_opts": list(options)}}
    shown: list[dict[str, Any]] = client.put(f"/v2.0/ports/{port['id']}", body)["port"]["extra_dhcp_opts"]
    return shown


def test_an_option_is_shown_with_its_ip_version(port: dict[str, Any]) -> None:
    assert port["extra_dhcp_opts"] == [BOOT]


def test_what_is_not_named_stays_and_null_takes_away(member: Client, port: dict[str, Any]) -> None:
    assert changed(member, port, TFTP) == [TFTP, BOOT]
    assert changed(member, port, {**BOOT, "opt_value": "other.0"}) == [TFTP, {**BOOT, "opt_value": "other.0"}]
    assert changed(member, port, {**BOOT, "opt_value": None}) == [TFTP]
    assert changed(member, port) == [TFTP]


def test_both_families_have_options_of_their_own(member: Client, port: dict[str, Any]) -> None:
    six = {"opt_name": "bootfile-name", "opt_value": "six.0", "ip_version": 6}
    assert changed(member, port, six) == [BOOT, six]


def test_a_router_may_be_left_out(member: Client, port: dict[str, Any]) -> None:
    none = {"opt_name": "router", "opt_value": "", "ip_version": 4}
    assert none in changed(member, port, none)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"opt_name": "bootfile-name"}, "No valid key specs matched for: {'opt_name': 'bootfile-name'}."),
        ({"opt_name": "bootfile-name", "opt_value": ""}, "No valid key specs matched for"),
        ({"opt_name": "", "opt_value": "x"}, "No valid key specs matched for"),
        ({"opt_name": "a,b", "opt_value": "x"}, "is not the name"),
        ({"opt_name": "255", "opt_value": "x"}, "not in range 1 through 254"),
        ({"opt_name": "150", "opt_value": "x\ndhcp-script=/bin/sh"}, "cannot be printed"),
        ({"opt_name": "client-id", "opt_value": "blue,192.0.2.1"}, "is not a client-id"),
        ({"opt_name": "150", "opt_value": "x", "ip_version": 5}, "No valid key specs matched for"),
        ({"opt_name": "150", "opt_value": "x", "colour": "red"}, "No valid key specs matched for"),
    ],
)
def test_what_no_server_could_tell_is_refused(
    member: Client, port: dict[str, Any], option: dict[str, Any], words: str
) -> None:
    body = {"port": {"extra_dhcp_opts": [option]}}
    member.refused("PUT", f"/v2.0/ports/{port['id']}", body, 400, "InvalidInput", words)


def test_an_option_that_is_there_twice_is_refused(member: Client, port: dict[str, Any]) -> None:
    path = f"/v2.0/ports/{port['id']}"
    body = {"port": {"extra_dhcp_opts": [BOOT, BOOT]}}
    member.refused("PUT", path, body, 400, "InvalidInput", "Duplicate items in the list")
    body = {"port": {"extra_dhcp_opts": [BOOT, {**BOOT, "opt_value": "other"}]}}
    member.refused("PUT", path, body, 400, "InvalidInput", "more than once")
