"""A private PostgreSQL."""

from itertools import count
from pathlib import Path

import psycopg

from database_kit.server import Server

_PROGRAMS = Path("/usr/lib/postgresql/15/bin")


class Postgres(Server):
    """PostgreSQL 15; `durable` has it write as it would on a host of its own."""

    user = "postgres"

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__()
        self._durable = durable
        self._numbers = count()

    def start(self) -> None:
        data = str(self.directory / "data")
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        self.run(str(_PROGRAMS / "initdb"), "-D", data, *options)
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.directory), "max_connections": "100"}
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        chosen = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.launch(str(_PROGRAMS / "postgres"), "-D", data, *chosen)

    def answers(self) -> bool:
        try:
            with self.connect():
                return True
        except psycopg.OperationalError:
            return False

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """As a client would."""
        return psycopg.connect(host=str(self.directory), user="postgres", dbname=database, autocommit=True)

    def database(self, template: str = "template1") -> str:
        """The URL of a new database, as the name in it tells."""
        name = f"futago{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE {name_in(url)} WITH (FORCE)")

    def url(self, name: str) -> str:
        """Of a database."""
        return f"postgresql+psycopg://postgres@/{name}?host={self.directory}"


def name_in(url: str) -> str:
    """The name of the database that a URL leads to."""
    return url.partition("?")[0].rpartition("/")[2]
