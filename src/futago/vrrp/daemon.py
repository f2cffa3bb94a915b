"""Runs the engine: the loop's clock and the routers' sockets on one side, the control socket on the other.

      packets ──▶ ┌────────┐ ──orders──▶ attachments (adverts, addresses and routes, gratuitous ARP)
      time    ──▶ │ Engine │
      control ──▶ └────────┘ ──roles──▶  watchers, state file

Everything happens in one thread, in the order in which it came; an order is carried out before the next event is
looked at. A router whose interfaces are missing is tried again every few seconds and holds up no other.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from futago.values import IPAddress, Millis, Role
from futago.vrrp import accept, rounds
from futago.vrrp.alarm import LATE, Alarm, awake_or_asleep
from futago.vrrp.config import VirtualRouterConfig, without_secrets
from futago.vrrp.control import HostStatus, RouterStatus
from futago.vrrp.engine import Engine, Order, Transmit, same_virtual_router
from futago.vrrp.events import Announce, Put, Remove, RoleChanged
from futago.vrrp.flaws import refuse
from futago.vrrp.hosts import Hosts
from futago.vrrp.machine import OWNER_PRIORITY
from futago.vrrp.memory import Memory
from futago.vrrp.pulse import Pulse
from futago.vrrp.radv_sender import Advertisers
from futago.vrrp.records import Record, oddities, status_of, takeover_of
from futago.vrrp.rounds import Rounds
from futago.vrrp.sockets import Attachment
from futago.vrrp.state import SavedRole
from futago.vrrp.takeovers import Takeovers

AT_ONCE: Final = 20
"""Routers whose timers are served before we look whether packets have come: a millisecond.

