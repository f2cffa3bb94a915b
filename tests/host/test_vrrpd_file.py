"""Real engines without an agent: their routers stand in a file, which is read again while they run."""

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from futago.values import Role
from futago.vrrp.config import AuthMode, VirtualRouterConfig
from host.vrrpd_kit import VIRTUAL, Host, Pair, make_pair, run, wait_for

FIRST_KEY, SECOND_KEY = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Both engines run with a file each."""
    with make_pair(tmp_path) as made:
        for host in made.hosts:
            write(host)
            host.extra = ("--config", str(file_of(host)))
            host.start()
        made.wait_for_one_active()
        yield made


def file_of(host: Host) -> Path:
    return host.directory / "vrrpd.toml"


def write(host: Host, *lines: str) -> None:
    """The host's router, with further keys."""
    config: VirtualRouterConfig = host.config
    addresses = ", ".join(
        f'{{ interface = "{a.interface}", address = "{a.address}" }}' for a in sorted(config.addresses)
    )
    usual = (
        "[[routers]]",
        f'name = "{config.name}"',
        f'namespace = "{config.namespace}"',
        f'interface = "{config.interface}"',
        f'source = "{config.source}"',
        f"vrid = {config.vrid}",
        f"advert_interval = {config.advert_interval}",
        'advertised = ["169.254.0.1"]',
        f"addresses = [{addresses}]",
    )
    file_of(host).write_text("\n".join((*usual, *lines)) + "\n")


