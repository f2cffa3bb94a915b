"""A drill as a picture: who held the addresses, what each node said, and when traffic was lost. Pure: SVG out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from futago.lab.drill.moments import moments
from futago.lab.drill.outcome import Outcome, PingOutcome, TcpOutcome
from futago.lab.drill.sightings import What
from futago.lab.drill.watch import Change

WIDTH: Final = 1000
_LEFT: Final = 150
_LANE: Final = 40
_TOP: Final = 64
_LINE: Final = 18
_STEPS: Final = 12
"""So many steps are told at most."""
_BEFORE: Final = 0.5
_AFTER: Final = 1.0
_MOST: Final = 15.0
_INK: Final = "#1f2933"
_HELD: Final = "#9fd3c7"
_ADVERT: Final = "#0b7285"
_ANNOUNCED: Final = "#e67700"
_ANSWERED: Final = "#37b24d"
_LOST: Final = "#ffa8a8"
_GREY: Final = "#627282"
_UP: Final = "#74b816"
_DOWN: Final = "#c92a2a"


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
    bottom = _TOP + _LANE * len(lanes)
    steps = list(_steps(outcome, bottom + 84))
    height = bottom + 70 + (_LINE * (len(steps) // 2) + 24 if steps else 0)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">']
    lines += [f'<rect width="{WIDTH}" height="{height}" fill="white"/>']
    lines += [_text(10, 24, f"{outcome.active}: {outcome.event.what}", size=17, bold=True)]
    lines += [_text(10, 42, _subtitle(outcome), size=12, colour=_GREY)]
    for number, (name, marks) in enumerate(zip(names, lanes, strict=True)):
        y = _TOP + number * _LANE
        shade = f'<rect y="-3" width="{WIDTH}" height="{_LANE}" fill="#f6f8fa"/>' if number % 2 == 0 else ""
        lines += [f'<g transform="translate(0 {y})">{shade}', _text(10, 20, name), *marks, "</g>"]
    lines += [*_axis(scale, bottom), *_moments(outcome, scale, bottom), *_legend(bottom + 46), *steps, "</svg>"]
    return "\n".join(lines) + "\n"


def _subtitle(outcome: Outcome) -> str:
    """The figures that people ask for first."""
    gaps = [f"{ping.name} {ping.event.longest.seconds:.2f} s" for ping in outcome.pings if ping.event.ended]
    parts = [f"profile {outcome.profile}"]
    if gaps:
        parts.append(f"longest without an answer: {', '.join(gaps)}")
    if outcome.tcp:
        alive, all_ = sum(tcp.alive for tcp in outcome.tcp), sum(tcp.connections for tcp in outcome.tcp)
        parts.append(f"{alive} of {all_} TCP connections live on")
    return " · ".join(parts)


def _steps(outcome: Outcome, y: float) -> Iterator[str]:
    for number, moment in enumerate(moments(outcome)[:_STEPS]):
        line = y + number * _LINE
        yield _text(_LEFT - 66, line, f"{moment.after:7.3f} s", size=12, colour=_GREY)
        yield _text(_LEFT, line, moment.what, size=12)


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
            yield _tick(scale.x(at), 17, 27, _ANNOUNCED, f"{at:+.3f} s {seen.what} {seen.about}", 2)
    yield from _sessions(outcome, scale, host)


def _sessions(outcome: Outcome, scale: Scale, host: str) -> Iterator[str]:
    """A line for each BFD session of the host with another network node, as long as the host sends at all."""
    said = [seen for seen in outcome.sightings if seen.host == host and seen.what in {What.BFD_UP, What.BFD_DOWN}]
    downs = {seen.about for seen in outcome.sightings if seen.what is What.BFD_DOWN}
    for number, about in enumerate(sorted({seen.about for seen in said} & downs)[:2]):
        ours = [seen for seen in said if seen.about == about]
        ends = [*(seen.time for seen in ours[1:]), outcome.ended]
        for seen, ended in zip(ours, ends, strict=True):
            began, until = seen.time - outcome.began, ended - outcome.began
            colour = _UP if seen.what is What.BFD_UP else _DOWN
            title = f"{seen.what}: {about}, from {began:+.3f} s"
            yield _bar(scale, began, until, colour, title, top=29 + 4 * number, height=3)


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
    yield _text(scale.x(began + seconds) + 6, 19, f"{seconds:.2f} s, {text}", size=11, halo=True)


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
            yield f'<line x1="{x}" y1="{_TOP - 6}" x2="{x}" y2="{bottom}" stroke="#c92a2a" stroke-dasharray="4 3"/>'
            yield _text(x + 4, _TOP - 5, what, size=11)


def _legend(y: float) -> Iterator[str]:
    items: Sequence[tuple[str, str]] = (
        (_HELD, "has addresses"),
        (_ADVERT, "advertisement"),
        (_ANNOUNCED, "gratuitous ARP"),
        (_ANSWERED, "answer"),
        (_LOST, "longest silence"),
        (_UP, "BFD up"),
        (_DOWN, "BFD down"),
    )
    for number, (colour, what) in enumerate(items):
        x = _LEFT + number * 120
        yield f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
        yield _text(x + 15, y, what, size=11)


def _bar(scale: Scale, began: float, ended: float, colour: str, title: str, *, top: int = 6, height: int = 18) -> str:
    x, width = scale.x(began), max(0.5, scale.x(ended) - scale.x(began))
    return (
        f'<rect x="{x}" y="{top}" width="{width:.1f}" height="{height}" fill="{colour}">'
        f"<title>{escape(title)}: {began:+.3f} to {ended:+.3f} s</title></rect>"
    )


def _tick(x: float, top: float, bottom: float, colour: str, title: str, width: int) -> str:
    inner = f"<title>{escape(title)}</title>" if title else ""
    return f'<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}" stroke="{colour}" stroke-width="{width}">{inner}</line>'


def _text(
    x: float, y: float, text: str, *, size: int = 13, colour: str = _INK, bold: bool = False, halo: bool = False
) -> str:
    """With a `halo`, it can be read on whatever is below."""
    style = ' font-weight="bold"' if bold else ""
    if halo:
        style += ' stroke="white" stroke-width="3" paint-order="stroke"'
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}"{style}>{escape(text)}</text>'
