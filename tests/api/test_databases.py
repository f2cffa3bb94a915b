"""The store on SQLite, PostgreSQL and MariaDB: the same tables, the same refusals, the same turns."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import inspect, text

from database_kit import MariaDb, Postgres, migrate
from futago.controller.store.database import Conflict, Database, Transaction
from futago.controller.store.identity_rows import Revocation
from futago.controller.store.rows import FixedIp, InstanceData, Network, Port, Segment, Subnet
from futago.controller.store.table_parts import metadata
from futago.values import IPv4Address, IPv4Network, IPv6Mode, Mac, NetworkType

SECONDS = 30
WRITERS = """
import sys, threading
from futago.controller.store.database import Database
from futago.controller.store.rows import Network, Segment
database = Database(sys.argv[1])
def write(first):
    for number in range(first, first + 100000):
        def work(txn):
            txn.add(Network(id=str(number), project_id="p", mtu=1450))
            txn.add(Segment(id=str(number), project_id="p", network_type="vxlan", physical_network="",
                segmentation_id=number, network_id=str(number)))
        database.transact(work)
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
for first in (0, 100000, 200000, 300000):
    threading.Thread(target=write, args=(first,)).start()
"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database that the tests of this file share."""
    if request.param == "sqlite":
        made = f"sqlite:///{tmp_path_factory.mktemp('store')}/futago.db"
        migrate(made)
        yield made
        return
    with Postgres() if request.param == "postgresql" else MariaDb() as server:
        made = server.database()
        migrate(made)
        yield made


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """It is empty again afterwards."""
    database = Database(url)
    yield database
    database.close()
    again = Database(url)
    with again._engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name != "clock":
                connection.execute(table.delete())
    again.close()


@pytest.fixture
def other(url: str) -> Iterator[Database]:
    """Another controller's."""
    database = Database(url)
    yield database
    database.close()


def network(network_id: str, **columns: Any) -> Network:
    return Network(id=network_id, project_id="p", mtu=1450, **columns)


def add(network_id: str) -> Callable[[Transaction], Network]:
    return lambda txn: txn.add(network(network_id))


def ids(database: Database) -> list[str]:
    return sorted(row.id for row in database.look(lambda view: view.find(Network)))


def test_the_migrations_make_the_tables_and_may_be_run_again(url: str, database: Database) -> None:
    migrate(url)
    found = inspect(database._engine)
    for table in metadata.sorted_tables:
        assert {column["name"] for column in found.get_columns(table.name)} == set(table.columns.keys())


