"""Database servers of one's own: in a temporary directory, as an unprivileged user, on a local socket only."""

from database_kit.mariadb import MariaDb
from database_kit.postgres import Postgres, name_in
from futago.controller.store.database import Database

__all__ = ["MariaDb", "Postgres", "migrate", "name_in"]


def migrate(url: str) -> None:
    """Bring a database to the present form."""
    database = Database(url)
    database.migrate()
    database.close()
