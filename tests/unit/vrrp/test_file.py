"""The file of an engine without an agent: what need not be said, and what is told of a bad one."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from futago.cli.vrrpd import EXAMPLE
from futago.vrrp.config import AuthMode, Version
from futago.vrrp.file import BadFile, read, remarks

LEAST = """
[[routers]]
name = "api"
interface = "eth0"
source = "192.0.2.11"
vrid = 7
addresses = ["192.0.2.10/24"]
"""


def written(directory: Path, text: str, name: str = "vrrpd.toml") -> Path:
    file = directory / name
    file.write_text(text)
    return file


def with_keys(*lines: str) -> str:
    return LEAST + "\n".join(lines) + "\n"


def test_little_need_be_said(tmp_path: Path) -> None:
    (router,) = read(written(tmp_path, LEAST))
    assert (router.namespace, router.priority, router.advert_interval) == ("", 100, 1000)
    assert router.advertised == (ip_address("192.0.2.10"),)
    assert [a.interface for a in router.addresses] == ["eth0"]


def test_the_example_of_the_help_text_can_be_used(tmp_path: Path) -> None:
    (example,) = read(written(tmp_path, EXAMPLE))
    assert (example.name, example.priority) == ("api", 150)


def test_json_is_a_list_of_the_same(tmp_path: Path) -> None:
    text = '[{"name":"api","interface":"eth0","source":"192.0.2.11","vrid":7,"addresses":["192.0.2.10/24"]}]'
    assert read(written(tmp_path, text, "vrrpd.json")) == read(written(tmp_path, LEAST))


def test_over_ipv6_the_link_local_address_is_advertised_first(tmp_path: Path) -> None:
    text = LEAST.replace("192.0.2.11", "fe80::11").replace(
        '["192.0.2.10/24"]', '["2001:db8::1/64", "fe80::1/64", "192.0.2.10/24"]'
    )
    (router,) = read(written(tmp_path, text))
    assert router.advertised == (ip_address("fe80::1"), ip_address("2001:db8::1"))
    assert len(router.addresses) == 3


def test_the_only_key_is_the_one_to_send_with(tmp_path: Path) -> None:
    keys = 'keys = [{ key_id = 9, secret = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" }]'
    (router,) = read(written(tmp_path, with_keys('auth_mode = "enforce"', keys)))
    assert (router.send_key, router.auth_mode) == (9, AuthMode.ENFORCE)


def test_routes_are_on_the_interface_of_the_router_unless_they_say_another(tmp_path: Path) -> None:
    routes = (
        'routes = [{ destination = "0.0.0.0/0", next_hop = "192.0.2.1" },'
        ' { destination = "10.0.0.0/8", next_hop = "192.0.2.2", interface = "eth1" }]'
    )
    (router,) = read(written(tmp_path, with_keys(routes)))
    assert [route.interface for route in router.routes] == ["eth0", "eth1"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LEAST.replace("vrid", "vird"), 'router "api": there is no key `vird`; do you mean `vrid`?'),
        (LEAST.replace("vrid = 7", ""), 'router "api": `vrid` is missing: 1 to 255'),
        (LEAST.replace('name = "api"', ""), 'router 1: `name` is missing: what you call it: name = "api"'),
        (LEAST.replace("vrid = 7", "vrid = 300"), 'router "api": vrid 300 is not in 1..255'),
        (LEAST.replace("vrid = 7", 'vrid = "7"'), 'router "api": vrid: Expected `int`, got `str`; write 1 to 255'),
        (with_keys("priority = 256"), 'router "api": priority 256 is not in 1..255'),
        (
            with_keys("advert_interval = 1005"),
            "advert_interval 1005 ms is not a multiple of 10, as VRRPv3 needs; 1000 or 1010",
        ),
        (with_keys("advert_interval = 1500", "version = 2"), "not a multiple of 1000, as VRRPv2 needs; 1000 or 2000"),
        (with_keys("advert_interval = 50000"), "advert_interval 50000 ms is not in 10..40950 ms"),
        (with_keys('advert_interval = "1s"'), "write milliseconds, without a unit: 1000 is a second"),
        (with_keys('password = "secret"'), "password: VRRPv3 has no passwords; say version = 2, or use keys"),
        (
            with_keys('auth_mode = "on"'),
            "auth_mode: Invalid enum value 'on'; write off, receive-only, permissive, enforce",
        ),
        (with_keys('auth_mode = "enforce"'), "auth_mode: authentication is enforce without a key"),
        (
            with_keys('keys = [{ key_id = 1, secret = "YWJj" }]'),
            "keys: a key has 32 to 64 bytes; `openssl rand -base64 32`",
        ),
        (with_keys("keys = [{ id = 1 }]"), "keys: there is no key `id`; there are: key_id, secret"),
        (
            LEAST.replace("192.0.2.11", "192.0.2.299"),
            "source: '192.0.2.299' does not appear to be an IPv4 or IPv6 address",
        ),
        (
            LEAST.replace("192.0.2.11", "2001:db8::1").replace("192.0.2.10/24", "fe80::1/64"),
            "source: the source 2001:db8::1 is not link-local",
        ),
        (LEAST.replace("192.0.2.11", "fe80::11"), "advertised: all must be of the family of the source"),
        (LEAST.replace("192.0.2.10/24", "x"), "addresses[0].address: 'x' does not appear"),
        (LEAST + LEAST.replace("api", "web"), 'router "web": vrid: router api has the same virtual router id'),
        (LEAST + LEAST.replace("vrid = 7", "vrid = 8"), 'router "api": name: two routers have this name'),
        (LEAST.replace("[[routers]]", ""), "`vrid` stands outside of a router; begin each with [[routers]]"),
        (LEAST.replace("[[routers]]", "[routers]"), "no routers; begin each with [[routers]]"),
        ("routers = [1]", "router 1: not a table"),
        ("vrid 7", "not TOML: "),
    ],
)
def test_a_fault_is_told_with_the_file_the_router_the_key_and_the_cure(tmp_path: Path, text: str, says: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(BadFile) as bad:
        read(file)
    assert says in str(bad.value)
    assert all(fault.startswith(f"{file}: ") for fault in bad.value.faults)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"none.toml: there is no such file; `futago vrrpd --help` shows one"):
        read(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("priority = 255",), "priority 255 is for the owner of the addresses"),
        (("priority = 255", "accept = false"), "accept = false means nothing to an owner"),
        (("preempt_delay = 1000",), "preempt_delay means nothing without preempt = true"),
        (("version = 2", 'password = "x"'), "others can read the secrets in it; chmod 600"),
    ],
)
def test_what_is_allowed_and_odd_is_remarked(tmp_path: Path, lines: tuple[str, ...], says: str) -> None:
    file = written(tmp_path, with_keys(*lines))
    assert any(says in remark for remark in remarks(file, read(file)))


def test_nothing_is_remarked_of_an_ordinary_file(tmp_path: Path) -> None:
    file = written(tmp_path, with_keys("version = 2", 'password = "x"'))
    file.chmod(0o600)
    (router,) = read(file)
    assert router.version is Version.V2
    assert remarks(file, [router]) == []
