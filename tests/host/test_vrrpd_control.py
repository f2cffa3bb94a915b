"""The control socket of a real engine, and what it says when something is missing."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from futago.lines import RequestRefused
from futago.values import Millis, Role
from futago.vrrp.config import Version, VirtualAddress, VirtualRouterConfig
from futago.vrrp.control import RouterStatus, VrrpdClient, VrrpdGone
from host.vrrpd_kit import VIRTUAL, Host, Pair, make_pair, run, wait_for
from unit.vrrp.samples import FLOATING, INSIDE, OUTSIDE, authenticated


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with make_pair(tmp_path) as made:
        yield made


@pytest.fixture
def host(pair: Pair) -> Host:
    """One engine without a peer."""
    pair.a.start()
    return pair.a


def say(host: Host, data: bytes) -> bytes:
    """What the engine answers until it hangs up."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(host.socket))
        client.sendall(data)
        answer = b""
        while part := client.recv(4096):
            answer += part
        return answer


def futago(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "futago", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_only_root_may_use_the_socket(host: Host) -> None:
    assert stat.S_IMODE(host.socket.stat().st_mode) == 0o600


def test_garbage_is_answered_and_ends_that_connection_only(host: Host) -> None:
    host.configure()
    answer = json.loads(say(host, b"\xff\x00 not json\n"))
    assert answer["reply"] == "refused"
    assert host.statuses() != ()


def test_an_unknown_request_is_answered_with_the_reason(host: Host) -> None:
    assert b"not a request" in say(host, b'{"request":"dance"}\n')


def test_without_a_configuration_there_are_no_routers(host: Host) -> None:
    assert host.statuses() == ()


def test_watch_tells_the_present_and_then_every_change_at_once(pair: Pair) -> None:
    async def follow() -> list[RouterStatus]:
        async with VrrpdClient(pair.a.socket) as client:
            await client.configure([pair.a.config])
            seen: list[RouterStatus] = []
            async for status in client.watch():
                seen.append(status)
                if status.role is Role.ACTIVE:
                    return seen
            return seen

    pair.a.start()
    seen = asyncio.run(asyncio.wait_for(follow(), 20))
    assert [status.role for status in seen] == [Role.BACKUP, Role.ACTIVE]


def test_a_watcher_learns_that_the_engine_has_gone(host: Host) -> None:
    async def follow() -> None:
        async with VrrpdClient(host.socket) as client:
            await client.configure([host.config])
            async for _ in client.watch():
                os.kill(host.worker(), signal.SIGKILL)

    with pytest.raises(VrrpdGone):
        asyncio.run(asyncio.wait_for(follow(), 20))


def test_without_an_engine_the_client_says_so(tmp_path: Path) -> None:
    with pytest.raises(VrrpdGone, match="is `futago vrrpd` running"):
        asyncio.run(VrrpdClient(tmp_path / "none.sock").status())


def test_a_client_survives_the_restart_of_the_engine(host: Host) -> None:
    """The call during the crash fails; the next one finds the new engine by itself."""

    async def ask_twice() -> tuple[RouterStatus, ...]:
        async with VrrpdClient(host.socket) as client:
            await client.configure([host.config])
            os.kill(host.worker(), signal.SIGKILL)
            with pytest.raises(VrrpdGone):
                await client.status()
            return await client.status()

    assert [status.name for status in asyncio.run(ask_twice())] == ["router80"]


def test_resigning_moves_the_active_role_to_the_peer(pair: Pair) -> None:
    pair.start()
    active, standby = pair.active(), pair.standby()
    assert futago("vrrp", "resign", "router80", "--socket", str(active.socket)).returncode == 0
    wait_for("the peer is active", standby.active)
    pair.wait_for_one_active()
    assert active.addresses() == set()
    assert standby.addresses() == VIRTUAL


def test_all_that_resign_are_waited_for(pair: Pair) -> None:
    pair.start()
    active, standby = pair.active(), pair.standby()
    assert futago("vrrp", "resign", "--all", "--wait", "30", "--socket", str(active.socket)).returncode == 0
    assert active.addresses() == set()
    wait_for("the peer is active", standby.active)
    assert futago("vrrp", "resign", "--all", "--wait", "30", "--socket", str(active.socket)).returncode == 0


def test_a_backup_cannot_resign(pair: Pair) -> None:
    pair.start()
    refused = futago("vrrp", "resign", "router80", "--socket", str(pair.standby().socket))
    assert refused.returncode == 1
    assert (
        f"not active here, but a backup; the active one advertises from {pair.active().config.source}" in refused.stderr
    )


def test_a_name_may_be_cut_short_and_one_that_is_wrong_is_told_which_there_are(host: Host) -> None:
    host.configure()
    wait_for("it is active", host.active)
    refused = futago("vrrp", "resign", "router81", "--socket", str(host.socket))
    assert refused.stderr == "futago: there is no router 'router81' here; there are: router80\n"
    assert futago("vrrp", "resign", "rout", "--socket", str(host.socket)).returncode == 0
    assert host.status().cause == "resigned"


def test_release_withdraws_everything_and_forgets_it(host: Host) -> None:
    async def release() -> None:
        async with VrrpdClient(host.socket) as client:
            await client.release()

    host.configure()
    wait_for("it is active", host.active)
    asyncio.run(release())
    assert (host.statuses(), host.addresses()) == ((), set())


def test_a_router_that_is_no_longer_in_the_configuration_leaves_at_once(pair: Pair) -> None:
    async def configure_nothing() -> None:
        async with VrrpdClient(active.socket) as client:
            await client.configure([])

    pair.start()
    active, standby = pair.active(), pair.standby()
    asyncio.run(configure_nothing())
    assert active.addresses() == set()
    wait_for("the peer is active", standby.active)


def test_a_missing_namespace_is_reported_and_holds_up_nobody_else(host: Host) -> None:
    missing = msgspec.structs.replace(host.config, name="other", namespace="fvt-none", vrid=2)
    errors = host.configure(host.config, missing)
    assert list(errors) == ["other"]
    wait_for("the other router is active", host.active)
    assert host.status("other").role is Role.INITIALIZE


def test_a_router_joins_by_itself_when_its_interface_appears(host: Host) -> None:
    run("ip", "-n", host.namespace, "link", "set", "ha-1", "down")
    assert host.configure() == {"router80": "ha-1 is down"}
    run("ip", "-n", host.namespace, "link", "set", "ha-1", "up")
    wait_for("it is active", host.active)
    assert host.status().error is None


def test_a_router_whose_ha_interface_goes_down_lets_go_of_its_addresses(host: Host) -> None:
    host.configure()
    wait_for("it is active", host.active)
    run("ip", "-n", host.namespace, "link", "set", "ha-1", "down")
    wait_for("it has left", lambda: host.status().role is Role.INITIALIZE)
    assert host.addresses() == set()
    assert host.status().error == "ha-1 is down"


def test_a_router_whose_source_address_is_taken_away_leaves_to_its_peer_until_it_is_back(pair: Pair) -> None:
    pair.start()
    active, standby = pair.active(), pair.standby()
    run("ip", "-n", active.namespace, "address", "flush", "dev", "ha-1")
    wait_for("the peer is active", standby.active)
    wait_for("it has left", lambda: active.status().role is Role.INITIALIZE)
    assert active.addresses() == set()
    assert active.status().error == f"ha-1 does not have the address {active.config.source} (it has none)"
    run("ip", "-n", active.namespace, "address", "add", f"{active.config.source}/18", "dev", "ha-1")
    wait_for("it takes part again", lambda: active.status().role is Role.BACKUP)
    assert active.status().error is None


def test_an_address_on_a_missing_interface_is_reported_and_the_others_are_put(host: Host) -> None:
    absent = VirtualAddress(interface="qr-9", address=OUTSIDE.address)
    host.configure(msgspec.structs.replace(host.config, addresses=(absent, *host.config.addresses)))
    wait_for("it is active", host.active)
    assert host.addresses() == VIRTUAL
    assert "qr-9" in (host.status().error or "")


def test_a_bad_change_is_refused_and_the_router_goes_on_as_it_was(host: Host) -> None:
    host.configure()
    wait_for("it is active", host.active)
    errors = host.configure(msgspec.structs.replace(host.config, vrid=300))
    assert errors == {"router80": "vrid 300 is not in 1..255"}
    assert host.active()
    assert host.addresses() == VIRTUAL


def test_a_second_engine_on_the_same_socket_is_refused_at_once(host: Host) -> None:
    second = subprocess.run(host.command(), capture_output=True, text=True, check=False, timeout=30)
    assert second.returncode == 1
    assert "another `futago vrrpd` runs" in second.stderr
    assert host.answers()


def test_an_engine_with_an_unreadable_state_waits_to_be_configured(pair: Pair) -> None:
    pair.a.state.write_text("{ not ours")
    pair.a.start()
    assert pair.a.statuses() == ()
    assert pair.a.configure() == {}


def test_the_status_command_shows_what_the_engine_knows(host: Host) -> None:
    host.configure()
    wait_for("it is active", host.active)
    shown = json.loads(futago("vrrp", "status", "--json", "--socket", str(host.socket)).stdout)
    assert [(r["name"], r["role"], r["cause"]) for r in shown["routers"]] == [
        ("router80", "active", "nobody was active")
    ]
    table = futago("vrrp", "status", "--socket", str(host.socket)).stdout
    assert [line.split()[:2] for line in table.splitlines()] == [["router", "role"], ["router80", "active"]]
    detail = futago("vrrp", "status", "router80", "--socket", str(host.socket)).stdout
    assert all(counter in detail for counter in shown["routers"][0]["statistics"])
    assert f"source             {host.config.source}" in detail
    backups = futago("vrrp", "status", "--role", "backup", "--json", "--socket", str(host.socket)).stdout
    assert json.loads(backups)["routers"] == []


def test_the_engine_describes_a_router_without_its_secrets(host: Host) -> None:
    async def ask() -> VirtualRouterConfig:
        async with VrrpdClient(host.socket) as client:
            return await client.describe("router80")

    host.configure(authenticated(host.config))
    described = asyncio.run(ask())
    assert [(key.key_id, key.secret) for key in described.keys] == [(1, b"")]
    assert described.vrid == host.config.vrid


def test_every_verb_speaks_json(pair: Pair) -> None:
    pair.start()
    active, standby = pair.active(), pair.standby()
    refused = futago("vrrp", "resign", "router80", "--json", "--socket", str(standby.socket))
    assert (refused.returncode, json.loads(refused.stdout)["reply"]) == (1, "refused")
    watching = [sys.executable, "-m", "futago", "vrrp", "watch", "--json", "--socket", str(active.socket)]
    with subprocess.Popen(watching, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout
        assert json.loads(watcher.stdout.readline())["router"]["role"] == "active"
        resigned = futago("vrrp", "resign", "router80", "--json", "--socket", str(active.socket))
        assert json.loads(resigned.stdout) == {"reply": "done", "errors": {}}
        assert json.loads(watcher.stdout.readline())["router"]["role"] == "backup"
        watcher.terminate()
    shown = json.loads(futago("vrrp", "status", "--json", "--socket", str(active.socket)).stdout)
    assert shown["routers"][0]["statistics"]["priority-zero-pkts-sent"] == 1


def test_half_a_message_is_not_carried_out(host: Host) -> None:
    host.configure()
    whole = b'{"request":"release"}'
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(host.socket))
        client.sendall(whole)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(4096) == b""
    assert [status.name for status in host.statuses()] == ["router80"]


def test_a_thousand_clients_that_say_half_a_message_hold_up_nobody(host: Host) -> None:
    host.configure()
    wait_for("it is active", host.active)
    with ExitStack() as stack:
        for _ in range(1000):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(host.socket))
            client.sendall(b'{"request":')
        sent = host.status().adverts_sent
        wait_for("it goes on advertising", lambda: host.status().adverts_sent > sent + 3)
    assert host.active()
    assert host.status().transitions == 2


