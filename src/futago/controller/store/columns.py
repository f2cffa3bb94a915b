"""How the values of a row stand in its table: what goes into a column, and what comes out.

A database gives text, numbers and JSON; rows hold addresses, enumerations and tuples. The ways there and back are
chosen once for each class of rows, since every request takes them hundreds of times.
"""

import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from ipaddress import IPv4Address, ip_address
from socket import inet_aton
from types import UnionType
from typing import Any, Final, Generic, TypeVar

import msgspec
from sqlalchemy import JSON, Text, type_coerce

from futago.contract.codec import decode_hook, encode_hook
from futago.controller.store import rows
from futago.controller.store.tables import TABLES
from futago.values import IPAddress

R = TypeVar("R", bound=rows.Row)
Convert = Callable[[Any], Any]

_PLAIN: Final = frozenset({str, int, float})
"""What every database takes and gives as it is."""


class Form(Generic[R]):
    """The columns of one class of rows, in the order of its fields."""

    def __init__(self, kind: type[R]) -> None:
        hints = typing.get_type_hints(kind)
        table = TABLES[kind]
        self.kind = kind
        self.table = table
        self.names: tuple[str, ...] = kind.__struct_fields__
        self.key: tuple[str, ...] = tuple(column.name for column in table.primary_key)
        self.selected = [
            type_coerce(table.c[name], Text) if isinstance(table.c[name].type, JSON) else table.c[name]
            for name in self.names
        ]
        """What SQLAlchemy selects for `row`: JSON is read here."""
        self._writers: dict[str, Convert] = {}
        readers: dict[str, Convert] = {}
        for name in self.names:
            write, read = _ways(hints[name], json=isinstance(table.c[name].type, JSON))
            self._writers[name] = write
            if read is not None:
                readers[name] = read
        self.row: Callable[[Sequence[Any]], R] = _maker(kind, self.names, readers)
        """The row whose columns have these values."""

    def values(self, row: R, names: Sequence[str]) -> list[Any]:
        """What goes into these columns."""
        return [self._writers[name](getattr(row, name)) for name in names]

    def plain(self, name: str, value: object) -> Any:
        """A value to look up in a column."""
        return self._writers[name](value)


@cache
def form(kind: type[R]) -> Form[R]:
    """The form of a class of rows."""
    return Form(kind)


def _maker(kind: type[R], names: Sequence[str], readers: Mapping[str, Convert]) -> Callable[[Sequence[Any]], R]:
    """A function written out for one class, as `dataclasses` does it: a loop over the columns takes twice as long."""
    fields = ", ".join(f"{name}=_read_{name}({name})" if name in readers else f"{name}={name}" for name in names)
    text = f"def _row(_values):\n    {', '.join(names)}, = _values\n    return _kind({fields})"
    space: dict[str, Any] = {"_kind": kind, **{f"_read_{name}": read for name, read in readers.items()}}
    exec(text, space)  # noqa: S102 - it is made of the names of our own fields, and no column begins with "_"
    made: Callable[[Sequence[Any]], R] = space["_row"]
    return made


def plain(value: object) -> Any:
    """A value as databases know it, whatever its column."""
    return msgspec.to_builtins(value, enc_hook=encode_hook)


def _word(value: Any) -> Any:
    """Nearly all are as they are; members of enumerations are not."""
    return value if type(value) is str else plain(value)


def _same(value: Any) -> Any:
    return value


def _ways(hint: Any, *, json: bool) -> tuple[Convert, Convert | None]:
    if json:
        return _json_writer(), _json_reader(hint)
    kind = _without_none(hint)
    if kind in _PLAIN:
        return _word if kind is str else _same, None
    if kind is bool:
        return _same, _boolean
    if kind is IPAddress:
        return _text, _address
    if isinstance(kind, type) and issubclass(kind, Enum):
        return plain, _optional({member.value: member for member in kind}.__getitem__)
    return plain, _optional(lambda value: msgspec.convert(value, kind, dec_hook=decode_hook))


def _json_writer() -> Convert:
    encode = msgspec.json.Encoder(enc_hook=encode_hook).encode
    return lambda value: encode(value).decode()


def _json_reader(hint: Any) -> Convert:
    decode = msgspec.json.Decoder(hint, dec_hook=decode_hook).decode

    def read(value: Any) -> Any:
        """Some drivers have read the JSON already."""
        if value == "[]":  # by far the most frequent one
            return ()
        return decode(value) if isinstance(value, (str, bytes)) else msgspec.convert(value, hint, dec_hook=decode_hook)

    return read


def _text(value: Any) -> Any:
    return None if value is None else str(value)


def _boolean(value: Any) -> Any:
    """SQLite and MariaDB have numbers for it."""
    return None if value is None else bool(value)


def _address(text: Any) -> Any:
    if text is None:
        return None
    return ip_address(text) if ":" in text else IPv4Address(inet_aton(text))


def _optional(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in {typing.Union, UnionType}:
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    return hint
