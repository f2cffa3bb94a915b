"""Runs the engine: the loop's clock and the routers' sockets on one side, the control socket on the other.

      packets ──▶ ┌────────┐ ──orders──▶ attachments (adverts, addresses and routes, gratuitous ARP)
      time    ──▶ │ Engine │
      control ──▶ └────────┘ ──roles──▶  watchers, state file

Everything happens in one thread, in the order in which it came; an order is carried out before the next event is
looked at. A router whose interfaces are missing is tried again every few seconds and holds up no other.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from futago.contract.codec import BadMessage
from futago.values import Millis, Role
from futago.vrrp import accept, rounds, state
from futago.vrrp.alarm import Alarm
from futago.vrrp.config import VirtualAddress, VirtualRouterConfig, without_secrets
from futago.vrrp.control import RouterStatus
from futago.vrrp.engine import Engine, Order, Transmit, refuse, same_virtual_router
from futago.vrrp.machine import OWNER_PRIORITY, Announce, Put, Remove, RoleChanged
from futago.vrrp.pulse import Pulse
from futago.vrrp.records import Record, status_of
from futago.vrrp.rounds import Rounds
from futago.vrrp.sockets import Attachment
from futago.vrrp.state import Alive, Saved, SavedRole

SAVE_AFTER: Final = 0.02
"""Seconds in which role changes gather before they are written down; the kernel knows the truth meanwhile."""
SAVE_SHARE: Final = 0.05
"""The most of our time that goes into writing while a thousand routers take over one after the other."""
LOG_DROPS_EVERY: Final = 60.0
"""Seconds in which one kind of dropped packet is logged once for a router (RFC 9568, 7.1: rate-limited)."""

log = structlog.get_logger()
Watcher = Callable[[RouterStatus], None]


class Daemon:
    """The virtual routers of one host. Must be used from within a running event loop."""

    def __init__(self, state_path: Path, pulse: Pulse | None = None) -> None:
        self._state_path = state_path
        self._pulse = pulse or Pulse()
        self._boot = state.boot_id()
        self._alive = Alive()
        """The sign of life of the engine that was here before."""
        self._loop = asyncio.get_running_loop()
        self._engine = Engine()
        self._wanted: dict[str, VirtualRouterConfig] = {}
        self._attached: dict[str, Attachment] = {}
        self._records: dict[str, Record] = {}
        self._watchers: set[Watcher] = set()
        self._alarm = Alarm(self._now, self._tick)
        self._saving: asyncio.TimerHandle | None = None
        self._save_after = SAVE_AFTER
        self._rounds = Rounds()
        self._checking = self._loop.call_later(rounds.pause(0), self._check_some)
        self._beating: asyncio.Handle = self._loop.call_soon(self._beat)

    def restore(self) -> None:
        """Go on with what was written down; a router whose addresses are in place, and not for too long, is active."""
        self._alive = state.load_alive(self._state_path)
        try:
            saved = state.load(self._state_path)
        except (BadMessage, OSError) as error:
            log.warning("state not usable, waiting to be configured", path=str(self._state_path), error=str(error))
            return
        for router in saved.routers:
            self._wanted[router.name] = router
            remembered = saved.roles.get(router.name)
            self._records[router.name] = Record(remembered.since if remembered else time.time())
            self._attach(router, remembered)
        self._rearm()
        self._beat_once()
        active = sum(record.role is Role.ACTIVE for record in self._records.values())
        log.info("state restored", routers=len(saved.routers), active=active)

    def configure(self, routers: Sequence[VirtualRouterConfig]) -> dict[str, str]:
        """Make these the routers of this host; the reasons for those that do not work now are returned.

        A router that is refused keeps its former settings: a slip of the pen does not stop a working router.
        """
        self._wake()
        refused = refuse(routers)
        wanted = {r.name: r for r in routers if r.name not in refused}
        wanted |= {name: old for name in refused if (old := self._wanted.get(name))}
        gone = [name for name in self._records if name not in wanted and name not in refused]
        self._wanted = wanted
        for name in gone:
            self._remove(name)
        for name in {**wanted, **refused}:
            self._records.setdefault(name, Record(time.time()))
            self._note(name, "configure", refused.get(name))
        for router in wanted.values():
            self._apply(router)
        self._rearm()
        self._save()
        return {name: text for name, record in self._records.items() if (text := record.error)}

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
        self._sign_of_life(held_until=Millis(now + duration))
        for handle in (self._alarm, self._saving, self._checking, self._beating):
            if handle:
                handle.cancel()
        for name in tuple(self._attached):
            self._close(name)

    def statuses(self) -> tuple[RouterStatus, ...]:
        """All routers, sorted by name."""
        return tuple(self._status(name) for name in sorted(self._records))

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
            self._perform(self._engine.configure(router, self._now(), wall=time.time()))

    def _attach(self, router: VirtualRouterConfig, remembered: SavedRole | None) -> None:
        """Open the router's sockets and let it take part, as active if its addresses are there."""
        try:
            attachment = Attachment(router)
        except OSError as error:
            self._note(router.name, "attach", error.strerror or str(error))
            return
        self._note(router.name, "attach", None)
        self._attached[router.name] = attachment
        self._loop.add_reader(attachment.fileno(), self._readable, router.name)
        self._sweep(router.namespace, attachment)
        self._set_accept(router, was=None)
        self._pulse.beat(self._pulse.patience)
        orders = self._engine.start(
            router,
            self._now(),
            adopt=self._adopt(router, attachment, remembered),
            wall=time.time(),
            sequences=self._alive.sequences_of(router.name),
        )
        self._perform(orders)
        if remembered and remembered.role is self._engine.role(router.name):
            self._records[router.name].since = remembered.since

    def _adopt(self, router: VirtualRouterConfig, attachment: Attachment, remembered: SavedRole | None) -> bool:
        """Whether to go on as active. Addresses of one that comes too late go: a peer has them by now."""
        found = attachment.found_any(router.addresses)
        was_active = remembered is not None and remembered.role is Role.ACTIVE
        active = found if router.addresses else was_active
        if active and remembered and self._alive.recent(router, self._now(), self._boot):
            return True
        if router.priority == OWNER_PRIORITY:
            return False
        if found:
            log.warning("addresses of a former engine removed, a peer may have them by now", router=router.name)
        if found or any(a.address.version == 6 for a in router.addresses):  # even without one, to be silent
            attachment.remove(router.addresses, router.routes)
        return False

    def _set_accept(self, router: VirtualRouterConfig, was: VirtualRouterConfig | None) -> None:
        """Accept_Mode; an owner always accepts (RFC 9568, 6.1)."""
        try:
            if not router.accept and router.priority != OWNER_PRIORITY:
                accept.enforce(router)
            elif was and not was.accept:
                accept.lift(router)
            self._note(router.name, "accept", None)
        except OSError as error:
            self._note(router.name, "accept", error.strerror or str(error))

    def _sweep(self, namespace: str, attachment: Attachment) -> None:
        """Remove addresses that carry our mark and that no router here has: a former engine died with them."""
        ours = {
            (a.interface, a.address) for r in self._wanted.values() if r.namespace == namespace for a in r.addresses
        }
        strays = tuple(
            VirtualAddress(interface=found.interface, address=found.address)
            for found in attachment.found
            if found.ours and (found.interface, found.address) not in ours
        )
        if strays:
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
        try:
            packets = self._attached[name].receive()
        except OSError as error:
            self._note(name, "receive", error.strerror)
            return
        now, wall = self._wake(), time.time()
        for data in packets:
            self._perform(self._engine.receive(name, data, now, wall=wall))
        self._log_drops(name)
        self._rearm()

    def _tick(self) -> None:
        self._perform(self._engine.timers(self._wake(), wall=time.time()))
        self._rearm()

    def _beat(self) -> None:
        """Show the warden, and who comes after us, that we live."""
        self._wake()
        seconds = self._beat_once()
        self._beating = self._loop.call_later(seconds, self._beat)

    def _beat_once(self) -> float:
        self._sign_of_life(held_until=Millis(0))
        return self._pulse.beat(self._engine.patience())

    def _sign_of_life(self, held_until: Millis) -> None:
        sequences = state.saved_sequences(self._engine.sequences())
        alive = Alive(boot=self._boot, at=self._now(), held_until=held_until, sequences=sequences)
        try:
            state.save_alive(self._state_path, alive)
        except OSError as error:
            log.debug("sign of life not written", path=str(self._state_path), error=error.strerror)

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

    def _now(self) -> Millis:
        """By a clock that goes on while the host sleeps, so that we know how long we were silent."""
        return Millis(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)

    def _perform(self, orders: Iterable[Order]) -> None:
        for order in orders:
            try:
                self._carry_out(order)
            except OSError as error:
                self._note(order.router.name, type(order.action).__name__.lower(), error.strerror or str(error))

    def _carry_out(self, order: Order) -> None:
        name, attachment = order.router.name, self._attached[order.router.name]
        match order.action:
            case Transmit(data):
                attachment.send(data)
                self._note(name, "transmit", None)
            case Put(addresses, routes):
                self._note(name, "put", "; ".join(attachment.put(addresses, routes).problems) or None)
            case Remove(addresses, routes):
                self._note(name, "remove", "; ".join(attachment.remove(addresses, routes).problems) or None)
            case Announce(addresses):
                attachment.announce(addresses)
                self._note(name, "announce", None)
            case RoleChanged() as change:
                self._role_changed(name, change)

    def _role_changed(self, name: str, change: RoleChanged) -> None:
        record = self._records[name]
        record.role, record.cause, record.since = change.now, change.cause.value, time.time()
        record.transitions += 1
        log.info("vrrp role changed", router=name, was=change.was, now=change.now, because=change.cause.value)
        self._push(name)
        patience = self._pulse.patience
        if change.now is Role.ACTIVE and not 0 < patience <= self._engine.patience_of(name):
            self._beating.cancel()  # from now on the warden has to watch over it, or to look more often
            self._beating = self._loop.call_soon(self._beat)
        if self._saving is None:
            self._saving = self._loop.call_later(self._save_after, self._save)

    def _note(self, name: str, doing: str, problem: str | None) -> None:
        """Keep what does not work, and say so when it starts and when it ends; in between is silence."""
        errors = self._records[name].errors
        if errors.get(doing) == problem:
            return
        if problem is None:
            del errors[doing]
            log.info("vrrp router works again", router=name, doing=doing)
        else:
            errors[doing] = problem
            log.warning("vrrp router has a problem", router=name, doing=doing, problem=problem)
        self._push(name)

    def _log_drops(self, name: str) -> None:
        record, now = self._records[name], self._loop.time()
        for reason, number in self._engine.counters(name).dropped.items():
            seen, at = record.logged.get(reason, (0, -LOG_DROPS_EVERY))
            if number > seen and now >= at + LOG_DROPS_EVERY:
                record.logged[reason] = number, now
                log.warning("vrrp packets dropped", router=name, because=reason.value, number=number - seen)

    def _check_some(self) -> None:
        """See that the next few routers have what they need (`rounds`)."""
        self._wake()
        for router in [self._wanted[name] for name in self._rounds.next(self._wanted) if name in self._wanted]:
            if router.name not in self._attached:
                self._attach(router, None)
            elif self._check(router) and self._engine.role(router.name) is Role.ACTIVE:
                self._repair(router)
        self._rearm()
        self._checking = self._loop.call_later(rounds.pause(len(self._wanted)), self._check_some)

    def _check(self, router: VirtualRouterConfig) -> bool:
        """A router whose interface is gone, new or down leaves, and joins anew if it can."""
        try:
            self._attached[router.name].check()
        except OSError:
            self._stop(router.name)
            self._attach(router, None)
            return False
        return True

    def _repair(self, router: VirtualRouterConfig) -> None:
        """Somebody may have taken an active router's addresses, or made an interface of it anew."""
        outcome = self._attached[router.name].restore(router.addresses, router.routes)
        self._note(router.name, "put", "; ".join(outcome.problems) or None)
        if outcome.changed:
            log.warning("missing addresses or routes put back", router=router.name, number=outcome.changed)
            self._perform([Order(router, Announce(router.addresses))])

    def _save(self) -> None:
        if self._saving:
            self._saving.cancel()
            self._saving = None
        began = self._loop.time()
        roles = {n: SavedRole(role=r.role, since=r.since) for n, r in self._records.items() if n in self._wanted}
        try:
            state.save(self._state_path, Saved(routers=tuple(self._wanted.values()), roles=roles))
        except OSError as error:
            log.warning("state not written", path=str(self._state_path), error=error.strerror)
        self._save_after = max(SAVE_AFTER, (self._loop.time() - began) / SAVE_SHARE)

    def _push(self, name: str) -> None:
        status = self._status(name)
        for watcher in tuple(self._watchers):
            watcher(status)

    def _status(self, name: str) -> RouterStatus:
        return status_of(name, self._records[name], self._engine.counters(name))
