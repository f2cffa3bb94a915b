"""docs/api.md says of every extension whether it is there; `UPDATE_GOLDEN=1` writes which are."""

import os
import re
from pathlib import Path
from typing import Any

from futago.controller.resources import extension

_PAGE = Path(__file__).parents[3] / "docs" / "api.md"
_ROW = re.compile(r"^\| `([\w-]+)` \| (done|not yet|not planned) \| (.*?) ?\|$", re.MULTILINE)
_OWN = re.compile(r"^Futago's own: (.*)$", re.MULTILINE)


def _listed() -> set[str]:
    nobody: Any = None  # they are the same whoever asks
    return {one["alias"] for one in extension.show_all(nobody, {})["extensions"]}


def _page() -> str:
    text = _PAGE.read_text()
    if os.environ.get("UPDATE_GOLDEN"):
        listed = _listed()
        text = _ROW.sub(lambda row: f"| `{row[1]}` | done |  |" if row[1] in listed else row[0], text)
        _PAGE.write_text(text)
    return text


def test_the_manual_says_of_each_extension_whether_it_is_there() -> None:
    text = _page()
    rows = {alias: state for alias, state, _ in _ROW.findall(text)}
    own = set(re.findall(r"`([\w-]+)`", _OWN.findall(text)[0]))
    assert {alias for alias, state in rows.items() if state == "done"} | own == _listed()


def test_the_manual_says_why_something_is_not_planned() -> None:
    rows = _ROW.findall(_PAGE.read_text())
    assert [alias for alias, state, why in rows if state == "not planned" and not why] == []
    assert [alias for alias, _, _ in rows] == sorted(alias for alias, _, _ in rows)
