"""The list of tables is the code's, and the document's is that list."""

import re
from pathlib import Path

import pytest

from futago.lab.errors import LabError
from futago.lab.pipeline import fill, tables
from futago.node.features.pipeline import TABLES
from unit.node.kit import GOLDEN

DOCUMENT = Path(__file__).parents[3] / "docs" / "pipeline.md"
KNOWN = {(table.bridge, table.number) for table in TABLES}


def used() -> set[tuple[str, int]]:
    """The tables that flows are in or lead to, in all golden files."""
    found = set()
    for path in GOLDEN.glob("*.flows"):
        bridge = "br-int"
        for line in path.read_text().splitlines():
            if line.startswith("# "):
                name = line[2:].split()[0]
                bridge = name if name in {"br-int", "br-tun"} else "provider"
            for number in re.findall(r"(?:table=|resubmit\(,)(\d+)", line):
                found.add((bridge, int(number)))
    return found


def test_every_table_that_is_used_is_in_the_list_and_no_other() -> None:
    assert used() == KNOWN


def test_the_document_shows_the_list() -> None:
    text = DOCUMENT.read_text()
    assert fill(text, {"tables": tables()}) == text


def test_every_block_of_the_document_was_made_in_a_lab() -> None:
    empty = re.findall(r"<!-- made: ([a-z0-9 -]+) -->\n<!-- end -->", DOCUMENT.read_text())
    assert empty == []


def test_a_block_without_a_place_is_refused() -> None:
    with pytest.raises(LabError, match="no block nowhere"):
        fill("text", {"nowhere": ""})
