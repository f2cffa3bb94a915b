"""A drill's report: Markdown for people and issue trackers, HTML with the timeline in it. Pure but for `write`."""

import shutil
import subprocess
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from futago.lab.demo.checks import Check
from futago.lab.drill import timeline
from futago.lab.drill.capture import Capture
from futago.lab.drill.moments import moments
from futago.lab.drill.outcome import Outcome
from futago.lab.drill.sightings import What

Row = tuple[str, ...]

_STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 1040px; margin: 2em auto; padding: 0 1em; color: #1f2933 }
table { border-collapse: collapse } td, th { padding: .2em .8em; border-bottom: 1px solid #dde; text-align: left }
"""


def write(outcome: Outcome, directory: Path, capture: Capture | None = None) -> list[Path]:
    """Write `report.md`, `report.html`, `timeline.svg` and the captures; returns them.

    Where the host has rsvg-convert, there is `timeline.png`, too: chats and issue trackers show that.
    """
    directory.mkdir(parents=True, exist_ok=True)
    texts = {
        "report.md": markdown(outcome),
        "report.html": html(outcome),
        "timeline.svg": timeline.svg(outcome),
    }
    for name, text in texts.items():
        (directory / name).write_text(text)
    captures = capture.save(directory) if capture else []
    return [*(directory / name for name in texts), *_painted(directory), *captures]


def _painted(directory: Path) -> list[Path]:
    made = directory / "timeline.png"
    painter = shutil.which("rsvg-convert")
    if painter is None:
        return []
    argv = [painter, "--width", str(2 * timeline.WIDTH), "--output", str(made), str(directory / "timeline.svg")]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return [made] if done.returncode == 0 else []


def title(outcome: Outcome) -> str:
    return f"Drill {outcome.event.name}: {outcome.active}, {outcome.event.what}"


def facts(outcome: Outcome) -> list[Row]:
    """What happened, in the order in which people ask."""
    when = datetime.fromtimestamp(outcome.began, UTC).strftime("%F %T UTC")
    rows: list[Row] = [
        ("when", when),
        ("profile", str(outcome.profile)),
        ("load average", f"{outcome.load:.1f}"),
        ("active before", outcome.active),
        ("active afterwards", outcome.survivor or "nobody"),
    ]
    survivor = outcome.survivor if outcome.survivor != outcome.active else ""
    for what in (What.LAST_ADVERT, What.ADVERT, What.ANNOUNCEMENT):
        host = outcome.active if what is What.LAST_ADVERT else survivor
        first = outcome.first(what, host) if host else None
        if first is not None:
            rows.append((f"first {what} of {host}", f"after {first:.3f} s"))
    rows.append(("TCP connections reset on the wire", str(outcome.resets)))
    if outcome.returned or outcome.missing:
        rows.append(("further routers that fell silent", str(len(outcome.returned) + outcome.missing)))
        rows.append(("the last of them answers again after", last_return(outcome)))
    return rows


def steps(outcome: Outcome) -> list[Row]:
    """One after the other."""
    return [("after", "what happened"), *((f"{moment.after:.3f} s", moment.what) for moment in moments(outcome))]


def last_return(outcome: Outcome) -> str:
    """When the last of the further routers answered again, in words."""
    if outcome.missing:
        return f"never: {outcome.missing} only when the event was undone"
    return f"{max(outcome.returned.values(), default=0.0):.2f} s"


def losses(outcome: Outcome) -> list[Row]:
    """A row for each probe: what it lost by the event, and when the event was undone."""
    rows: list[Row] = [("probe", "longest gap", "lost", "gap when undone", "lost then", "alive")]
    for ping in outcome.pings:
        gap = f"{ping.event.longest.seconds:.3f} s" + ("" if ping.event.ended else " (until it was undone)")
        after = f"{ping.undoing.longest.seconds:.3f} s"
        rows.append((ping.name, gap, str(ping.event.lost), after, str(ping.undoing.lost), ""))
    for tcp in outcome.tcp:
        during, after = (
            f"{tcp.longest(since, until):.2f} s"
            for since, until in ((outcome.began, outcome.undone), (outcome.undone, outcome.ended))
        )
        alive = f"{tcp.alive} of {tcp.connections}"
        if tcp.deaths:
            alive += f"; {len(tcp.deaths)} ended by {', '.join(sorted(set(tcp.deaths)))}"
        if tcp.hung:
            alive += f"; {tcp.hung} hang"
        rows.append((tcp.name, during, "", after, "", alive))
    return rows


def shown(outcome: Outcome) -> Table:
    """Facts and losses, for a terminal."""
    made = Table.grid(padding=(0, 2))
    for what, seen in facts(outcome):
        made.add_row(what, seen)
    probes = Table(box=SIMPLE_HEAD, pad_edge=False)
    head, *rows = losses(outcome)
    for column in head:
        probes.add_column(column)
    for row in rows:
        probes.add_row(*row)
    both = Table.grid()
    both.add_row(made)
    both.add_row(probes)
    return both


def markdown(outcome: Outcome) -> str:
    """The report without its picture."""
    parts = [
        f"# {title(outcome)}",
        "![timeline](timeline.svg)",
        _table([("what", "seen"), *facts(outcome)]),
        "## How it went",
        _table(steps(outcome)),
        "## What was lost",
        _table(losses(outcome)),
        "## Expected and seen",
        _table(_check_rows(outcome.checks())),
    ]
    return "\n\n".join(parts) + "\n"


def html(outcome: Outcome) -> str:
    """The report in one file that any browser shows."""
    sections = [("", [("what", "seen"), *facts(outcome)])]
    sections += [("How it went", steps(outcome)), ("What was lost", losses(outcome))]
    sections.append(("Expected and seen", _check_rows(outcome.checks())))
    body = "\n".join((f"<h2>{name}</h2>\n" if name else "") + _html_table(rows) for name, rows in sections)
    heading = escape(title(outcome))
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{heading}</title>\n<style>{_STYLE}</style>\n'
        f"<h1>{heading}</h1>\n{timeline.svg(outcome)}{body}\n</html>\n"
    )


def _check_rows(found: list[Check]) -> list[Row]:
    rows: list[Row] = [("", "what", "expected", "seen")]
    return rows + [("✔" if check.holds else "✘", check.what, check.expected, check.seen) for check in found]


def _table(rows: list[Row]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)


def _html_table(rows: list[Row]) -> str:
    def line(row: Row, tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"

    return "\n".join(["<table>", line(rows[0], "th"), *(line(row, "td") for row in rows[1:]), "</table>"])
