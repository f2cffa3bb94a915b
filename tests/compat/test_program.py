"""`futago controller` as a program: it starts with nothing, stops at once, and says in one line what is wrong."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from compat_kit.controller import Controller, futago, wait_until

MEMORY_MIB = 110


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Controller]:
    """A controller of the test's own, not started."""
    made = Controller(tmp_path / "state")
    yield made
    made.close()


def test_its_first_start_says_where_the_credentials_are_and_what_to_try(fresh: Controller) -> None:
    fresh.start()
    assert f"export OS_CLIENT_CONFIG_FILE={fresh.state}/clouds.yaml" in fresh.log()
    assert "openstack --os-cloud futago network agent list" in fresh.log()
    fresh.stop()
    said = fresh.log().count("first start")
    fresh.start()
    assert fresh.log().count("first start") == said


def test_everything_that_it_keeps_is_readable_by_its_owner_only(fresh: Controller) -> None:
    fresh.start()
    assert {file.stat().st_mode & 0o077 for file in [fresh.state, *fresh.state.iterdir()]} == {0}


def test_it_stops_within_two_seconds_though_nodes_wait(fresh: Controller) -> None:
    """A long poll does not end by itself; the node asks again elsewhere."""
    fresh.start()
    join = {"Authorization": f"Bearer {fresh.join_token()}"}
    joined = httpx.post(f"{fresh.url}/nodes/n1/join", headers=join)
    waiting = threading.Event()

    def poll() -> None:
        own = {"Authorization": f"Bearer {joined.json()['credential']}"}
        waiting.set()
        with pytest.raises(httpx.TransportError):
            while True:
                httpx.get(f"{fresh.url}/nodes/n1/specs?since=999999&wait=60", headers=own, timeout=90)

    node = threading.Thread(target=poll)
    node.start()
    waiting.wait()
    wait_until(lambda: _connections(fresh.port), 10, "the node's poll has arrived")
    took = fresh.stop()
    node.join()
    assert took < 2
    assert "Traceback" not in fresh.log()


def test_it_is_small(fresh: Controller) -> None:
    fresh.start()
    for _ in range(5):
        fresh.token()
    assert fresh.pss_mib() < MEMORY_MIB


def test_a_token_is_good_after_a_restart(fresh: Controller) -> None:
    fresh.start()
    headers = {"X-Auth-Token": fresh.token()}
    fresh.stop()
    fresh.start()
    assert httpx.get(f"{fresh.url}/identity/v3/projects", headers=headers).status_code == 200


def test_a_project_that_was_acknowledged_is_there_after_a_kill(fresh: Controller) -> None:
    fresh.start()
    headers = {"X-Auth-Token": fresh.token()}
    body = {"project": {"name": "blue"}}
    assert httpx.post(f"{fresh.url}/identity/v3/projects", json=body, headers=headers).status_code == 201
    fresh.kill()
    fresh.start()
    found = httpx.get(f"{fresh.url}/identity/v3/projects?name=blue", headers=headers).json()
    assert [project["name"] for project in found["projects"]] == ["blue"]


def test_a_port_in_use_is_one_line_and_makes_no_state(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = futago("controller", "--listen", address, "--state", str(tmp_path / "state"))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"futago controller: cannot listen on {address}: Address already in use; choose another with --listen ADDR:PORT"
    ]
    assert not (tmp_path / "state").exists()


def test_a_state_directory_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    done = futago("controller", "--listen", "127.0.0.1:0", "--state", str(tmp_path / "state"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"cannot use the state directory {tmp_path}/state: File exists; choose another with --state DIR" in line


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--config", "/nonexistent.toml"), "/nonexistent.toml does not exist"),
        (("--listen", "nowhere"), "--listen nowhere: expected ADDR:PORT"),
        (("--listen", "127.0.0.1:99999"), "expected ADDR:PORT"),
        (("--profile", "fastest"), "--profile fastest: expected default or fast or seed"),
    ],
)
def test_bad_use_is_one_line_with_the_cure(options: tuple[str, ...], says: str) -> None:
    done = futago("controller", *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "says"), [("listen_prot = 1", "listen_prot"), ("listen_port = 'x'", "listen_port"), ("=", "line 1")]
)
def test_a_bad_file_is_one_line_that_names_the_file_and_the_key(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "controller.toml").write_text(text)
    done = futago("controller", "--config", str(tmp_path / "controller.toml"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"{tmp_path}/controller.toml" in line
    assert says in line


def test_settings_that_no_vrrp_version_can_carry_are_one_line_too(tmp_path: Path) -> None:
    (tmp_path / "controller.toml").write_text(f"ha_vrrp_advert_int_ms = 7\nstate_path = '{tmp_path}/state'\n")
    done = futago("controller", "--listen", "127.0.0.1:0", "--config", str(tmp_path / "controller.toml"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "ha_vrrp_advert_int_ms is 7" in line


def test_its_help_has_examples() -> None:
    done = futago("controller", "--help")
    assert done.returncode == 0
    assert "futago controller --listen 127.0.0.1:9696 --state ./state" in done.stdout


def test_keys_need_a_store_and_make_none(tmp_path: Path) -> None:
    done = futago("keys", "list", "--state", str(tmp_path))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"no controller has run with the state {tmp_path}" in line
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "futago.sqlite").write_text("this is no database, and longer than nothing" * 99)
    done = futago("keys", "rotate", "--state", str(tmp_path))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "cannot use the controller's store" in line


def test_the_key_of_a_running_controller_is_shown_and_replaced(fresh: Controller) -> None:
    fresh.start()
    state = ("--state", str(fresh.state))
    assert futago("keys", "list", *state).stdout.startswith("key 1 ")
    assert futago("keys", "rotate", *state).returncode == 0
    told = json.loads(futago("keys", "list", "--json", *state).stdout)
    assert [(key["key_id"], key["signs"]) for key in told["keys"]] == [(2, True)]
    assert "secret" not in json.dumps(told)


def _connections(port: int) -> int:
    """How many established connections the port has, by the kernel's table."""
    local = f":{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(1 for line in lines if line.split()[1].endswith(local) and line.split()[3] == "01")
