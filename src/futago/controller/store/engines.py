"""What differs between the databases: how connections are prepared, how transactions begin, what is tried again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.pool import NullPool

Way = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""The rows that a statement with such values finds."""
BUSY_SECONDS: Final = 30
"""How long a writer waits for its turn before it gives up and tries again."""
_DRIVERS: Final = {"pysqlite": "sqlite", "psycopg": "postgresql+psycopg", "pymysql": "mysql+pymysql"}
CHANNEL: Final = "futago_write"
"""Where PostgreSQL tells of writes."""
_IDLE_SECONDS: Final = 60
"""How long a controller may keep its turn without asking anything: it has stopped, or is gone."""
_RETRIED: Final = frozenset({"40001", "40P01", "55P03", "25P03"})
"""SQLSTATE of PostgreSQL: not serializable, deadlock, lock not available, cut off while idle."""
_LOST: Final = frozenset({"57P01", "57P02", "57P03"})
"""The server goes down, or comes up."""
_RETRIED_NUMBERS: Final = frozenset({1205, 1213, 2006, 2013, 1927})
"""MariaDB and MySQL: lock wait timeout, deadlock, connection gone, lost, killed."""
_MIGRATION_LOCKS: Final = {
    "postgresql": ("SELECT pg_advisory_lock(7203104)", "SELECT pg_advisory_unlock(7203104)"),
    "mysql": ("SELECT GET_LOCK('futago-migration', 300)", "SELECT RELEASE_LOCK('futago-migration')"),
}


class Conflict(Exception):
    """Two rows want the same unique thing (an address, a segment, a VRID); the text is the database's."""


class Failed(Exception):
    """The database cannot do what it is asked: it is full, no database, of another version; the text is its own."""


class Interrupted(Failed):
    """The database gave a transaction up (a deadlock, a lost connection): it may be tried again from the start."""


class Undecided(Interrupted):
    """The connection was lost over a commit: whether it has come about, nobody can tell. It is not tried again."""


class UnknownDatabase(ValueError):
    """A URL leads to a kind of database, or through a driver, that is not known here; the text says what is."""


def engine(url: str) -> Engine:
    """The engine for a URL; its connections are kept by `session`.

    Raises:
        UnknownDatabase: see there.
        ModuleNotFoundError: the driver is not installed.

    """
    wanted = make_url(url)
    if wanted.get_driver_name() not in _DRIVERS:
        known = ", ".join(f"{one}://" for one in _DRIVERS.values())
        raise UnknownDatabase(f"{wanted.drivername}:// is not known here; there are: {known}")
    kind = wanted.get_backend_name()
    if kind == "sqlite":
        made = create_engine(
            url,
            poolclass=NullPool,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "cached_statements": 256},
        )
        event.listen(made, "connect", _prepare_sqlite)
    elif kind == "postgresql":
        made = create_engine(url, poolclass=NullPool)
        event.listen(made, "connect", _prepare_postgresql)
    else:
        made = create_engine(wanted.update_query_dict({"charset": "utf8mb4"}), poolclass=NullPool)
        event.listen(made, "connect", _prepare_mariadb)
    return made


