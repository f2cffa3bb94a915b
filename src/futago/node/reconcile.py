"""Make the host as wanted: read back, put what differs, remove what is too much, go on after a failure.

What was read or put is remembered, so that a change touches only what it changes; a read forgets and looks again. A
failed element is tried again after a pause that grows, and at once when it is wanted otherwise.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog

from futago.contract.specs import Key
from futago.node.host import HOST, Element, HostRefused, HostState, Owned

FIRST_RETRY_SECONDS: Final = 0.2
LAST_RETRY_SECONDS: Final = 10.0

_log = structlog.get_logger()


class Driver(Protocol):
    """Makes elements of some kinds true on the host. Failures are returned by key; "" is "not possible yet"."""

    def read(self, wanted: Collection[Any]) -> Mapping[str, Any]:
        """What of these kinds is there and ours, in the same terms as it is wanted in."""

    def put(self, elements: Sequence[Any]) -> dict[str, str]:
        """Make these true; doing it twice is the same as doing it once."""

    def remove(self, elements: Sequence[Any]) -> dict[str, str]:
        """Undo these; what is not there is removed already."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A driver and the kinds of elements that it has; stages are put in order and removed in the opposite order."""

    name: str
    driver: Driver
    kinds: tuple[type, ...]
    after: str = ""
    """A stage whose elements these hang on: when something was put there, these are looked at again."""


@dataclass(slots=True)
class _Trouble:
    """A failed element: what was wanted of it, why it failed, and when it is tried again."""

    element: Element
    message: str
    owner: Key
    not_before: float
    pause: float


@dataclass(slots=True)
class _Seen:
    """What a stage has on the host, as far as we know; not to be swept before it has been read."""

    known: dict[str, Element] = field(default_factory=dict)
    touched: dict[str, Element] = field(default_factory=dict)
    """Elements that failed to come or to go: something of them may be there."""
    unread: bool = True
    refused: str = ""


