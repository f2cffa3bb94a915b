"""Marks outlive whoever wrote them, whatever became of it."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from futago.vrrp import auth
from futago.vrrp.marks import MarksFile, forget_others
from unit.vrrp.samples import PEER, PEER_IPV6

SENDER, OTHER_KEY, IPV6 = auth.sender(PEER, 1), auth.sender(PEER, 2), auth.sender(PEER_IPV6, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.marks"


def killed_after(body: Callable[[], None]) -> None:
    """Run it in a process that kills itself, as hard as it goes."""
    pid = os.fork()
    if pid == 0:
        try:
            body()
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_a_mark_is_there_for_the_next_process_though_its_writer_was_killed(path: Path) -> None:
    def write() -> None:
        marks = MarksFile(path).of("router80")
        marks[SENDER] = 5
        marks[SENDER] = 2**64 - 1
        marks[IPV6] = 6

    killed_after(write)
    marks = MarksFile(path).of("router80")
    assert (marks.get(SENDER), marks.get(IPV6)) == (2**64 - 1, 6)


def test_routers_senders_and_keys_have_marks_of_their_own(path: Path) -> None:
    file = MarksFile(path)
    file.of("router80")[SENDER] = 5
    assert file.of("router80").get(OTHER_KEY) is None
    assert file.of("router80").get(IPV6) is None
    assert file.of("router81").get(SENDER) is None


def test_more_marks_than_there_was_room_for_at_first(path: Path) -> None:
    def write() -> None:
        file = MarksFile(path)
        first = file.of("router0")
        for number in range(5000):
            file.of(f"router{number}")[SENDER] = number
        first[SENDER] = 7

    killed_after(write)
    file = MarksFile(path)
    assert [file.of(f"router{number}").get(SENDER) for number in range(5000)] == [7, *range(1, 5000)]


def test_another_process_reads_and_advances_what_is_there_and_makes_nothing(path: Path) -> None:
    """As the warden does while its worker is frozen."""
    ours = MarksFile(path).of("router80")
    ours[SENDER] = 5
    theirs = MarksFile(path, adds=False).of("router80")
    theirs[SENDER], theirs[IPV6] = 6, 7
    assert (theirs.get(SENDER), theirs.get(IPV6)) == (6, 7)
    assert (ours.get(SENDER), ours.get(IPV6)) == (6, None)


def test_who_may_make_nothing_finds_no_file(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        MarksFile(path, adds=False)
    assert not path.exists()


def test_the_marks_of_routers_that_have_gone_are_forgotten_and_the_others_kept(path: Path) -> None:
    file = MarksFile(path)
    for name in ("kept", "gone"):
        file.of(name)[SENDER] = 5
    forget_others(path, {"kept", "never seen"})
    file = MarksFile(path)
    assert (file.of("kept").get(SENDER), file.of("gone").get(SENDER)) == (5, None)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [b"{}", b"\xff" * 65536, b"x" * 40_001])
def test_a_file_that_is_not_ours_is_begun_anew(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    marks = MarksFile(path).of("router80")
    assert marks.get(SENDER) is None
    marks[SENDER] = 5
    assert MarksFile(path).of("router80").get(SENDER) == 5


def test_without_room_a_mark_is_kept_in_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = MarksFile(path)
    for number in range(1364):
        file.of(f"router{number}")[SENDER] = number

    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    last = file.of("one too many")
    last[SENDER] = 5
    last[SENDER] = 6
    assert last.get(SENDER) == 6
    assert file.of("router1363").get(SENDER) == 1363


def test_only_root_may_read_it(path: Path) -> None:
    MarksFile(path)
    assert path.stat().st_mode & 0o777 == 0o600
