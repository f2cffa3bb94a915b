"""One request and its answer, free of HTTP's machinery; and the service that answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from futago.config import ControllerConfig
from futago.controller.caller import Caller
from futago.controller.policy.rules import Policy
from futago.controller.resources import errors
from futago.controller.resources.definition import Reading, Writing
from futago.controller.store.database import Conflict, Database, Interrupted

T = TypeVar("T")

_TRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What somebody asks."""

    caller: Caller
    params: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    body: bytes
    if_match: str | None
    address: Callable[[], str]

    @property
    def url(self) -> str:
        """Without the query, for links; few answers have any."""
        return self.address()


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said back."""

    status: int
    payload: object = None


@dataclass(frozen=True, slots=True)
class Service:
    """What every answer is made from."""

    database: Database
    config: ControllerConfig
    policy: Policy

    def read(self, call: Call, work: Callable[[Reading], T]) -> T:
        """Do `work` on one consistent state of the store."""
        try:
            return self.database.look(lambda view: work(Reading(view, self.config, call.caller, self.policy)))
        except Interrupted as error:
            raise errors.ServiceUnavailable from error

    def write(self, call: Call, work: Callable[[Writing], T]) -> T:
        """Do `work` in one transaction; again from the start when a concurrent one took what it had found free.

        Raises:
            errors.HTTPConflict: that happened too often.
            errors.ServiceUnavailable: the database does not take part.

        """
        for _ in range(_TRIES):
            try:
                return self.database.transact(lambda txn: work(Writing(txn, self.config, call.caller, self.policy)))
            except Conflict:
                continue
            except Interrupted as error:
                raise errors.ServiceUnavailable from error
        raise errors.HTTPConflict


def decode(body: bytes) -> Any:
    """Read JSON.

    Raises:
        errors.HTTPBadRequest: it is none.

    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise errors.HTTPBadRequest(message="Body contains invalid data") from error
