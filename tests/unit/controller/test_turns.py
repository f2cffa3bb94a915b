"""Writers take turns and share commits; each one's failure is its own."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from database_kit import sqlite
from futago.controller.store.database import Conflict, Database, Interrupted, Transaction, Undecided
from futago.controller.store.rows import Network
from futago.controller.store.session import Session

SECONDS = 20


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Its batches stay open however slow the machine is."""
    monkeypatch.setattr("futago.controller.store.turns._LONGEST_SECONDS", 1000.0)
    return sqlite(tmp_path / "futago.db")


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each commit."""
    seen: list[int] = []
    original = Session.commit

    def commit(self: Session, revision: int | None) -> None:
        original(self, revision)
        seen.append(1)

    monkeypatch.setattr(Session, "commit", commit)
    return seen


def add(network_id: str) -> Callable[[Transaction], None]:
    def work(txn: Transaction) -> None:
        txn.add(Network(id=network_id, project_id="p", mtu=1450))

    return work


def at_once(database: Database, works: list[Callable[[Transaction], None]]) -> list[BaseException | None]:
    """The first begins, and ends when all others wait for their turn; what became of each."""
    ends: list[BaseException | None] = [None] * len(works)
    waited: list[bool] = []

    def wait_for_others(txn: Transaction) -> None:
        deadline = time.monotonic() + SECONDS
        while not waited and database._turns._waiting < len(works) - 1:
            assert time.monotonic() < deadline, "the others do not come"
            time.sleep(0.001)
        waited.append(True)
        works[0](txn)

    def write(place: int) -> None:
        try:
            database.transact(works[place] if place else wait_for_others)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            ends[place] = error

    threads = [threading.Thread(target=write, args=(place,)) for place in range(len(works))]
    threads[0].start()
    deadline = time.monotonic() + SECONDS
    while not database._turns._turn.locked():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


def ids(database: Database) -> list[str]:
    with database.read() as view:
        return sorted(row.id for row in view.find(Network))


def test_writers_who_wait_share_a_commit_and_have_numbers_of_their_own(database: Database, commits: list[int]) -> None:
    heard: list[int] = []
    database.on_write(heard.append)
    assert at_once(database, [add(name) for name in "abcd"]) == [None] * 4
    assert len(commits) == 1
    assert sorted(heard) == [1, 2, 3, 4]
    with database.read() as view:
        assert view.revision() == 4
        assert view.changed_keys(0) == {f"segment/{name}" for name in "abcd"}
    assert ids(database) == list("abcd")


def test_who_fails_undoes_nothing_of_the_others(database: Database, commits: list[int]) -> None:
    ends = at_once(database, [add("a"), add("a"), add("b"), add("b"), add("c")])
    assert sum(isinstance(end, Conflict) for end in ends) == 2
    assert ends.count(None) == 3
    assert len(commits) == 1
    assert ids(database) == ["a", "b", "c"]
    with database.read() as view:
        assert view.revision() == 3


def test_when_the_first_one_fails_the_others_begin_anew(database: Database) -> None:
    def fail(txn: Transaction) -> None:
        add("x")(txn)
        raise ValueError

    ends = at_once(database, [fail, add("a"), add("b")])
    assert isinstance(ends[0], ValueError)
    assert ends[1:] == [None, None]
    assert ids(database) == ["a", "b"]


def test_a_commit_of_which_nobody_can_tell_is_not_tried_again_for_anybody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have come about: a second one would make everything twice."""
    original, lost = Session.commit, [1]

    def commit(self: Session, revision: int | None) -> None:
        if lost:
            lost.pop()
            raise Interrupted("the server has gone away")
        original(self, revision)

    monkeypatch.setattr(Session, "commit", commit)
    assert [type(end) for end in at_once(database, [add(name) for name in "abc"])] == [Undecided] * 3
    assert ids(database) == []
    database.transact(add("d"))
    assert ids(database) == ["d"]


def test_what_is_lost_before_the_commit_is_lost_for_all_and_done_again(database: Database) -> None:
    lost = [1]

    def work(txn: Transaction) -> None:
        add("b")(txn)
        if lost:
            lost.pop()
            raise Interrupted("the server has gone away")

    assert at_once(database, [add("a"), work, add("c")]) == [None] * 3
    assert ids(database) == ["a", "b", "c"]


def test_a_database_that_gives_every_attempt_up_is_asked_a_few_times(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("futago.controller.store.database._PAUSE_SECONDS", 0.0)
    tries: list[int] = []

    def work(_txn: Transaction) -> None:
        tries.append(1)
        raise Interrupted("deadlock")

    with pytest.raises(Interrupted):
        database.transact(work)
    assert 1 < len(tries) < 20
    database.transact(add("a"))
    assert ids(database) == ["a"]
