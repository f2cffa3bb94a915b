"""Database servers of one's own: in a temporary directory, as an unprivileged user, on a local socket only."""

from database_kit.mariadb import MariaDb
from database_kit.postgres import Postgres

__all__ = ["MariaDb", "Postgres"]
