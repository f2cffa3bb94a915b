"""A private MariaDB."""

from itertools import count

import pymysql

from database_kit.server import Server


class MariaDb(Server):
    """MariaDB of Debian 12."""

    user = "mysql"

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count()

    def start(self) -> None:
        data = str(self.directory / "data")
        self.run("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal")
        self.launch(
            "mariadbd",
            "--no-defaults",
            f"--datadir={data}",
            f"--socket={self._socket}",
            f"--pid-file={self.directory}/pid",
            "--skip-networking",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=64M",
        )

    @property
    def _socket(self) -> str:
        return f"{self.directory}/sock"

    def answers(self) -> bool:
        try:
            self.connect().close()
        except pymysql.err.OperationalError:
            return False
        return True

    def connect(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """As a client would."""
        return pymysql.connect(unix_socket=self._socket, user="root")

    def database(self) -> str:
        """The URL of a new database."""
        name = f"futago{next(self._numbers)}"
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return f"mysql+pymysql://root@localhost/{name}?unix_socket={self._socket}"