def test_an_active_router_without_accept_mode_answers_arp_and_nothing_else(pair: Pair) -> None:
    """RFC 9568, 6.4.3."""
    pair.a.start()
    asker = pair.b.namespace
    run("ip", "-n", asker, "address", "add", "192.168.80.9/24", "dev", "qr-1")
    inside = str(INSIDE.address.ip)
    pair.a.configure(msgspec.structs.replace(pair.a.config, accept=False))
    wait_for("it is active", pair.a.active)
    assert not reaches(asker, inside)
    assert "lladdr" in run("ip", "-n", asker, "neigh", "show", inside)
    pair.a.configure()
    assert reaches(asker, inside)


def test_dropped_packets_are_logged_once_a_minute(pair: Pair) -> None:
    """RFC 9568, 7.1."""
    pair.a.start()
    pair.a.configure()
    wait_for("it is active", pair.a.active)
    pair.b.start()
    pair.b.configure(msgspec.structs.replace(pair.b.config, version=Version.V2, advert_interval=Millis(1000)))
    wait_for("several are dropped", lambda: pair.a.status().dropped.get("version", 0) >= 2, 30)
    log = (pair.a.directory / "log").read_text()
    assert log.count("odd vrrp packets") == 1


def reaches(namespace: str, address: str) -> bool:
    command = ["ip", "netns", "exec", namespace, "ping", "-c", "1", "-W", "1", address]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_refused_request_raises_in_the_client(host: Host) -> None:
    async def resign() -> None:
        async with VrrpdClient(host.socket) as client:
            await client.resign("nobody")

    with pytest.raises(RequestRefused, match="there is no router 'nobody'; there are: none"):
        asyncio.run(resign())


