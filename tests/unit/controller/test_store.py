"""One write is one transaction is one revision."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from database_kit import sqlite
from futago.controller.store.database import FILLED, Conflict, Database
from futago.controller.store.rows import Network, Segment
from futago.controller.store.session import Session
from futago.values import NetworkType

WRITER = """
import sys
from futago.controller.store.database import Database
from futago.controller.store.rows import Network, Segment
database = Database(sys.argv[1])
for number in range(100000):
    with database.write() as txn:
        txn.add(Network(id=str(number), project_id="p", mtu=1450))
        txn.add(Segment(id=str(number), project_id="p", network_type="vxlan", physical_network="",
                segmentation_id=number, network_id=str(number)))
    print(number, flush=True)
"""


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return sqlite(tmp_path / "futago.db")


def network(network_id: str) -> Network:
    return Network(id=network_id, project_id="p", mtu=1450)


def test_a_write_takes_one_revision_and_notes_what_it_touched(database: Database) -> None:
    heard: list[int] = []
    database.on_write(heard.append)
    with database.write() as txn:
        txn.add(network("a"))
        txn.add(network("b"))
    with database.read() as view:
        assert view.revision() == 1
        assert view.changed_keys(0) == {"segment/a", "segment/b"}
        assert view.changed_keys(1) == set()
    assert heard == [1]


def test_the_change_log_forgets_what_is_long_past(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("futago.controller.store.database.CHANGES_KEPT", 10)
    monkeypatch.setattr("futago.controller.store.database._FORGET_EVERY", 5)
    for number in range(32):
        with database.write() as txn:
            txn.touch(f"port/{number}")
    with database.read() as view:
        assert view.changed_keys(0) == {f"port/{number}" for number in range(20, 32)}


def test_every_store_has_an_id_of_its_own(tmp_path: Path) -> None:
    ours, theirs = (Database(f"sqlite:///{tmp_path}/{name}.db") for name in ("ours", "theirs"))
    for database in (ours, theirs):
        database.migrate()
    with ours.read() as here, theirs.read() as there:
        assert here.store() != there.store()


def test_a_part_of_a_write_can_fail_alone(database: Database) -> None:
    with database.write() as txn:
        txn.add(network("a"))
        with pytest.raises(Conflict), txn.attempt():
            txn.add(network("b"))
            txn.add(network("a"))
    with database.read() as view:
        assert [row.id for row in view.find(Network)] == ["a"]


def test_an_exception_undoes_the_rows_and_the_number(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as txn:
        txn.add(network("a"))
        raise RuntimeError
    with database.read() as view:
        assert (view.revision(), view.find(Network)) == (0, [])


def test_two_networks_cannot_have_one_segment(database: Database) -> None:
    segment = Segment(
        id="s", project_id="p", network_type=NetworkType.VXLAN, physical_network="", segmentation_id=1, network_id="a"
    )
    with database.write() as txn:
        txn.add(network("a"))
        txn.add(network("b"))
        txn.add(segment)
    with pytest.raises(Conflict), database.write() as txn:
        txn.add(replace(segment, id="t", network_id="b"))


def test_a_row_counts_its_own_changes_and_an_equal_one_changes_nothing(database: Database) -> None:
    with database.write() as txn:
        row = txn.add(network("a"))
        row = txn.replace(row, replace(row, name="x"))
        assert txn.replace(row, replace(row, name="x")) == row
    assert row.revision_number == 1


def test_rows_are_found_by_having_a_word_at_all_and_values_are_each_told_once(database: Database) -> None:
    with database.write() as txn:
        for number in range(1100):
            domain = ("", "a.", "b.")[number % 3]
            txn.add(replace(network(f"{number:04}"), dns_domain=domain))
    with database.read() as view:
        assert view.count(Network, dns_domain=FILLED) == 733
        assert {row.dns_domain for row in view.find(Network, dns_domain=FILLED)} == {"a.", "b."}
        assert sorted(view.values(Network, "dns_domain")) == ["", "a.", "b."]
        many = [f"{number:04}" for number in range(1090, 1200)] + [f"x{number}" for number in range(1000)]
        assert sorted(view.values(Network, "id", id=many)) == [f"{number:04}" for number in range(1090, 1100)]
        assert view.values(Network, "id", id=[]) == []


def test_many_writers_take_turns_and_no_number_is_taken_twice(database: Database) -> None:
    def write(prefix: str) -> None:
        for number in range(20):
            with database.write() as txn:
                txn.add(network(f"{prefix}{number}"))

    writers = [threading.Thread(target=write, args=(prefix,)) for prefix in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with database.read() as view:
        assert (view.revision(), view.count(Network)) == (80, 80)


def test_what_was_acknowledged_survives_kill_9_and_nothing_is_half_there(database: Database, tmp_path: Path) -> None:
    """A writer says each number after its write; it is killed in the middle of its work."""
    url = f"sqlite:///{tmp_path}/futago.db"
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(30)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
    with database.read() as view:
        there = {int(row.id) for row in view.find(Network)}
        segments = {row.segmentation_id for row in view.find(Segment)}
    assert set(acknowledged) <= there
    assert there == segments


def test_what_a_writer_has_asked_before_it_hears_anew_after_each_change_of_its_own(database: Database) -> None:
    with database.write() as txn:

        def names() -> list[str]:
            return [row.name for row in txn.find(Network, project_id="p")]

        assert (names(), txn.get(Network, id="a")) == ([], None)
        made = txn.add(network("a"))
        assert (names(), txn.get(Network, id="a")) == ([""], made)
        named = txn.replace(made, replace(made, name="n"))
        assert (names(), txn.get(Network, id="a")) == (["n"], named)
        with pytest.raises(ZeroDivisionError), txn.attempt():
            txn.add(network("b"))
            assert names() == ["n", ""]
            raise ZeroDivisionError
        assert names() == ["n"]
        txn.remove(named)
        assert (names(), txn.get(Network, id="a")) == ([], None)


def test_a_list_that_was_found_is_the_asker_s_own(database: Database) -> None:
    with database.write() as txn:
        txn.add(network("a"))
        txn.find(Network).clear()
        assert len(txn.find(Network)) == 1


def test_a_question_with_a_short_answer_is_asked_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = Session.ask

    def noted(self: Session, text: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        asked.append(text)
        return ask(self, text, values)

    monkeypatch.setattr(Session, "ask", noted)
    with database.write() as txn:
        for number in range(70):
            txn.add(network(str(number)))
        before = len(asked)
        assert [len(txn.find(Network, id=["1"])) for _ in range(3)] == [1, 1, 1]
        assert len(asked) == before + 1
        assert [len(txn.find(Network)) for _ in range(2)] == [70, 70]
        assert len(asked) == before + 3
