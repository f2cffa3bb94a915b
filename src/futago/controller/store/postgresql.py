"""Statements that go to PostgreSQL by libpq at once.

psycopg's own way to a cursor is general and takes as long as the server does: a router with its legs is a hundred
statements. Here values are few kinds of words and numbers, and what comes back is read by psycopg's loaders.
"""

from collections.abc import Sequence
from typing import Any, Final

from psycopg import Connection, OperationalError, errors, pq
from psycopg.adapt import Transformer

_MOST: Final = 500
"""Statements that are kept ready on a connection; all that we have are fewer."""
_DONE: Final = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


class Direct:
    """One connection; what is asked more than once is prepared there."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._pgconn = connection.pgconn
        self._loaders = Transformer(connection)
        self._seen: set[str] = set()
        self._ready: dict[str, bytes] = {}
        """The names of those that are prepared."""

    def run(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows that a statement finds.

        Raises:
            psycopg.Error: as from a cursor.

        """
        result = _checked(self._pgconn, self._send(text, [_wire(value) for value in values]))
        if result.status is pq.ExecStatus.COMMAND_OK:
            return []
        self._loaders.set_pgresult(result)
        return self._loaders.load_rows(0, result.ntuples, tuple)

    def _send(self, text: str, wire: list[Any]) -> Any:
        name = self._ready.get(text) or (self._prepare(text) if text in self._seen else None)
        if name:
            return self._pgconn.exec_prepared(name, wire)
        if len(self._seen) < _MOST:
            self._seen.add(text)
        return self._pgconn.exec_params(_numbered(text), wire)

    def _prepare(self, text: str) -> bytes:
        name = f"futago{len(self._ready)}".encode()
        _checked(self._pgconn, self._pgconn.prepare(name, _numbered(text)))
        self._ready[text] = name
        return name


def simply(connection: Connection[Any], text: str) -> Any:
    """The result of the last of several statements without values, in one message; raises as `run` does."""
    return _checked(connection.pgconn, connection.pgconn.exec_(text.encode()))


def begun(connection: Connection[Any]) -> bool:
    """Whether there is a transaction to end."""
    return connection.pgconn.transaction_status != pq.TransactionStatus.IDLE


def _checked(pgconn: Any, result: Any) -> Any:
    if result.status in _DONE:
        return result
    if pgconn.status is not pq.ConnStatus.OK and result.error_field(pq.DiagnosticField.SQLSTATE) is None:
        raise OperationalError(result.get_error_message())
    raise errors.error_from_result(result)


def _numbered(text: str) -> bytes:
    first, *rest = text.split("%s")
    return "".join([first, *(f"${number}{part}" for number, part in enumerate(rest, 1))]).encode()


def _wire(value: Any) -> bytes | None:
    """Text, whose type follows from where it stands."""
    if value is None:
        return None
    if isinstance(value, bool):
        return b"t" if value else b"f"
    return str(value).encode()
