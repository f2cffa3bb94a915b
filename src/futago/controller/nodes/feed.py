"""Who has to know what: the specs of every node, each with the revision at which it last changed.

The feed is a cache of `plan` over the store. It is built whole when the first node asks; afterwards a write costs
the objects that it touched. What it forgets (a restart) costs a node one complete answer, never correctness.

    write ──▶ change log ──▶ plan_keys ──▶ plan_one ──▶ entries of the nodes concerned ──▶ their long polls
"""

import hashlib
import threading
from collections.abc import Mapping
from typing import Final

import msgspec

from futago import __version__
from futago.config import ControllerConfig
from futago.contract.specs import Key, Spec, SpecChanges
from futago.controller.nodes import gather
from futago.controller.plan.views import Settings
from futago.controller.store.database import CHANGES_KEPT, Database, View

_MOST_ABSENCES: Final = 10_000
"""How many removed specs of a node are remembered; a node that is further behind gets everything."""


def _origin(view: View, settings: Settings) -> str:
    """Names all that specs come of besides the revision: the store, the settings and the code."""
    parts = (view.store(), __version__, msgspec.json.encode(settings).decode())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


class Entry(msgspec.Struct, frozen=True):
    """A spec of one node, or its absence, since a revision."""

    revision: int
    spec: Spec | None


class Feed:
    """The specs of all nodes, at one revision."""

    def __init__(self, database: Database, config: ControllerConfig) -> None:
        self._database = database
        self._settings = gather.settings(config)
        self._lock = threading.Lock()
        self._floor: int | None = None
        """The revision at which the cache was built: what changed before it, it cannot tell."""
        self._revision = 0
        self._origin = ""
        self._plans: dict[str, gather.Plans] = {}
        self._entries: dict[str, dict[Key, Entry]] = {}
        self._concerned: set[str] = set()

    def changes(self, node: str, since: int, origin: str | None = None) -> SpecChanges:
        """What `node`, which has reached `since` of `origin`, does not know yet; everything if that cannot be told.

        A node that does not say an origin (None) is taken at its word that it knows this one.
        """
        with self._lock:
            self._refresh()
            entries = self._entries.get(node, {})
            complete = not self._can_tell_since(since, origin)
            fresh = {key: entry for key, entry in entries.items() if complete or entry.revision > since}
            return SpecChanges(
                revision=self._revision,
                complete=complete,
                put=tuple(entry.spec for entry in fresh.values() if entry.spec is not None),
                remove=() if complete else tuple(key for key, entry in fresh.items() if entry.spec is None),
                origin=self._origin,
            )

    def concerned(self) -> frozenset[str]:
        """The nodes of which there are news since this was asked last."""
        with self._lock:
            self._refresh()
            concerned = frozenset(self._concerned)
            self._concerned.clear()
            return concerned

    def behind(self, reached: Mapping[str, int]) -> dict[str, int]:
        """How many specs of each node are newer than the revision that it has reached."""
        with self._lock:
            self._refresh()
            return {
                node: sum(entry.revision > revision for entry in self._entries.get(node, {}).values())
                for node, revision in reached.items()
            }

    def _can_tell_since(self, since: int, origin: str | None) -> bool:
        known = self._floor is not None and self._floor <= since <= self._revision
        return since > 0 and known and origin in {None, self._origin}

    def _refresh(self) -> None:
        self._database.look(self._catch_up)

    def _catch_up(self, view: View) -> None:
        revision = view.revision()
        if self._floor is not None and revision == self._revision:
            return
        whole = self._floor is None or revision - self._revision > CHANGES_KEPT
        if whole:
            self._plans, self._entries, self._floor = {}, {}, None
            self._origin = _origin(view, self._settings)
        keys = gather.all_keys(view) if whole else gather.plan_keys(view, view.changed_keys(self._revision))
        for key in sorted(keys):
            self._plan(key, gather.plan_one(view, key, self._settings), revision)
        if whole:
            self._floor = revision
        self._revision = revision

    def _plan(self, key: str, plans: gather.Plans, revision: int) -> None:
        before = self._plans.pop(key, {})
        if plans:
            self._plans[key] = plans
        for node in before.keys() | plans.keys():
            self._update(node, before.get(node, ()), plans.get(node, ()), revision)

    def _update(self, node: str, before: tuple[Spec, ...], after: tuple[Spec, ...], revision: int) -> None:
        entries = self._entries.setdefault(node, {})
        wanted = {spec.key: spec for spec in after}
        for spec in before:
            if spec.key not in wanted:
                entries[spec.key] = Entry(revision, None)
                self._concerned.add(node)
        for key, spec in wanted.items():
            known = entries.get(key)
            if known is None or known.spec != spec:
                entries[key] = Entry(revision, spec)
                self._concerned.add(node)
        self._forget_absences(entries)

    def _forget_absences(self, entries: dict[Key, Entry]) -> None:
        if len(entries) <= _MOST_ABSENCES:
            return
        absent = sorted((entry.revision, key) for key, entry in entries.items() if entry.spec is None)
        if len(absent) <= _MOST_ABSENCES:
            return
        for revision, key in absent[: _MOST_ABSENCES // 2]:
            del entries[key]
            self._floor = max(self._floor or 0, revision)