def changed(host: Host, put: tuple[VirtualRouterConfig, ...], remove: tuple[str, ...], total: int) -> dict[str, str]:
    async def ask() -> dict[str, str]:
        async with VrrpdClient(host.socket) as client:
            return await client.change(put, remove, total)

    return asyncio.run(ask())


def test_a_change_touches_what_it_names_and_nothing_else(host: Host) -> None:
    host.configure()
    wait_for("it is active", host.active)
    other = msgspec.structs.replace(host.config, name="other", vrid=2, addresses=(FLOATING,), routes=())
    bad = msgspec.structs.replace(host.config, name="bad")
    assert list(changed(host, (other, bad), (), 3)) == ["bad"]
    wait_for("the other is active", lambda: host.active("other"))
    assert host.addresses() == {*VIRTUAL, str(FLOATING.address)}
    assert changed(host, (), ("other", "bad"), 1) == {}
    assert [status.name for status in host.statuses()] == ["router80"]
    assert host.addresses() == VIRTUAL
    assert host.status().transitions == 2


def test_a_change_of_what_the_engine_has_not_got_is_refused_and_does_nothing(host: Host) -> None:
    host.configure()
    wait_for("it is active", host.active)
    with pytest.raises(RequestRefused, match="not got"):
        changed(host, (), ("router80",), 5)
    assert host.active()


def test_what_was_changed_is_there_after_a_kill(host: Host) -> None:
    host.configure()
    other = msgspec.structs.replace(host.config, name="other", vrid=2, addresses=(FLOATING,), routes=())
    changed(host, (other,), (), 2)
    former = host.worker()
    os.kill(former, signal.SIGKILL)
    wait_for("another engine answers", lambda: host.working(former))
    assert [status.name for status in host.statuses()] == ["other", "router80"]


def test_two_routers_of_one_namespace_go_on_after_a_kill(host: Host) -> None:
    """None of them takes the other's addresses for those of a former engine."""
    other = msgspec.structs.replace(host.config, name="other", vrid=2, addresses=(FLOATING,), routes=())
    host.configure(host.config, other)
    wait_for("both are active", lambda: host.active() and host.active("other"))
    former = host.worker()
    os.kill(former, signal.SIGKILL)
    wait_for("another engine answers", lambda: host.working(former))
    assert {status.name: status.cause for status in host.statuses()} == {"other": "adopted", "router80": "adopted"}
    assert host.addresses() == {*VIRTUAL, str(FLOATING.address)}
