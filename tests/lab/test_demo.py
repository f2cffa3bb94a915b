"""The demo as a newcomer runs it: it ends well, every line of its table holds, and nothing of it is left."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from futago.lab import lab as labs
from futago.lab import namespaces, state

NAME = "tests-demo"
"""Not the name that somebody's own `./run demo --keep` has."""


def left_behind() -> list[str]:
    processes = [f"process {process.pid} of {host}" for host, process in namespaces.find(NAME).items()]
    return processes + [str(path) for path in (state.directory(NAME),) if path.exists()]


def links_and_addresses() -> str:
    """The machine's own; other tests make and remove namespaces meanwhile, the demo never makes one here."""
    shown = (
        subprocess.run(["ip", "-o", what], capture_output=True, text=True, check=True).stdout
        for what in ("link", "addr")
    )
    return re.sub(r"valid_lft.*", "", "".join(shown))


@pytest.mark.parametrize("profile", ["default", "seed"])
def test_the_demo_ends_well_and_leaves_nothing_behind(profile: str) -> None:
    before = links_and_addresses()
    done = subprocess.run(
        [sys.executable, "-m", "futago", "demo", "--name", NAME, "--profile", profile],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✘" not in done.stdout
    assert len(re.findall("✔", done.stdout)) >= 18, done.stdout
    assert left_behind() == []
    assert links_and_addresses() == before


def test_an_interrupted_demo_takes_everything_away() -> None:
    """Ctrl-C in the middle of the building."""
    with subprocess.Popen(
        [sys.executable, "-m", "futago", "demo", "--name", NAME],
        stdout=subprocess.PIPE,
        text=True,
        stderr=subprocess.STDOUT,
    ) as demo:
        assert demo.stdout is not None
        seen = ""
        while "every agent is alive" not in seen:
            line = demo.stdout.readline()
            assert line, seen
            seen += line
        os.kill(demo.pid, signal.SIGINT)
        seen += demo.stdout.read()
    assert demo.returncode == 130, seen
    assert left_behind() == []


def test_a_demo_leaves_a_lab_alone_that_is_up_already() -> None:
    """Somebody may be at work in it."""
    lab = labs.up(NAME, futago=False)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "futago", "demo", "--name", NAME],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert f"a lab {NAME} is up: " in done.stderr
        assert f"lab down --name {NAME}` first" in done.stderr
        assert labs.is_up(NAME)
        assert lab.exec("net1", ["hostname"]).stdout == "net1\n"
    finally:
        labs.down(NAME)


def test_the_demo_names_the_cure_to_somebody_who_is_not_root(tmp_path: Path) -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run(
        [*nobody, "bash", "run", "demo"],
        check=False,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "needs root: sudo ./run demo" in done.stderr
