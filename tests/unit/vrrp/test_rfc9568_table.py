"""The table of what RFC 9568 asks for is complete, counts right, and names nothing that is not there."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from unit.vrrp.collected import ROOT, Found, collect

FOLDERS = ("unit", "host", "interop")
DEFINED = re.compile(r"^def (test_\w+)", re.MULTILINE)
TABLE = ROOT / "docs" / "rfc9568.md"
NOT_APPLICABLE, NOT_DONE = "not applicable: ", "not done: "
LEAST_REASON = 30
"""Letters."""
ASKED = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "RECOMMENDED", "NOT RECOMMENDED", "MAY"}
UNSAID = {"(event)", "(is)", "(does)", "(says)"}
MUSTS = Counter(
    {
        "5.1.1.2": 1,
        "5.1.1.3": 2,
        "5.1.2.2": 1,
        "5.1.2.3": 2,
        "5.2.2": 1,
        "5.2.4": 2,
        "5.2.5": 1,
        "5.2.6": 2,
        "5.2.9": 2,
        "6.1": 2,
        "6.4.2": 5,
        "6.4.3": 8,
        "7.1": 11,
        "7.2": 5,
        "7.4": 1,
        "8.1.2": 3,
        "8.1.3": 1,
        "8.2.2": 5,
        "8.2.3": 1,
        "8.4.2": 3,
    }
)
"""How many sections say it, errata included, where one sentence with two halves (5.2.6) or a list (7.2) is taken apart.

The two sentences that only begin the lists of 6.4.2 and 6.4.3 are not counted: what they ask for are the lists.
"""


@dataclass(frozen=True)
class Row:
    """One sentence of the RFC."""

    section: str
    strength: str
    """Without the erratum that may stand beside it."""
    sentence: str
    shown: str
    caught: str

    @property
    def state(self) -> str:
        if self.shown.startswith(NOT_APPLICABLE):
            return "does not apply"
        return "not done" if self.shown.startswith(NOT_DONE) else "shown by tests"


def lines_of_table(heading: str) -> list[list[str]]:
    """The cells below the table's heading and its rule."""
    _, _, rest = TABLE.read_text().partition(f"\n| {heading} |")
    table = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def rows() -> list[Row]:
    return [
        Row(section, strength.partition(",")[0], sentence, shown, caught)
        for section, strength, sentence, shown, caught in lines_of_table("section")
    ]


def named(cell: str) -> set[str]:
    return set(re.findall(r"`(test_\w+)`", cell))


def every_row() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.section} {row.sentence}"[:70])


@pytest.fixture(scope="module")
def existing() -> dict[str, list[Found]]:
    """By the name of the function; a name that two files have is not a name. Files without such names are left out."""
    wanted = set().union(*(named(row.shown) | named(row.caught) for row in rows()))
    files = [path for folder in FOLDERS for path in sorted((ROOT / "tests" / folder).rglob("test_*.py"))]
    by_name: dict[str, list[Found]] = {}
    for found in collect(*(str(path) for path in files if wanted & set(DEFINED.findall(path.read_text())))):
        by_name.setdefault(found.node_id.rpartition("::")[2], []).append(found)
    return by_name


@every_row()
def test_each_sentence_has_tests_both_ways_or_a_reason_why_not(row: Row) -> None:
    assert row.strength in ASKED | UNSAID
    assert row.sentence
    if row.state == "shown by tests":
        assert named(row.shown)
        assert named(row.caught)
        assert not named(row.shown) & named(row.caught)
    else:
        assert len(row.shown.partition(": ")[2]) >= LEAST_REASON
        assert not row.caught


@every_row()
def test_each_test_that_is_named_exists_once_and_is_not_always_skipped(
    row: Row, existing: dict[str, list[Found]]
) -> None:
    for name in named(row.shown) | named(row.caught):
        (found,) = existing.get(name, [])
        assert not found.always_skips


def test_every_must_of_every_section_has_its_row() -> None:
    assert Counter(row.section for row in rows() if row.strength.startswith("MUST")) == MUSTS


def test_the_page_counts_its_rows_right() -> None:
    groups = {
        "MUST, MUST NOT": {"MUST", "MUST NOT"},
        "SHOULD, SHOULD NOT, RECOMMENDED, NOT RECOMMENDED": ASKED - {"MUST", "MUST NOT", "MAY"},
        "MAY": {"MAY"},
        "(event)": {"(event)"},
        "(is), (does), (says)": {"(is)", "(does)", "(says)"},
    }
    counted = {
        name: Counter(row.state for row in rows() if row.strength in strengths) for name, strengths in groups.items()
    }
    states = ("shown by tests", "does not apply", "not done")
    wanted = [[name, str(c.total()), *(str(c[state]) for state in states)] for name, c in counted.items()]
    assert lines_of_table("strength") == wanted


def test_the_page_says_how_many_musts_there_are() -> None:
    assert f"{MUSTS.total()} MUST and MUST NOT" in " ".join(TABLE.read_text().split())


def test_the_verified_errata_are_all_worked_in() -> None:
    assert {"7947", "7949", "8298", "8299", "8300", "8301"} <= set(
        re.findall(r"erratum (\d+)", "\n".join(line for line in TABLE.read_text().splitlines() if line.startswith("|")))
    )


def test_a_test_that_always_skips_is_found_out(tmp_path: Path) -> None:
    """What the check above rests on."""
    (tmp_path / "test_made_up.py").write_text(
        "import sys\n"
        "import pytest\n"
        "@pytest.mark.skip\n"
        "def test_marked(): pass\n"
        "@pytest.mark.skipif(True, reason='never')\n"
        "def test_never(): pass\n"
        "def test_at_once():\n"
        "    pytest.skip('no')\n"
        "@pytest.mark.skipif('sys.platform == \"elsewhere\"')\n"
        "def test_sometimes(): pass\n"
        "@pytest.mark.parametrize('each', [1, 2])\n"
        "def test_plain(each): pass\n"
    )
    found = {one.node_id.rpartition("::")[2]: one.always_skips for one in collect(str(tmp_path))}
    assert found == {
        "test_marked": True,
        "test_never": True,
        "test_at_once": True,
        "test_sometimes": False,
        "test_plain": False,
    }
