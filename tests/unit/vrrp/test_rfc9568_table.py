"""The table of what RFC 9568 asks for is complete, and names nothing that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TABLE = ROOT / "docs" / "rfc9568.md"
NOT_APPLICABLE = "not applicable: "
LEAST_REASON = 30
"""Letters."""


def rows() -> list[list[str]]:
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def existing() -> set[str]:
    folders = (ROOT / "tests" / "unit" / "vrrp", ROOT / "tests" / "host")
    files = [file for folder in folders for file in folder.glob("test_*.py")]
    return {name for file in files for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]} {row[2]}"[:60])
def test_each_sentence_has_tests_both_ways_or_a_reason_why_not(row: list[str]) -> None:
    _, _, sentence, shown, caught = row
    assert sentence
    if shown.startswith(NOT_APPLICABLE):
        assert len(shown) > len(NOT_APPLICABLE) + LEAST_REASON
        return
    named = [re.findall(r"`(\w+)`", cell) for cell in (shown, caught)]
    assert all(named), row
    assert {name for names in named for name in names} <= existing()


def test_all_sections_that_ask_for_something_are_there() -> None:
    sections = {row[0] for row in rows()}
    assert {"5.1.1.3", "5.1.2.3", "5.2.4", "5.2.9", "6.1", "6.4.1", "6.4.2", "6.4.3", "7.1", "7.2", "8.1.2"} <= sections
    assert {"8.2.2", "8.4", "9"} <= sections