def way(connection: Connection, raw: Any) -> Way:
    """How text of our own gets to a connection."""
    if connection.dialect.name == "postgresql":
        from futago.controller.store.postgresql import Direct

        return Direct(raw).run

    def by_cursor(text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        cursor = raw.cursor()
        cursor.execute(text, values)
        found = list(cursor.fetchall()) if cursor.description else []
        cursor.close()
        return found

    return by_cursor


def begin_read(connection: Connection, raw: Any) -> None:
    """Have what follows see one state of the store."""
    match connection.dialect.name:
        case "sqlite":
            raw.execute("BEGIN")
        case "postgresql":
            _simply(raw, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")


def begin_write(connection: Connection, raw: Any) -> int:
    """Take the one turn that there is for writers, here or in another process; the number of the last write."""
    if connection.dialect.name == "postgresql":  # in one message: what is asked here, all other writers wait for
        asked = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT revision FROM clock FOR UPDATE"
        return int(_simply(raw, asked).get_value(0, 0))
    cursor = raw.cursor()
    if connection.dialect.name == "sqlite":
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("SELECT revision FROM clock")
    else:
        cursor.execute("SELECT revision FROM clock FOR UPDATE")
    (revision,) = cursor.fetchone()
    cursor.close()
    return int(revision)


def commit(connection: Connection, raw: Any, revision: int | None) -> None:
    """End a write, with a new number unless it is None; PostgreSQL tells the other controllers (`watch`)."""
    number = None if revision is None else f"UPDATE clock SET revision = {revision:d}"  # noqa: S608 - it is a number
    if number is not None and connection.dialect.name == "postgresql":
        _simply(raw, f"{number}; NOTIFY {CHANNEL}; COMMIT")
        return
    if number is not None:
        cursor = raw.cursor()
        cursor.execute(number)
        cursor.close()
    raw.commit()


def rollback(connection: Connection, raw: Any) -> None:
    """End a transaction, if there is one, as if it had not been."""
    if connection.dialect.name != "postgresql":
        raw.rollback()
        return
    from futago.controller.store.postgresql import begun

    if begun(raw):
        _simply(raw, "ROLLBACK")


def _simply(raw: Any, text: str) -> Any:
    from futago.controller.store.postgresql import simply

    return simply(raw, text)


def prepare_writer(connection: Connection, raw: Any) -> None:
    """Each statement of a writer sees what the writers before it have left; of a reader, what the first one saw."""
    match connection.dialect.name:
        case "postgresql":
            raw.autocommit = True  # transactions begin where we say so
        case "sqlite":
            pass
        case _:
            cursor = raw.cursor()
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {BUSY_SECONDS}")
            cursor.close()
            raw.commit()


def prepare_reader(connection: Connection, raw: Any) -> None:
    """See `prepare_writer`; MariaDB's sessions begin like this."""
    if connection.dialect.name == "postgresql":
        raw.autocommit = True


@contextmanager
def migrating(connection: Connection) -> Iterator[None]:
    """One controller migrates at a time; the others find it done. SQLite has its own lock for it."""
    name = connection.dialect.name
    if name == "sqlite":
        yield
        return
    take, give = _MIGRATION_LOCKS[name if name == "postgresql" else "mysql"]
    with connection.engine.connect() as holder:
        for patient in (holder, connection) if name == "postgresql" else ():
            patient.execute(text("SET lock_timeout = 0"))
            patient.execute(text("SET idle_in_transaction_session_timeout = 0"))
            patient.commit()
        holder.execute(text(take))
        if name != "postgresql":  # words are the same only if they are: the default takes "A" for "a"
            connection.execute(text("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))
            connection.commit()
        try:
            yield
        finally:
            holder.execute(text(give))


def failure(error: Exception) -> Exception:
    """What an error of a driver means; what comes from elsewhere is returned as it is."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "IntegrityError" in names:
        return Conflict(str(error))
    state = getattr(error, "sqlstate", None)
    if state in _RETRIED | _LOST or (state is None and _lost(error, names)):
        return Interrupted(str(error))
    return Failed(str(error)) if "DatabaseError" in names else error


def _lost(error: Exception, names: set[str]) -> bool:
    if not names & {"OperationalError", "InterfaceError", "InternalError"}:
        return False
    module = type(error).__module__
    if module.startswith("psycopg"):
        return True
    if module.startswith("pymysql"):
        return bool(error.args) and error.args[0] in _RETRIED_NUMBERS | {0}
    return "locked" in str(error) or "busy" in str(error)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """WAL lets readers go on while one writes; FULL keeps an acknowledged write through a power loss."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgresql(connection: Any, _record: object) -> None:
    """A controller that stops in the middle of a write must not hold the others up for ever."""
    from psycopg.types.string import TextLoader

    connection.adapters.register_loader("json", TextLoader)  # `columns` reads it, by the type that it is to become
    cursor = connection.cursor()
    cursor.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
    cursor.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_SECONDS}s'")
    cursor.close()
    connection.commit()


def _prepare_mariadb(connection: Any, _record: object) -> None:
    """Values that do not fit are refused, as elsewhere."""
    cursor = connection.cursor()
    cursor.execute("SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')")
    cursor.close()