def futago(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "futago", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def reload(host: Host) -> subprocess.CompletedProcess[str]:
    return futago("vrrp", "reload", "--socket", str(host.socket))


def log_of(host: Host) -> str:
    return (host.directory / "log").read_text()


def shown(host: Host) -> str:
    return futago("vrrp", "status", host.config.name, "--socket", str(host.socket)).stdout


def transitions(pair: Pair) -> list[int]:
    return [host.status().transitions for host in pair.hosts]


def test_an_engine_runs_the_routers_of_its_file(pair: Pair) -> None:
    assert pair.active().addresses() == VIRTUAL
    assert "interval" in shown(pair.standby())


def test_a_json_file_does_too(tmp_path: Path) -> None:
    with make_pair(tmp_path) as made:
        file = made.a.directory / "routers.json"
        addresses = ", ".join(
            f'{{"interface": "{a.interface}", "address": "{a.address}"}}' for a in made.a.config.addresses
        )
        file.write_text(
            f'[{{"name": "router80", "namespace": "{made.a.namespace}", "interface": "ha-1", "vrid": 1,'
            f' "source": "{made.a.config.source}", "addresses": [{addresses}]}}]'
        )
        made.a.extra = ("--config", str(file))
        made.a.start()
        wait_for("it is active", made.a.active)
        assert made.a.addresses() == VIRTUAL


@pytest.mark.parametrize("by_signal", [True, False], ids=["SIGHUP", "futago vrrp reload"])
def test_the_file_is_read_again_and_no_role_changes(pair: Pair, *, by_signal: bool) -> None:
    before = transitions(pair)
    for host in pair.hosts:
        write(host, "priority = 77")
        if by_signal:
            assert host.warden
            os.kill(host.warden.pid, signal.SIGHUP)
        else:
            assert reload(host).returncode == 0
        wait_for("it has the new priority", lambda host=host: "priority           77" in shown(host))
    heard = pair.standby().status().adverts_received
    wait_for("adverts go on", lambda: pair.standby().status().adverts_received > heard + 3)
    assert transitions(pair) == before


@pytest.mark.parametrize("by_signal", [True, False], ids=["SIGHUP", "futago vrrp reload"])
def test_a_bad_file_is_refused_and_everything_goes_on(pair: Pair, *, by_signal: bool) -> None:
    active, before = pair.active(), transitions(pair)
    write(active, "prioritty = 77")
    said = f'{file_of(active)}: router "router80": there is no key `prioritty`; do you mean `priority`?'
    if by_signal:
        assert active.warden
        os.kill(active.warden.pid, signal.SIGHUP)
        wait_for("it says why", lambda: "do you mean `priority`" in log_of(active))
    else:
        refused = reload(active)
        assert (refused.returncode, refused.stderr) == (1, f"futago: {said}\n")
    assert active.addresses() == VIRTUAL
    assert transitions(pair) == before
    assert "priority           100" in shown(active)


def test_a_router_that_leaves_the_file_leaves_the_host(pair: Pair) -> None:
    active, standby = pair.active(), pair.standby()
    file_of(active).write_text("routers = []\n")
    assert reload(active).returncode == 0
    assert (active.statuses(), active.addresses()) == ((), set())
    wait_for("the peer is active", standby.active)


def test_what_does_not_work_on_this_host_is_told_after_the_reload(pair: Pair) -> None:
    standby = pair.standby()
    run("ip", "-n", standby.namespace, "link", "set", "ha-1", "down")
    write(standby, "priority = 77")
    told = reload(standby)
    assert told.returncode == 1
    assert "router 'router80' does not work at present: ha-1 is down" in told.stderr


def test_a_crash_after_a_bad_edit_goes_on_with_what_was_read_last(pair: Pair) -> None:
    active = pair.active()
    file_of(active).write_text("nonsense")
    worker = active.worker()
    os.kill(worker, signal.SIGKILL)
    wait_for("another worker answers", lambda: active.working(worker))
    assert active.status().role is Role.ACTIVE


def test_an_engine_with_an_agent_has_no_file_to_read(tmp_path: Path) -> None:
    with make_pair(tmp_path) as made:
        made.a.start()
        refused = reload(made.a)
        assert refused.returncode == 1
        assert "--config: not given; the agent of this host says which routers there are" in refused.stderr


def test_authentication_is_brought_in_and_its_key_changed_without_a_gap(pair: Pair) -> None:
    """The steps of docs/vrrpd.md, one host after the other; the roles and the addresses stay where they are."""
    active, standby = pair.active(), pair.standby()
    before = transitions(pair)
    first = f'{{ key_id = 1, secret = "{FIRST_KEY}" }}'
    second = f'{{ key_id = 2, secret = "{SECOND_KEY}" }}'
    steps = [
        *((f'auth_mode = "{mode}"', f"keys = [{first}]", "send_key = 1") for mode in list(AuthMode)[1:]),
        ('auth_mode = "enforce"', f"keys = [{first}, {second}]", "send_key = 1"),
        ('auth_mode = "enforce"', f"keys = [{first}, {second}]", "send_key = 2"),
        ('auth_mode = "enforce"', f"keys = [{second}]", "send_key = 2"),
    ]
    for step in steps:
        for host in (standby, active):
            write(host, *step)
            assert reload(host).returncode == 0
            heard = standby.status().adverts_received
            wait_for("adverts are heard", lambda heard=heard: standby.status().adverts_received > heard + 2)
    assert transitions(pair) == before
    assert (active.addresses(), standby.addresses()) == (VIRTUAL, set())
    assert standby.status().dropped == {}
    assert "enforce, keys 2, sends with 2" in shown(active)


def test_a_check_says_what_this_host_lacks_and_starts_nothing(pair: Pair) -> None:
    host = pair.standby()
    fine = futago("vrrpd", "--check", "--config", str(file_of(host)))
    assert (fine.returncode, fine.stdout) == (0, f"{file_of(host)}: 1 router, no fault\n")
    text = file_of(host).read_text()
    for right, wrong, says in (
        (f'source = "{host.config.source}"', 'source = "169.254.192.9"', f"(it has {host.config.source}"),
        ('interface = "ha-1"', 'interface = "ha-9"', "there is no interface ha-9"),
        ('interface = "qr-1"', 'interface = "qr-9"', "there is no interface qr-9"),
        (f'namespace = "{host.namespace}"', 'namespace = "fvt-none"', "there is no network namespace fvt-none"),
    ):
        file_of(host).write_text(text.replace(right, wrong))
        checked = futago("vrrpd", "--check", "--config", str(file_of(host)))
        assert checked.returncode == 1
        assert says in checked.stderr
    assert host.answers()


def test_a_bad_file_stops_the_start_with_every_fault(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('[[routers]]\nname = "api"\nvird = 7\n')
    refused = futago("vrrpd", "--config", str(file), "--state", str(tmp_path / "s"), "--socket", str(tmp_path / "t"))
    assert refused.returncode == 2
    assert [line.split(": ")[3].split(" ")[0] for line in refused.stderr.splitlines()] == [
        "there",
        "`interface`",
        "`source`",
        "`vrid`",
        "`addresses`",
    ]
