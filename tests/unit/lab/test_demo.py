import io

import pytest
from rich.console import Console

from futago.lab.demo import checks
from futago.lab.demo.display import Display
from futago.lab.demo.looks import ADVERTISEMENT


@pytest.mark.parametrize(
    ("check", "holds"),
    [
        (checks.equal("it", 1, 1), True),
        (checks.equal("it", 1, 2), False),
        (checks.below("it", 2, 1.99, "s"), True),
        (checks.below("it", 2, 2, "s"), False),
        (checks.between("it", 4, 7.5, 4, "s"), True),
        (checks.between("it", 4, 7.5, 3.9, "s"), False),
        (checks.between("it", 4, 7.5, 7.6, "s"), False),
        (checks.at_most("it", 6, 6), True),
        (checks.at_most("it", 6, 7), False),
    ],
)
def test_a_check_holds_within_its_bounds(check: checks.Check, *, holds: bool) -> None:
    assert check.holds is holds


def test_the_table_shows_what_was_expected_and_seen() -> None:
    console = Console(file=io.StringIO(), width=100, record=True)
    console.print(checks.table([checks.below("the gap", 1.5, 0.9, "s"), checks.equal("active", "net2", "net1")]))
    text = console.export_text()
    assert "under 1.5 s" in text
    assert [line.split()[0] for line in text.splitlines() if "gap" in line or "active" in line] == ["✔", "✘"]


def test_without_a_terminal_the_display_prints_plain_lines() -> None:
    out = io.StringIO()
    with Display(Console(file=out, width=100)) as display, display.step(2):
        display.say("vm1 boots")
        display.now("waiting")
        display.now("waiting")
    text = out.getvalue()
    assert "2. Start two instances" in text
    assert text.count("waiting") == 1
    assert "\x1b" not in text


def test_an_advertisement_is_found_in_tcpdumps_line() -> None:
    line = "IP 169.254.192.1 > 224.0.0.18: VRRPv2, Advertisement, vrid 1, prio 50, authtype simple, intvl 2s, length 20"
    match = ADVERTISEMENT.search(line)
    assert match is not None
    assert match["source"] == "169.254.192.1"
    assert match["what"].endswith("prio 50, authtype simple, intvl 2s, length 20")
