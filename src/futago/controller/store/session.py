"""Connections that are kept, and what is asked through them."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select
from sqlalchemy.exc import DBAPIError

from futago.controller.store import engines
from futago.controller.store.engines import Interrupted
from futago.controller.store.statements import Statements

_KEPT: Final = 16
"""Idle connections; more are closed when they come back."""


class Session:
    """One connection: for statements of SQLAlchemy, and for text that goes to its driver as it is."""

    def __init__(self, engine: Engine, prepare: Callable[[Connection, Any], None]) -> None:
        try:
            self.connection = engine.connect()
            self.raw: Any = self.connection.connection.dbapi_connection
            prepare(self.connection, self.raw)
            self._run = engines.way(self.connection, self.raw)
        except DBAPIError as error:
            raise engines.failure(error.orig if isinstance(error.orig, Exception) else error) from error

    def ask(self, text: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement finds.

        Raises:
            Conflict, Interrupted: see there.

        """
        return self._carry(text, values)

    def tell(self, text: str, values: Sequence[Any] = ()) -> None:
        """A statement that changes something; raises as `ask` does."""
        self._carry(text, values)

    def _carry(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        try:
            return self._run(text, values)
        except Exception as error:
            raise engines.failure(error) from error

    def select(self, statement: Select[Any]) -> tuple[list[str], Sequence[Sequence[Any]]]:
        """The names of the columns, and the rows, of any SELECT."""
        try:
            found = self.connection.execute(statement)
            return [str(name) for name in found.keys()], found.fetchall()  # noqa: SIM118 - a result's keys() are its columns
        except DBAPIError as error:
            raise engines.failure(error.orig if isinstance(error.orig, Exception) else error) from error

    def commit(self, revision: int | None = None) -> None:
        """Make it last, with this as the number of the last write."""
        self._end(lambda: engines.commit(self.connection, self.raw, revision))

    def rollback(self) -> None:
        """As if it had not been."""
        self._end(lambda: engines.rollback(self.connection, self.raw))

    def close(self) -> None:
        """Let go of the connection, whatever its state."""
        try:
            self.connection.invalidate()
            self.connection.close()
        except Exception as error:  # noqa: BLE001 - it may have been lost long ago
            _ = error

    def _end(self, how: Callable[[], None]) -> None:
        """SQLAlchemy begins by itself and does not know that we end: it is told afterwards, at no cost."""
        try:
            how()
            if self.connection.in_transaction():
                self.connection.rollback()
        except Exception as error:
            raise engines.failure(error) from error


class Readers:
    """Connections for those who only look."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: deque[Session] = deque()

    def take(self, *, glance: bool = False) -> Session:
        """One that sees the present state; for a `glance`, which is one statement, no transaction is begun."""
        while True:
            session, fresh = self._some()
            if glance:
                return session
            try:
                engines.begin_read(session.connection, session.raw)
            except Exception as error:
                session.close()
                if fresh:
                    raise engines.failure(error) from error
                continue
            return session

    def put_back(self, session: Session, *, good: bool) -> None:
        """Done; one whose transaction failed is not trusted again."""
        try:
            if good:
                session.rollback()
        except Interrupted:
            good = False
        if good and len(self._idle) < _KEPT:
            self._idle.append(session)
        else:
            session.close()

    def close(self) -> None:
        """All that are idle."""
        while self._idle:
            self._idle.pop().close()

    def _some(self) -> tuple[Session, bool]:
        try:
            return self._idle.pop(), False
        except IndexError:
            return Session(self._engine, engines.prepare_reader), True


def speech(engine: Engine) -> Statements:
    """The SQL of an engine's database."""
    return Statements(engine.dialect)