class Reconciler:
    """Not thread-safe: one caller at a time."""

    def __init__(self, stages: Sequence[Stage], clock: Callable[[], float]) -> None:
        self._stages = stages
        self._clock = clock
        self._seen = {stage.name: _Seen() for stage in stages}
        self._troubles: dict[str, _Trouble] = {}

    def forget(self, stages: Iterable[str] | None = None) -> None:
        """Look again at these stages (or all) in the next pass, and try what failed in them at once."""
        for name in self._seen if stages is None else stages:
            self._seen[name].unread = True
        for trouble in self._troubles.values():
            trouble.not_before = 0.0

    def put(self, wanted: HostState) -> None:
        """Read what is to be read, then put what differs, in the order of the stages."""
        busy: set[str] = set()
        for stage in self._stages:
            mine = _of(stage, wanted)
            by_us = stage.after in busy
            self._seen[stage.name].unread |= by_us
            self._read(stage, mine, by_us=by_us)
            if self._put(stage, mine):
                busy.add(stage.name)

    def remove(self, wanted: HostState) -> None:
        """Remove what is ours and not wanted, in the opposite order."""
        for stage in reversed(self._stages):
            seen, mine = self._seen[stage.name], _of(stage, wanted)
            there = seen.touched | seen.known
            surplus = [element for key, element in there.items() if key not in mine and self._due(key, element)]
            failures = _attempt(stage.driver.remove, surplus)
            for element in surplus:
                seen.known.pop(element.key, None)
                seen.touched.pop(element.key, None)
                if element.key in failures:
                    # Half of it may be gone: if it is wanted again it is put again.
                    seen.touched[element.key] = element
                    self._fail(element, failures[element.key], HOST)
                else:
                    self._troubles.pop(element.key, None)
        self._forget_troubles_of_the_gone(wanted)

    def holds(self, element: Element) -> bool:
        """Whether `element` is there, as far as we know."""
        return any(seen.known.get(element.key) == element for seen in self._seen.values())

    def missing(self, wanted: HostState) -> set[str]:
        """The keys of the elements that are not there, as far as we know."""
        there = {key: element for seen in self._seen.values() for key, element in seen.known.items()}
        return {key for key, owned in wanted.elements.items() if there.get(key) != owned.element}

    def failures(self) -> dict[Key, str]:
        """Why some specs are not true, by spec: the first reason of each."""
        reasons: dict[Key, str] = {}
        for stage in self._stages:
            if self._seen[stage.name].refused:
                reasons.setdefault(HOST, self._seen[stage.name].refused)
        for trouble in self._troubles.values():
            reasons.setdefault(trouble.owner, trouble.message)
        return reasons

    def retry_at(self) -> float | None:
        """When the next failed element is to be tried again."""
        times = [trouble.not_before for trouble in self._troubles.values()]
        if any(seen.unread for seen in self._seen.values()):
            times.append(self._clock() + FIRST_RETRY_SECONDS)
        return min(times, default=None)

    def _read(self, stage: Stage, mine: Mapping[str, Owned], *, by_us: bool) -> None:
        """`by_us`: what it hangs on was put just now, so that it may be other than it was left."""
        seen = self._seen[stage.name]
        if not seen.unread:
            return
        try:
            found = stage.driver.read([owned.element for owned in mine.values()])
        except (HostRefused, OSError) as error:
            seen.known, seen.refused = {}, str(error)
            return
        lost = sorted(key for key, element in seen.known.items() if key in mine and found.get(key) != element)
        if lost and not by_us:
            _log.info("changed behind our back", stage=stage.name, keys=lost)
        seen.known, seen.unread, seen.refused = dict(found), False, ""
        for key, element in seen.known.items():
            if key in mine and mine[key].element == element:
                self._troubles.pop(key, None)

    def _put(self, stage: Stage, mine: Mapping[str, Owned]) -> bool:
        """Put what differs; whether anything has become true by that."""
        seen = self._seen[stage.name]
        todo = [
            owned
            for key, owned in mine.items()
            if seen.known.get(key) != owned.element and self._due(key, owned.element)
        ]
        failures = _attempt(stage.driver.put, [owned.element for owned in todo])
        for owned in todo:
            key = owned.element.key
            message = failures.get(key)
            if message is None:
                seen.known[key] = owned.element
                seen.touched.pop(key, None)
                self._troubles.pop(key, None)
            elif message:
                seen.touched[key] = owned.element
                self._fail(owned.element, message, owned.owner)
        return len(failures) < len(todo)

    def _due(self, key: str, element: Element) -> bool:
        trouble = self._troubles.get(key)
        return trouble is None or trouble.element != element or trouble.not_before <= self._clock()

    def _fail(self, element: Element, message: str, owner: Key) -> None:
        before = self._troubles.get(element.key)
        again = before is not None and before.element == element
        pause = min(2 * before.pause, LAST_RETRY_SECONDS) if before and again else FIRST_RETRY_SECONDS
        self._troubles[element.key] = _Trouble(
            element=element, message=message, owner=owner, not_before=self._clock() + pause, pause=pause
        )

    def _forget_troubles_of_the_gone(self, wanted: HostState) -> None:
        there = {key for seen in self._seen.values() for key in seen.known | seen.touched}
        self._troubles = {k: t for k, t in self._troubles.items() if k in wanted.elements or k in there}


def _of(stage: Stage, wanted: HostState) -> dict[str, Owned]:
    return {key: owned for key, owned in wanted.elements.items() if isinstance(owned.element, stage.kinds)}


def _attempt(act: Callable[[Sequence[Any]], dict[str, str]], elements: Sequence[Element]) -> dict[str, str]:
    if not elements:
        return {}
    try:
        return act(elements)
    except (HostRefused, OSError) as error:
        return {element.key: str(error) for element in elements}
