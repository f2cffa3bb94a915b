"""Database servers of one's own: in a temporary directory, as an unprivileged user, on a local socket only.

And files of SQLite, which are copied from one: to migrate takes longer than most tests.
"""

import sqlite3
import tempfile
import uuid
from contextlib import closing
from functools import cache
from pathlib import Path

from database_kit.mariadb import MariaDb
from database_kit.postgres import Postgres, name_in
from futago.controller.store.database import Database

__all__ = ["MariaDb", "Postgres", "migrate", "name_in", "sqlite", "sqlite_url"]


def migrate(url: str) -> None:
    """Bring a database to the present form."""
    database = Database(url)
    database.migrate()
    database.close()


def sqlite(path: Path) -> Database:
    """A new, migrated database in this file."""
    return Database(sqlite_url(path))


def sqlite_url(path: Path) -> str:
    """The same by its URL. It has an id of its own: revisions of one store mean nothing in another."""
    path.write_bytes(_empty())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE clock SET store = ?", (uuid.uuid4().hex,))
    return f"sqlite:///{path}"


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()