Those that wait meanwhile are timed by when their turn came, so that a crowd that was due together spreads.
"""

log = structlog.get_logger()
Routers = Sequence[VirtualRouterConfig]
Watcher = Callable[[RouterStatus], None]


class Daemon:
    """The virtual routers of one host. Must be used from within a running event loop."""

    def __init__(self, state_path: Path, pulse: Pulse | None = None, hosts: Hosts | None = None) -> None:
        self._memory = Memory(state_path)
        self._pulse = pulse or Pulse()
        self._loop = asyncio.get_running_loop()
        self._engine = Engine()
        self._hosts = hosts or Hosts("")
        self._wanted: dict[str, VirtualRouterConfig] = {}
        self._attached: dict[str, Attachment] = {}
        self._records: dict[str, Record] = {}
        self.takeovers = Takeovers()
        self._now = awake_or_asleep
        self._advertisers = Advertisers(self._now)
        self._watchers: set[Watcher] = set()
        self._alarm = Alarm(self._now, self._tick)
        self._saving: asyncio.TimerHandle | None = None
        self._rounds = Rounds()
        self._checking = self._loop.call_later(rounds.pause(0), self._check_some)
        self._beating: asyncio.Handle = self._loop.call_soon(self._beat)

    def restore(self) -> None:
        """Go on with what was written down; a router whose addresses are in place, and not for too long, is active."""
        saved = self._memory.recall()
        self._wanted = {one.name: one for one in saved.routers}  # all of them, or one takes another's for a stray
        for router in saved.routers:
            remembered = saved.roles.get(router.name)
            self._records[router.name] = Record(remembered.since if remembered else time.time())
            self._attach(router, remembered)
        self._follow_hosts()
        self._rearm()
        self._beat_once()
        active = sum(record.role is Role.ACTIVE for record in self._records.values())
        log.info("state restored", routers=len(saved.routers), active=active)

    def configure(self, routers: Routers) -> dict[str, str]:
        """Make these the routers of this host; the reasons for those that do not work now are returned.

        A router that is refused keeps its former settings: a slip of the pen does not stop a working router.
        """
        gone = self._records.keys() - {router.name for router in routers}
        return self._change(routers, gone, refuse(routers))

    def change(self, put: Routers, remove: Collection[str]) -> dict[str, str]:
        """As `configure`, but what is not named stays as it is."""
        others = self._wanted.keys() - {router.name for router in put}.union(remove)
        refused = refuse(put, beside=[self._wanted[name] for name in others])
        return self._change(put, self._records.keys() & set(remove), refused)

    def _change(self, put: Routers, gone: Collection[str], refused: dict[str, str]) -> dict[str, str]:
        self._wake()
        for name in gone:
            self._wanted.pop(name, None)
            self._remove(name)
        for name in {router.name: None for router in put}:
            self._records.setdefault(name, Record(time.time()))
            self._note(name, "configure", refused.get(name))
        changed = [router for router in put if router.name not in refused and not self._runs(router)]
        self._hosts.busy(sum(router.name not in self._wanted for router in changed), self._now())
        self._wanted |= {router.name: router for router in changed}
        for router in changed:
            self._apply(router)
        self._rearm()
        if gone or changed:
            self._save()
            self._follow_hosts()
        return {name: text for name, record in self._records.items() if (text := record.error)}

    def _runs(self, router: VirtualRouterConfig) -> bool:
        """Exactly so; whether its interfaces are still there is seen to by `_check_some`."""
        return router.name in self._attached and self._engine.config(router.name) == router

    def _follow_hosts(self) -> None:
        if any(peer.tunnel for router in self._wanted.values() for peer in router.peers):
            self._hosts.follow(lambda states: self._loop.call_soon_threadsafe(self._sessions_changed, states))

    def _sessions_changed(self, states: Mapping[IPAddress, bool]) -> None:
        now = self._wake()
        self._perform(self._hosts.update(self._engine, states, now, time.time()))
        self._rearm()

    def resign(self, name: str) -> bool:
        """Let another router become active; False if this one is not."""
        if self._engine.role(name) is not Role.ACTIVE:
            return False
        self._perform(self._engine.resign(name, self._wake(), wall=time.time()))
        self._rearm()
        return True

    def hold(self, duration: Millis) -> None:
        """Ask the others to wait while this engine restarts, and write down the present state; do nothing after it."""
        now = self._wake()
        self._perform(self._engine.hold(duration, now, wall=time.time()))
        self._save()
        self._memory.sign_of_life(now, Millis(now + duration))
        self._hosts.close()
        for handle in (self._alarm, self._saving, self._checking, self._beating):
            if handle:
                handle.cancel()
        for name in tuple(self._attached):
            self._close(name)

    def names(self) -> set[str]:
        """Of all routers that were configured, those that cannot run included."""
        return set(self._records)

    def statuses(self) -> tuple[RouterStatus, ...]:
        """All routers, sorted by name."""
        return tuple(self._status(name) for name in sorted(self._records))

    def hosts(self) -> tuple[HostStatus, ...]:
        """The other hosts that are watched."""
        return self._hosts.statuses(self._now(), time.time())

    def described(self, name: str) -> VirtualRouterConfig | None:
        """What a router was configured to be, its secrets left out."""
        config = self._wanted.get(name)
        return without_secrets(config) if config else None

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` at every change from now on."""
        self._watchers.add(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    def _apply(self, router: VirtualRouterConfig) -> None:
        self._pulse.beat(self._pulse.patience)
        if router.name not in self._engine:
            self._attach(router, None)
        elif not same_virtual_router(self._engine.config(router.name), router):
            self._stop(router.name)
            self._attach(router, None)
        elif self._check(router) and self._engine.config(router.name) != router:
            self._attached[router.name].update(router)
            self._set_accept(router, was=self._engine.config(router.name))
            self._advertisers.follow(router, active=self._engine.role(router.name) is Role.ACTIVE)
            self._perform(self._engine.configure(router, self._now(), wall=time.time()))

    def _attach(self, router: VirtualRouterConfig, remembered: SavedRole | None) -> None:
        """Open the router's sockets and let it take part, as active if its addresses are there."""
        try:
            self._attached[router.name] = Attachment(router)
            adopt = self._prepare(router, self._attached[router.name], remembered)
        except OSError as error:
            self._close(router.name)
            self._note(router.name, "attach", error.strerror or str(error))
            return
        self._note(router.name, "attach", None)
        self._loop.add_reader(self._attached[router.name].fileno(), self._readable, router.name)
        self._set_accept(router, was=None)
        self._pulse.beat(self._pulse.patience)
        marks = self._memory.marks_of(router.name)
        self._perform(self._engine.start(router, self._now(), adopt=adopt, wall=time.time(), marks=marks))
        if remembered and remembered.role is self._engine.role(router.name):
            self._records[router.name].since = remembered.since

    def _prepare(self, router: VirtualRouterConfig, attachment: Attachment, remembered: SavedRole | None) -> bool:
        """Whether to go on as active. Addresses of one that comes too late go: a peer has them by now."""
        self._sweep(router.namespace, attachment)
        found = attachment.found_any(router.addresses)
        was_active = remembered is not None and remembered.role is Role.ACTIVE
        active = found if router.addresses else was_active
        if active and remembered and self._memory.recent(router, self._now()):
            return True
        if router.priority == OWNER_PRIORITY:
            return False
        if found:
            log.warning("addresses of a former engine removed, a peer may have them by now", router=router.name)
        if found or any(a.address.version == 6 for a in router.addresses):  # even without one, to be silent
            attachment.remove(router.addresses, router.routes)
        return False

    def _set_accept(self, router: VirtualRouterConfig, was: VirtualRouterConfig | None) -> None:
        try:
            accept.change(router, was)
            self._note(router.name, "accept", None)
        except OSError as error:
            self._note(router.name, "accept", error.strerror or str(error))

    def _sweep(self, namespace: str, attachment: Attachment) -> None:
        """Remove addresses that carry our mark and that no router here has: a former engine died with them."""
        ours = (a for router in self._wanted.values() if router.namespace == namespace for a in router.addresses)
        if strays := attachment.strays(ours):
            log.info("stray addresses removed", namespace=namespace, addresses=[str(s.address) for s in strays])
            attachment.remove(strays, ())

    def _stop(self, name: str) -> None:
        if name in self._engine:
            router = self._engine.config(name)
            self._perform(self._engine.stop(name, self._now(), wall=time.time()))
            self._set_accept(msgspec.structs.replace(router, accept=True), was=router)
        self._close(name)

    def _remove(self, name: str) -> None:
        self._stop(name)
        record = self._records[name]
        record.cause = "removed"
        record.errors.clear()
        self._push(name)
        del self._records[name]

    def _close(self, name: str) -> None:
        attachment = self._attached.pop(name, None)
        if attachment:
            self._loop.remove_reader(attachment.fileno())
            attachment.close()
            errors = self._records[name].errors
            self._records[name].errors = {doing: text for doing, text in errors.items() if doing == "configure"}

    def _readable(self, name: str) -> None:
        """One packet; the loop calls again for more. Who is late hears all of them before it judges silence."""
        now, wall = self._wake(), time.time()
        due = self._engine.deadline()
        try:
            packets = self._attached[name].receive(everything=due is not None and now > due + LATE)
        except OSError as error:
            self._note(name, "receive", error.strerror or str(error))
            return
        self._note(name, "receive", None)
        for data in packets:
            self._perform(self._engine.receive(name, data, now, wall=wall))
        for what, number in oddities(self._records[name], self._engine.counters(name), self._loop.time()):
            log.warning("odd vrrp packets", router=name, because=what, number=number)
        self._rearm()

    def _tick(self) -> None:
        self._perform(self._engine.timers(self._wake(), wall=time.time(), at_most=AT_ONCE))
        self._rearm()

    def _beat(self) -> None:
        """Show the warden, and who comes after us, that we live."""
        self._wake()
        self._beating = self._loop.call_later(self._beat_once(), self._beat)

    def _beat_once(self) -> float:
        self._memory.sign_of_life(self._now(), Millis(0))
        return self._pulse.beat(self._engine.patience())

    def _wake(self) -> Millis:
        """The time. If the warden has given us up meanwhile, the first thing to do is to step back."""
        now = self._now()
        if self._pulse.take_withdrawal():
            log.warning("the engine was frozen, its addresses were withdrawn")
            self._perform(self._engine.withdrawn(now, wall=time.time()))
            self._rearm()
        return now

    def _rearm(self) -> None:
        self._alarm.set(self._engine.deadline())

    def _perform(self, orders: Iterable[Order]) -> None:
        for order in orders:
            try:
                self._carry_out(order)
            except OSError as error:
                self._note(order.router.name, type(order.action).__name__.lower(), error.strerror or str(error))

    def _carry_out(self, order: Order) -> None:
        name, attachment = order.router.name, self._attached.get(order.router.name)
        if attachment is None:
            return  # we are about to stop
        match order.action:
            case Transmit(data):
                attachment.send(data)
                self._note(name, "transmit", None)
            case Put(addresses, routes):
                self._note(name, "put", "; ".join(attachment.put(addresses, routes).problems) or None)
            case Remove(addresses, routes):
                self._note(name, "remove", "; ".join(attachment.remove(addresses, routes).problems) or None)
            case Announce(addresses, briefly, new):
                attachment.announce(addresses, briefly=briefly, new=new)
                self._note(name, "announce", None)
            case RoleChanged() as change:
                self._advertisers.follow(order.router, active=change.now is Role.ACTIVE)
                self._role_changed(name, change)

    def _role_changed(self, name: str, change: RoleChanged) -> None:
        record = self._records[name]
        record.change(change, time.time())
        if change.now is Role.ACTIVE and (made := takeover_of(self._engine.counters(name).hearing, self._now())):
            record.takeover, self.takeovers = made, self.takeovers.with_one(made)
        log.info("vrrp role changed", router=name, was=change.was, now=change.now, because=change.cause.value)
        self._push(name)
        if change.now is Role.ACTIVE and not 0 < self._pulse.patience <= self._engine.patience_of(name):
            self._beating.cancel()  # from now on the warden has to watch over it, or to look more often
            self._beating = self._loop.call_soon(self._beat)
        if self._saving is None:
            self._saving = self._loop.call_later(self._memory.save_after, self._save)

    def _note(self, name: str, doing: str, problem: str | None) -> None:
        """What does not work, and that it works again, is news to the watchers."""
        if self._records[name].note(name, doing, problem):
            self._push(name)

    def _check_some(self) -> None:
        """See that the next few routers have what they need (`rounds`)."""
        self._checking = self._loop.call_later(rounds.pause(len(self._wanted)), self._check_some)
        self._wake()
        for router in [self._wanted[name] for name in self._rounds.next(self._wanted) if name in self._wanted]:
            if router.name not in self._attached:
                self._attach(router, None)
            elif self._check(router):
                self._look_after(router)
        self._rearm()

    def _check(self, router: VirtualRouterConfig) -> bool:
        """A router whose interface is gone, new or down leaves, and joins anew if it can."""
        try:
            self._attached[router.name].check()
        except OSError:
            self._stop(router.name)
            self._attach(router, None)
            return False
        return True

    def _look_after(self, router: VirtualRouterConfig) -> None:
        """Somebody may have taken an active router's addresses, or made an interface of it anew."""
        self._engine.note_use(router.name, self._attached[router.name].connections(), self._now())
        if self._engine.role(router.name) is not Role.ACTIVE:
            return
        try:
            outcome = self._attached[router.name].restore(router.addresses, router.routes)
        except OSError as error:
            self._note(router.name, "put", error.strerror or str(error))
            return
        self._note(router.name, "put", "; ".join(outcome.problems) or None)
        if outcome.changed:
            log.warning("missing addresses or routes put back", router=router.name, number=outcome.changed)
            self._perform([Order(router, Announce(router.addresses))])

    def _save(self) -> None:
        if self._saving:
            self._saving.cancel()
            self._saving = None
        roles = {n: SavedRole(role=r.role, since=r.since) for n, r in self._records.items() if n in self._wanted}
        self._memory.save(self._wanted.values(), roles)

    def _push(self, name: str) -> None:
        status = self._status(name)
        for watcher in tuple(self._watchers):
            watcher(status)

    def _status(self, name: str) -> RouterStatus:
        return status_of(name, self._records[name], self._engine.counters(name))
