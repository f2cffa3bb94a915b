"""Connections through a router go on when another node takes it over: real kernels, real NAT, real sockets."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from futago import netns
from futago.conntrack import ctnetlink
from futago.conntrack.kernel import _open_requests
from futago.contract.keys import SharedKey
from host.conntrackd_kit import (
    FLOATING_ADDRESS,
    FLOATING_CLIENT,
    KEY,
    ROUTER_ADDRESS,
    Talk,
    World,
    make_world,
    tcp,
    tcp_from_outside,
    tcp_to_forwarded_port,
    udp,
)
from host.vrrpd_kit import run, wait_for


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        made.start()
        yield made


def all_talks(world: World) -> list[Talk]:
    """TCP through SNAT, out of and into a floating IP, to a forwarded port, and UDP; the standby has all of them."""
    talks = [tcp(world), tcp(world, FLOATING_CLIENT), tcp_from_outside(world), udp(world), udp(world, FLOATING_CLIENT)]
    talks.append(tcp_to_forwarded_port(world))
    through_floating_ip = [False, True, True, False, True, False]
    outside = [FLOATING_ADDRESS if floating else ROUTER_ADDRESS for floating in through_floating_ip]
    assert [talk.seen_from for talk in talks] == outside
    world.wait_for_entries(world.standby, 6)
    return talks


def test_every_conversation_goes_on_after_a_power_cut_though_only_the_server_speaks(world: World) -> None:
    talks = all_talks(world)
    world.power_off_active()
    assert [talk.server_says(b"push") for talk in talks] == [b"push"] * 6
    assert [talk.client_says(b"back") for talk in talks] == [b"back"] * 6
    assert world.resets() == 0


def test_every_conversation_goes_on_after_a_planned_move_there_and_back(world: World) -> None:
    talks = all_talks(world)
    for text in (b"there", b"back"):
        world.move()
        assert [talk.server_says(text) for talk in talks] == [text] * 6
        assert [talk.client_says(text) for talk in talks] == [text] * 6
        world.pair.wait_for_one_active()
        world.wait_for_agreement()
    assert world.resets() == 0


def test_moves_in_quick_succession_wait_for_the_connections(world: World) -> None:
    """Nobody but `futago vrrp resign` sees to it that the other one has them."""
    talks = all_talks(world)
    for text in (b"1", b"2", b"3", b"4"):
        world.move()
        talks.append(tcp(world))
        assert [talk.server_says(text) for talk in talks] == [text] * len(talks)
    assert world.resets() == 0


def test_without_replication_a_server_that_speaks_first_is_not_heard_and_not_reset(world: World) -> None:
    """What the kernel does by itself, and why there is a replication; the client speaks, and all is well."""
    for one in world.replicators:
        one.kill()
    talk = tcp(world)
    world.pair.active().kill_everything()
    lost = next(host for host in world.pair.hosts if host.warden and host.warden.poll() is not None)
    lost.links("down")
    survivor = next(host for host in world.pair.hosts if host is not lost)
    wait_for("the other is active", survivor.active)
    talk.client.settimeout(2)
    with pytest.raises(TimeoutError):
        talk.server_says(b"push")
    assert talk.client_says(b"anybody?") == b"anybody?"
    talk.client.settimeout(20)
    assert talk.client.recv(100) == b"push", "sent again by the server"
    assert world.resets() == 0


def test_a_new_connection_after_the_takeover_does_not_get_the_port_of_an_old_one(world: World) -> None:
    """Two instances that use the same port towards the same server: to the server, one must have another."""
    old = tcp(world)
    server, port = old.server.getsockname(), old.client.getsockname()[1]
    world.wait_for_entries(world.standby, 1)
    world.power_off_active()
    run("ip", "-n", world.client, "address", "add", "192.168.80.11/24", "dev", "eth0")
    with netns.run_inside(world.server, lambda: socket.create_server(server)) as listener:
        made = netns.run_inside(
            world.client, lambda: socket.create_connection(server, timeout=20, source_address=("192.168.80.11", port))
        )
        accepted, (address, seen_port) = listener.accept()
    new = Talk(made, accepted, address)
    assert address == ROUTER_ADDRESS
    assert seen_port != port
    assert (new.server_says(b"new"), old.server_says(b"old")) == (b"new", b"old")


def test_what_ends_on_the_active_node_is_forgotten_on_the_standby(world: World) -> None:
    talk, other = tcp(world), tcp(world)
    world.wait_for_entries(world.standby, 2)
    talk.close()
    world.wait_for_entries(world.standby, 1)
    assert len(kernel_keys(world.standby.host.namespace)) == 1
    assert other.server_says(b"alive") == b"alive"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_restart_of_either_program_loses_nothing(world: World, number: signal.Signals) -> None:
    talks = all_talks(world)
    for one in world.replicators:
        one.kill(number)
        one.start()
    late = tcp(world)
    world.wait_for_entries(world.standby, 7)
    world.power_off_active()
    assert [talk.server_says(b"push") for talk in [*talks, late]] == [b"push"] * 7
    assert world.resets() == 0


def test_the_last_configuration_is_readable_by_root_alone(world: World) -> None:
    for one in world.replicators:
        for name in ("conntrackd.json", "conntrackd.sock"):
            assert (one.host.directory / name).stat().st_mode & 0o777 == 0o600


def test_a_second_program_does_not_disturb_the_first(world: World) -> None:
    active = world.active
    state = active.host.directory / "conntrackd.json"
    argv = [sys.executable, "-m", "futago", "conntrackd", "--socket", str(active.socket), "--state", str(state)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "another conntrackd runs here" in done.stderr
    assert active.router.active


def test_connections_that_somebody_flushed_from_a_standby_come_back_at_the_next_start(world: World) -> None:
    talks = all_talks(world)
    run("ip", "netns", "exec", world.standby.host.namespace, "conntrack", "-F")
    world.standby.kill()
    world.standby.start()
    world.wait_for_entries(world.standby, 6)
    wait_for("the kernel has them", lambda: len(kernel_keys(world.standby.host.namespace)) == 6)
    world.power_off_active()
    assert [talk.server_says(b"push") for talk in talks] == [b"push"] * 6


def test_garbage_and_strangers_are_counted_and_change_nothing(world: World) -> None:
    standby = world.standby
    address = (str(standby.address), standby.config.port)
    before = standby.status().refused
    for rubbish in (b"GET / HTTP/1.0\r\n\r\n", secrets.token_bytes(5000), bytes(600)):
        with socket.create_connection(address, timeout=20) as stranger:
            stranger.sendall(rubbish)
            read_to_the_end(stranger)
    wait_for("all are counted", lambda: standby.status().refused == before + 3)
    talk = tcp(world)
    world.wait_for_entries(standby, 1)
    assert talk.server_says(b"fine") == b"fine"


def test_a_twin_with_another_key_is_not_heard_until_it_has_the_right_one(world: World) -> None:
    active, standby = world.active, world.standby
    active.configure(replace(active.config, keys=(SharedKey(key_id=1, secret=b"x" * 32),), node=active.node))
    active.kill()
    active.start()
    talk = tcp(world)
    wait_for("it was refused", lambda: standby.status().refused > 0)
    assert standby.router.entries == 0
    active.configure()
    active.kill()
    active.start()
    world.wait_for_entries(standby, 1)
    talk.close()


def test_keys_are_rotated_without_a_gap(world: World) -> None:
    talk = tcp(world)
    second = SharedKey(key_id=2, secret=b"n" * 32)
    steps = [((KEY, second), 1), ((KEY, second), 2), ((second,), 2)]
    for keys, send_key in steps:
        for one in world.replicators:
            one.configure(replace(one.config, keys=keys, send_key=send_key))
    world.wait_for_entries(world.standby, 1)
    late = tcp(world)
    world.wait_for_entries(world.standby, 2)
    world.power_off_active()
    assert (talk.server_says(b"push"), late.server_says(b"push")) == (b"push", b"push")


def test_many_connections_are_there_at_once_and_all_in_the_kernel(world: World) -> None:
    talks = [tcp(world) for _ in range(600)]
    world.wait_for_entries(world.standby, 600)
    assert kernel_keys(world.standby.host.namespace) == kernel_keys(world.active.host.namespace)
    world.power_off_active()
    assert all(talk.server_says(b"%d" % i) == b"%d" % i for i, talk in enumerate(talks))
    assert world.resets() == 0


def test_the_command_shows_both_sides(world: World) -> None:
    talk = tcp(world)
    world.wait_for_entries(world.standby, 1)
    argv = [sys.executable, "-m", "futago", "conntrack", "status", "--socket", str(world.active.socket)]
    shown = json.loads(run(*argv, "--json"))
    assert shown["routers"][0]["entries"] == 1
    assert shown["peers"][0]["connected"]
    assert shown["peers"][0]["lag_ms"] is not None
    assert "127.0.0." in run(*argv)
    talk.close()


def kernel_keys(namespace: str) -> set[bytes]:
    """The connections of TCP and UDP that a kernel has."""
    with netns.run_inside(namespace, _open_requests) as asked:
        asked.send(ctnetlink.dump(1))
        found: set[bytes] = set()
        done = False
        while not done:
            answers = ctnetlink.read(asked.recv(1 << 16))
            found |= {event.entry.key for event in answers.events}
            done = answers.done
    return found


def read_to_the_end(stranger: socket.socket) -> None:
    try:
        while stranger.recv(4096):
            pass
    except ConnectionResetError:
        pass


def test_an_engine_that_restarts_is_waited_for_and_one_that_is_gone_is_not_believed(world: World) -> None:
    active, standby = world.active, world.standby
    talk = tcp(world)
    world.wait_for_entries(standby, 1)
    assert active.host.warden
    told = active.status().peers[0].snapshots
    worker = active.host.worker()
    os.kill(worker, signal.SIGKILL)
    wait_for("another engine works", lambda: active.host.working(worker))
    wait_for("conntrackd hears it again", lambda: active.status().error is None)
    assert (active.router.active, active.status().peers[0].snapshots) == (True, told)
    active.host.kill_everything()
    active.host.links("down")
    wait_for("its last word does not stand any more", lambda: not active.router.active)
    assert "is `futago vrrpd` running?" in str(active.status().error)
    assert talk.server_says(b"alive") == b"alive"
