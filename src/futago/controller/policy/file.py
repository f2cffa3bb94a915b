"""`policy.yaml`, as operators write it: a mapping from the names of rules to rules, which replace the defaults.

That is YAML, but little of it: keys and values plain or in quotes, comments, values that go on in the next lines, and
the old form of a rule, a list of lists. A whole file may be JSON, too.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

_ENTRY: Final = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#"'\[\]{}&*!|>%@`][^#]*?)\s*:(?:\s+(.*))?""")


class BadPolicy(ValueError):
    """A file does not say what it is to say; the text names it, and the line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule, and where it stands."""

    line: int
    text: str


def read(path: Path) -> dict[str, Entry]:
    """The rules of a file.

    Raises:
        BadPolicy: it cannot be read, or a line is no rule.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadPolicy(f"{path}: {error}") from error
    if text.lstrip().startswith("{"):
        return _of_json(path, text)
    rules: dict[str, Entry] = {}
    for number, key, value in _entries(path, text):
        if key in rules:
            raise BadPolicy(f"{path}, line {number}: '{key}' stands in line {rules[key].line}, too")
        rules[key] = Entry(number, value)
    return rules


def _of_json(path: Path, text: str) -> dict[str, Entry]:
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise BadPolicy(f"{path}: {error}") from error
    lines = text.splitlines()
    found = {}
    for key, value in document.items():
        number = next((i for i, line in enumerate(lines, start=1) if f'"{key}"' in line), 1)
        found[key] = Entry(number, _rule(path, number, value))
    return found


def _entries(path: Path, text: str) -> list[tuple[int, str, str]]:
    entries: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if not bare or bare.startswith("#") or bare in {"---", "..."}:
            continue
        if line[0].isspace():
            if not entries:
                raise BadPolicy(f"{path}, line {number}: this belongs to no rule")
            entries[-1][2].append(bare)
            continue
        found = _ENTRY.fullmatch(bare)
        if found is None:
            raise BadPolicy(f'{path}, line {number}: this is not of the form "name": "rule"')
        entries.append((number, _scalar(path, number, found[1]), [found[2] or ""]))
    return [(number, key, _value(path, number, parts)) for number, key, parts in entries]


def _value(path: Path, number: int, parts: list[str]) -> str:
    first, *more = parts
    if first in {">", ">-", ">+", "|", "|-", "|+"}:
        return " ".join(more)
    whole = " ".join(part for part in parts if part)
    if whole.startswith("["):
        try:
            return _rule(path, number, msgspec.json.decode(whole.replace("'", '"')))
        except msgspec.DecodeError as error:
            raise BadPolicy(f"{path}, line {number}: {error}") from error
    return _scalar(path, number, whole)


def _scalar(path: Path, number: int, text: str) -> str:
    quote = text[:1]
    if quote not in {'"', "'"}:
        return re.sub(r"(^|\s)#.*$", "", text).strip()
    closing = re.fullmatch(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')(?:\s+#.*)?""", text)
    if closing is None:
        raise BadPolicy(f"{path}, line {number}: a quotation mark is not closed")
    if quote == "'":
        return closing[1][1:-1].replace("''", "'")
    try:
        return str(ast.literal_eval(closing[1]))
    except (ValueError, SyntaxError) as error:
        raise BadPolicy(f"{path}, line {number}: {closing[1]} is not a text") from error


def _rule(path: Path, number: int, value: Any) -> str:
    """The old form: any of the lists, in which all checks hold."""
    if isinstance(value, str):
        return value
    lists = [[one] if isinstance(one, str) else one for one in value] if isinstance(value, list) else [None]
    if not all(isinstance(one, list) and all(isinstance(check, str) for check in one) for one in lists):
        raise BadPolicy(f"{path}, line {number}: a rule is a text, or a list of lists of texts")
    return " or ".join(f"({' and '.join(one)})" for one in lists if one) if lists else "@"
