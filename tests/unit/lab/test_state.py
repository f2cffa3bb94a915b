"""Names of labs, who may build or remove one, and which lab is meant."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from futago.cli import lab as cli
from futago.config import Profile
from futago.lab import lab as labs
from futago.lab import state
from futago.lab.errors import LabError
from futago.lab.state import LabState, Process


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where labs are remembered during a test."""
    monkeypatch.setattr(state, "BASE", tmp_path / "labs")
    monkeypatch.setattr(state, "_MADE", tmp_path / "labs" / "made-directories")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path / "labs"


def remember(name: str, *, alive: bool) -> None:
    """A lab with one host, which is this process or one that has ended."""
    started = state.start_time(os.getpid()) if alive else 1
    assert started is not None
    hosts = {"net1": Process(pid=os.getpid(), started=started)}
    state.write(LabState(name=name, profile=Profile.SEED, hosts=hosts))


@pytest.mark.parametrize("name", ["../x", "/etc", "", ".", "a/b", "-a", "A", "a.lock", "a" * 32, "x\n"])
def test_a_name_that_leads_elsewhere_removes_nothing(base: Path, name: str) -> None:
    """`down` removes a directory as root."""
    precious = base.parent / "x"
    precious.mkdir()
    for refused in (labs.down, labs.up, labs.Lab, state.read):
        with pytest.raises(LabError, match="cannot name a lab: at most 31 of a-z, 0-9 and -"):
            refused(name)
    assert precious.is_dir()


@pytest.mark.parametrize("name", ["a", "0", "tests-bare", "a" * 31])
def test_a_plain_name_is_a_directory_among_the_labs(base: Path, name: str) -> None:
    assert state.directory(name) == base / name


def test_a_lab_is_claimed_by_one_program_at_a_time(base: Path) -> None:
    with state.claim("one"), state.claim("other"):
        with pytest.raises(LabError, match="another futago is building, using or removing the lab one"):
            labs.down("one")
        assert not labs.down("third")
    with state.claim("one"):
        pass
    assert not base.exists()


def test_the_claim_of_a_program_that_crashed_is_void(base: Path) -> None:
    code = f"import os; from futago.lab import state; state.BASE = type(state.BASE)({str(base)!r})\n"
    code += "with state.claim('one'): os._exit(1)"
    subprocess.run([sys.executable, "-c", code], check=False)
    assert (base / "one.lock").exists()
    with state.claim("one"):
        pass


def test_only_labs_with_a_living_host_are_up() -> None:
    remember("dead", alive=False)
    remember("alive", alive=True)
    assert state.names() == ("alive", "dead")
    assert state.up_names() == ("alive",)


def test_without_a_name_the_only_lab_that_is_up_is_meant() -> None:
    remember("dead", alive=False)
    remember("mine", alive=True)
    assert cli.the_lab("").name == "mine"


def test_without_a_name_several_labs_are_listed() -> None:
    remember("mine", alive=True)
    remember("yours", alive=True)
    with pytest.raises(LabError, match="several labs are up: mine, yours; say which with --name"):
        cli.the_lab("")
    assert cli.the_lab("yours").name == "yours"


def test_without_any_lab_the_cure_is_named() -> None:
    with pytest.raises(LabError, match=r"there is no lab default; `.* lab up --name default` builds one"):
        cli.the_lab("")
