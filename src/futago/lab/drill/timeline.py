"""A drill as a picture: who held the addresses, what each node said, and when traffic was lost. Pure: SVG out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from futago.lab.drill.outcome import Outcome, PingOutcome, TcpOutcome
from futago.lab.drill.sightings import What
from futago.lab.drill.watch import Change

WIDTH: Final = 1000
_LEFT: Final = 150
_LANE: Final = 34
_TOP: Final = 40
_BEFORE: Final = 0.5
_AFTER: Final = 1.0
_MOST: Final = 15.0
_INK: Final = "#1f2933"
_HELD: Final = "#9fd3c7"
_ADVERT: Final = "#0b7285"
_ANNOUNCED: Final = "#e67700"
_ANSWERED: Final = "#37b24d"
_LOST: Final = "#ffa8a8"


@dataclass(frozen=True, slots=True)
class Scale:
    """Seconds from the event, and where they are in the picture."""

    first: float
    last: float

    def x(self, seconds: float) -> float:
        within = min(max(seconds, self.first), self.last)
        return round(_LEFT + (within - self.first) / (self.last - self.first) * (WIDTH - _LEFT - 20), 1)

    def shows(self, seconds: float) -> bool:
        return self.first <= seconds <= self.last


def svg(outcome: Outcome) -> str:
    """The picture, as a file of its own or inside an HTML page."""
    scale = _scale(outcome)
    hosts = list(dict.fromkeys([outcome.active, *sorted({change.host for change in outcome.changes})]))
    lanes = [list(_host_lane(outcome, scale, host)) for host in hosts]
    lanes += [list(_ping_lane(outcome, scale, ping)) for ping in outcome.pings]
    lanes += [list(_tcp_lane(outcome, scale, tcp)) for tcp in outcome.tcp]
    names = hosts + [ping.name for ping in outcome.pings] + [tcp.name for tcp in outcome.tcp]
    height = _TOP + _LANE * len(lanes) + 60
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">']
    lines += [f'<rect width="{WIDTH}" height="{height}" fill="white"/>']
    lines += [_text(10, 22, f"{outcome.active}: {outcome.event.what}", size=15)]
    for number, (name, marks) in enumerate(zip(names, lanes, strict=True)):
        lines += [f'<g transform="translate(0 {_TOP + number * _LANE})">', _text(10, 18, name), *marks, "</g>"]
    bottom = _TOP + _LANE * len(lanes)
    lines += [*_axis(scale, bottom), *_moments(outcome, scale, bottom), *_legend(bottom + 48), "</svg>"]
    return "\n".join(lines) + "\n"


def spans(changes: Iterable[Change], host: str, end: float) -> Iterator[tuple[float, float]]:
    """When a host held the address."""
    since: float | None = None
    for change in changes:
        if change.host != host:
            continue
        if change.held:
            since = change.time
        elif since is not None:
            yield since, change.time
            since = None
    if since is not None:
        yield since, end


def _scale(outcome: Outcome) -> Scale:
    """As much as is needed to see the last change, and the undoing only if traffic needed it."""
    ends = [ping.event.longest.began + ping.event.longest.seconds for ping in outcome.pings]
    ends += [silence.ended for tcp in outcome.tcp for silence in tcp.silences if silence.began < outcome.undone]
    ends += [change.time for change in outcome.changes if change.time < outcome.undone]
    last = max(ends, default=outcome.began) - outcome.began + _AFTER
    if not all(ping.event.ended for ping in outcome.pings):
        last = outcome.undone - outcome.began + 3 * _AFTER
    return Scale(-_BEFORE, min(max(last, 2.0), max(_MOST, outcome.undone - outcome.began + _AFTER)))


def _host_lane(outcome: Outcome, scale: Scale, host: str) -> Iterator[str]:
    for began, ended in spans(outcome.changes, host, outcome.ended):
        yield _bar(scale, began - outcome.began, ended - outcome.began, _HELD, "holds the addresses")
    for seen in outcome.sightings:
        at = seen.time - outcome.began
        if seen.host != host or not scale.shows(at):
            continue
        if seen.what in {What.ADVERT, What.LAST_ADVERT}:
            yield _tick(scale.x(at), 4, 24, _ADVERT, f"{at:+.3f} s {seen.what} {seen.about}", 2)
        elif seen.what is What.ANNOUNCEMENT:
            yield _tick(scale.x(at), 18, 28, _ANNOUNCED, f"{at:+.3f} s {seen.what} {seen.about}", 2)


def _ping_lane(outcome: Outcome, scale: Scale, ping: PingOutcome) -> Iterator[str]:
    for reply in ping.replies:
        at = reply.time - outcome.began
        if scale.shows(at):
            yield _tick(scale.x(at), 8, 22, _ANSWERED, "", 1)
    if ping.event.lost or not ping.event.ended:
        began = ping.event.longest.began - outcome.began
        yield from _silence(scale, began, ping.event.longest.seconds, f"{ping.event.lost} lost")


def _tcp_lane(outcome: Outcome, scale: Scale, tcp: TcpOutcome) -> Iterator[str]:
    yield _bar(scale, scale.first, scale.last, "#d3f9d8", "flows")
    found = [silence for silence in tcp.silences if outcome.began - 0.1 <= silence.began < outcome.undone]
    if found:
        longest = max(found, key=lambda silence: silence.ended - silence.began)
        seconds = longest.ended - longest.began
        yield from _silence(scale, longest.began - outcome.began, seconds, f"{tcp.alive} of {tcp.connections} live on")
    elif tcp.alive < tcp.connections:
        yield from _silence(scale, 0.0, 0.0, f"{tcp.alive} of {tcp.connections} live on")


def _silence(scale: Scale, began: float, seconds: float, text: str) -> Iterator[str]:
    yield _bar(scale, began, began + seconds, _LOST, "silence")
    yield _text(scale.x(began) + 4, 19, f"{seconds:.2f} s, {text}", size=11)


def _axis(scale: Scale, y: float) -> Iterator[str]:
    step = next(step for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 60.0) if (scale.last - scale.first) / step <= 16)
    yield f'<line x1="{_LEFT}" y1="{y}" x2="{WIDTH - 20}" y2="{y}" stroke="{_INK}"/>'
    number = round(scale.first / step)
    while number * step <= scale.last:
        if number * step >= scale.first:
            x = scale.x(number * step)
            yield f'<line x1="{x}" y1="{y}" x2="{x}" y2="{y + 5}" stroke="{_INK}"/>'
            yield _text(x - 10, y + 18, f"{number * step:g} s", size=11)
        number += 1


def _moments(outcome: Outcome, scale: Scale, bottom: float) -> Iterator[str]:
    for at, what in ((0.0, "the event"), (outcome.undone - outcome.began, "undone")):
        if scale.shows(at):
            x = scale.x(at)
            yield f'<line x1="{x}" y1="{_TOP - 8}" x2="{x}" y2="{bottom}" stroke="#c92a2a" stroke-dasharray="4 3"/>'
            yield _text(x + 4, _TOP - 2, what, size=11)


def _legend(y: float) -> Iterator[str]:
    items: Sequence[tuple[str, str]] = (
        (_HELD, "holds the addresses"),
        (_ADVERT, "advertisement"),
        (_ANNOUNCED, "gratuitous ARP"),
        (_ANSWERED, "answer"),
        (_LOST, "longest silence"),
    )
    for number, (colour, what) in enumerate(items):
        x = _LEFT + number * 160
        yield f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
        yield _text(x + 15, y, what, size=11)


def _bar(scale: Scale, began: float, ended: float, colour: str, title: str) -> str:
    x, width = scale.x(began), max(0.5, scale.x(ended) - scale.x(began))
    return (
        f'<rect x="{x}" y="6" width="{width:.1f}" height="18" fill="{colour}">'
        f"<title>{escape(title)}: {began:+.3f} to {ended:+.3f} s</title></rect>"
    )


def _tick(x: float, top: float, bottom: float, colour: str, title: str, width: int) -> str:
    inner = f"<title>{escape(title)}</title>" if title else ""
    return f'<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}" stroke="{colour}" stroke-width="{width}">{inner}</line>'


def _text(x: float, y: float, text: str, *, size: int = 13) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{_INK}">{escape(text)}</text>'