def test_rows_come_out_as_they_went_in(database: Database) -> None:
    rows = [
        network("n", name="Ä \N{SNOWMAN} '\"%s?", tags=("a", "b"), external=True),
        Subnet(
            id="s",
            project_id="p",
            network_id="n",
            cidr=IPv4Network("10.0.0.0/24"),
            gateway_ip=None,
            dns_nameservers=(IPv4Address("10.0.0.9"),),
            ipv6_ra_mode=IPv6Mode.SLAAC,
        ),
        Port(
            id="q",
            project_id="p",
            network_id="n",
            mac_address=Mac("fa:16:3e:00:00:01"),
            profile={"a": [1, None, {"b": True}]},
            up=True,
            admin_state_up=False,
        ),
        FixedIp(subnet_id="s", ip_address=IPv4Address("10.0.0.2"), network_id="n", port_id="q", position=3),
        InstanceData(port_id="q", network_id="n", user_data=bytes(range(256)) * 300, meta={"a": "b"}),
        Revocation(audit_id="a", before=1_795_833_812.125),
    ]

    def work(txn: Transaction) -> list[Any]:
        return [txn.add(row) for row in rows]

    stored = database.transact(work)
    with database.read() as view:
        assert [view.find(type(row))[0] for row in rows] == stored
        assert view.search(Port) == [stored[2]]
        assert view.get(Subnet, gateway_ip=None) == stored[1]
        assert view.count(FixedIp, ip_address=[IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")]) == 1
        assert view.find(Network, id=[f"{number}" for number in range(3000)] + ["n"]) == [stored[0]]
        assert view.find(Network, id=[]) == []


def test_what_is_taken_or_still_needed_is_a_conflict_and_the_write_may_go_on(database: Database) -> None:
    segment = Segment(
        id="s", project_id="p", network_type=NetworkType.VXLAN, physical_network="", segmentation_id=1, network_id="a"
    )

    def work(txn: Transaction) -> None:
        first = txn.add(network("a"))
        txn.add(segment)
        for refused in (
            lambda: txn.add(replace(segment, id="t")),
            lambda: txn.remove(first),
            lambda: txn.add(network("a")),
        ):
            with pytest.raises(Conflict), txn.attempt():
                refused()
        txn.add(network("b"))

    database.transact(work)
    assert ids(database) == ["a", "b"]


def test_words_are_the_same_only_if_all_their_letters_are(database: Database) -> None:
    database.transact(lambda txn: [txn.add(network(name)) for name in ("ann", "Ann", "änn")])
    with database.read() as view:
        assert [row.id for row in view.find(Network, id="ANN")] == []
        assert [row.id for row in view.find(Network, id="Ann")] == ["Ann"]


def test_controllers_take_turns_and_no_number_is_taken_twice(database: Database, other: Database) -> None:
    """Each write counts what the one before it has left: whoever overlapped would lose a count."""
    database.transact(lambda txn: txn.add(network("n", description="0")))
    before = database.look(lambda view: view.revision())

    def count(txn: Transaction) -> None:
        row = txn.get(Network, id="n")
        assert row is not None
        txn.replace(row, Network(**{**_fields(row), "description": str(int(row.description) + 1)}))

    def write(of: Database) -> None:
        for _ in range(10):
            of.transact(count)

    threads = [threading.Thread(target=write, args=(of,)) for of in (database, other) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with other.read() as view:
        (row,) = view.find(Network)
        assert (row.description, row.revision_number) == ("80", 80)
        assert view.revision() == before + 80


def test_who_looks_sees_one_state_however_long_it_takes(database: Database, other: Database) -> None:
    database.transact(add("a"))
    with database.read() as view:
        assert view.count(Network) == 1
        other.transact(add("b"))
        assert view.count(Network) == 1
        assert [row.id for row in view.search(Network)] == ["a"]
    assert ids(database) == ["a", "b"]


def test_one_controller_hears_of_anothers_writes(database: Database, other: Database) -> None:
    heard = threading.Event()
    database.on_write(lambda _revision: heard.set())
    watch = database.watch()
    try:
        for number in range(100):
            other.transact(add(f"{number}"))
            if heard.wait(SECONDS / 100):
                break
        assert heard.is_set()
    finally:
        watch.stop()


def test_connections_that_are_lost_are_made_again(database: Database, other: Database) -> None:
    database.transact(add("a"))
    assert ids(database) == ["a"]
    _cut_off(other, database)
    assert ids(database) == ["a"]
    _cut_off(other, database)
    database.transact(add("b"))
    assert ids(database) == ["a", "b"]


def test_a_connection_that_is_lost_in_the_middle_of_a_write_costs_nothing(database: Database, other: Database) -> None:
    tries: list[int] = []

    def work(txn: Transaction) -> None:
        txn.add(network("a"))
        tries.append(1)
        if len(tries) == 1:
            _cut_off(other, database)
        txn.add(network("b"))

    database.transact(work)
    assert ids(database) == ["a", "b"]
    assert len(tries) == (1 if database._engine.dialect.name == "sqlite" else 2)


def test_what_was_acknowledged_survives_kill_9_and_nothing_is_half_there(database: Database, url: str) -> None:
    """Four writers, who share commits, say each number after its write; they are killed in the middle of their work."""
    with subprocess.Popen([sys.executable, "-c", WRITERS, url], stdout=subprocess.PIPE, text=True) as writers:
        assert writers.stdout is not None
        acknowledged = [int(writers.stdout.readline()) for _ in range(60)]
        writers.kill()
        acknowledged += [int(line) for line in writers.stdout if line.endswith("\n")]
    with database.read() as view:
        there = {int(row.id) for row in view.find(Network)}
        assert {row.segmentation_id for row in view.find(Segment)} == there
        assert len(view.changed_keys(view.revision() - len(there))) == len(there)
    assert set(acknowledged) <= there
    database.transact(add("after"))


def _fields(row: Network) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _cut_off(by: Database, whom: Database) -> None:
    """The server ends all connections but the one that asks; SQLite has none to end."""
    assert by is not whom
    with by._engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        elif connection.dialect.name != "sqlite":
            rows = connection.execute(text("SELECT id FROM information_schema.processlist WHERE id <> connection_id()"))
            for (number,) in rows.fetchall():
                connection.execute(text(f"KILL {number:d}"))
