"""The steps of a drill in their order: what happened to whom, and when, for people who read a report. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from futago.lab.drill.outcome import Outcome
from futago.lab.drill.sightings import What

_SENT: Final = {
    What.BFD_DOWN: "says by BFD that it does not hear {about}",
    What.LAST_ADVERT: "says goodbye",
    What.ADVERT: "sends its first advertisement",
    What.ANNOUNCEMENT: "sends its first gratuitous ARP",
}
"""What a host puts on the wire that belongs to the story, the first time that it does so."""


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """One step."""

    after: float
    """Seconds from the event."""
    what: str


def moments(outcome: Outcome) -> list[Moment]:
    """From the event until it was undone; what the former active node goes on sending is no step."""
    found = [*_of_addresses(outcome), *_of_wires(outcome), *_of_pings(outcome)]
    return sorted(moment for moment in found if 0 <= moment.after <= outcome.undone - outcome.began)


def _of_addresses(outcome: Outcome) -> Iterator[Moment]:
    for change in outcome.changes:
        what = "has the addresses" if change.held else "has the addresses no more"
        yield Moment(change.time - outcome.began, f"{change.host} {what}")


def _of_wires(outcome: Outcome) -> Iterator[Moment]:
    hosts = {change.host for change in outcome.changes}
    told: set[tuple[str, What]] = set()
    for seen in outcome.sightings:
        goes_on = seen.host == outcome.active and seen.what in {What.ADVERT, What.ANNOUNCEMENT}
        key = (seen.host, seen.what)
        if seen.what not in _SENT or seen.host not in hosts or goes_on or seen.time < outcome.began or key in told:
            continue
        told.add(key)
        yield Moment(seen.time - outcome.began, f"{seen.host} {_SENT[seen.what].format(about=seen.about)}")


def _of_pings(outcome: Outcome) -> Iterator[Moment]:
    for ping in outcome.pings:
        longest = ping.event.longest
        if ping.event.lost and ping.event.ended:
            after = longest.began + longest.seconds - outcome.began
            yield Moment(after, f"{ping.name}: the first answer again, {ping.event.lost} were lost")
