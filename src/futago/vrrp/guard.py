"""No address outlives its engine: what happens when an engine stops and no other one comes.

The guard is a process that an engine leaves behind. It waits for as long as a restart may take, and says so again and
again to peers whose own engine may have been away when ours said it; if nobody has taken the lock by then, it withdraws
what the state file says was active here and tells the peers, who take over at once.
"""

import fcntl
import os
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import structlog

from futago.contract.codec import BadMessage
from futago.values import Millis, Role
from futago.vrrp import send, state
from futago.vrrp.adverts import AdvertSocket
from futago.vrrp.auth import Marks
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.events import SendAdvert
from futago.vrrp.inside import inside
from futago.vrrp.machine import hold
from futago.vrrp.marks import MarksFile
from futago.vrrp.peers import LEAST_PRIORITY
from futago.vrrp.sockets import urgently
from futago.vrrp.state import Saved
from futago.vrrp.tables import Tables
from futago.vrrp.worker import Settings

REMIND_SECONDS: Final = 0.5
"""Less than a backup waits that has just started, by the interval of the default profile."""

log = structlog.get_logger()


def take_lock(path: Path) -> int | None:
    """The lock's file descriptor, or None if somebody has it. It is held until every copy of it is closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def sign(lock: int) -> bytes:
    """Write into the lock file who has it now; the guard of a former holder sees that there was a successor."""
    signature = f"{os.getpid()} {time.monotonic_ns()}\n".encode()
    os.ftruncate(lock, 0)
    os.pwrite(lock, signature, 0)
    return signature


def guard_needed(settings: Settings) -> bool:
    """Whether the engine that has just stopped was active for any router."""
    try:
        saved = state.load(settings.state)
    except (BadMessage, OSError):
        return True
    return any(saved.active(router.name) for router in saved.routers)


def stand_guard(settings: Settings, signature: bytes) -> None:
    """Wait for a successor; without one, withdraw. Runs in a process of its own that holds no lock."""
    until = time.monotonic() + settings.hold_seconds
    while True:
        time.sleep(max(0.0, min(until - time.monotonic(), REMIND_SECONDS)))
        lock = take_lock(settings.lock)
        if lock is None:
            return
        with os.fdopen(lock, "rb") as held:
            if held.read(100) != signature:
                return
            if time.monotonic() >= until:
                log.info("no engine came back, withdrawing", after_seconds=settings.hold_seconds)
                withdraw(settings.state, held=True)
                return
        _ask_to_wait(settings.state, until - time.monotonic())


def _ask_to_wait(path: Path, seconds: float) -> None:
    """Have the peers that listen wait on, in words that outrank nobody: who is active beside us by now is to stay."""
    try:
        saved = state.load(path)
    except (BadMessage, OSError):
        return
    marks, left = _marks(path), Millis(int(seconds * 1000))
    for router in saved.routers:
        if not saved.active(router.name):
            continue
        try:
            _say(router, marks.of(router.name) if marks else {}, [hold(router, left, LEAST_PRIORITY)])
        except OSError as error:
            log.warning("peers not told", router=router.name, error=error.strerror or str(error))


def withdraw(path: Path, *, held: bool) -> None:
    """Remove the addresses and routes of every router that was active here, and let the peers take over at once.

    With `held` an engine has asked them to wait before it stopped.

    All addresses go before the first goodbye is said: the peers elect without it too, only later; but an address that
    is still here when they do is on two hosts.
    """
    with urgently():
        try:
            saved = state.load(path)
        except (BadMessage, OSError) as error:
            log.warning("state not usable, nothing withdrawn", path=str(path), error=str(error))
            return
        withdrawn = [router for router in saved.routers if _take_off(router, active=saved.active(router.name))]
        state.save(path, Saved(routers=saved.routers))
        _say_goodbyes(withdrawn, _marks(path), held=held)


def _take_off(router: VirtualRouterConfig, *, active: bool) -> bool:
    """Whether it was active here. Its interface for advertisements may be down or gone: that is no reason to stay."""
    try:
        with closing(Tables(router.namespace)) as tables:
            outcome = tables.remove(router.addresses, router.routes, router.addresses)
    except OSError as error:
        log.warning("not withdrawn", router=router.name, error=error.strerror or str(error))
        return active
    for problem in outcome.problems:
        log.warning("not withdrawn", router=router.name, error=problem)
    if active or outcome.changed:
        log.info("vrrp role changed", router=router.name, was=Role.ACTIVE, now=Role.INITIALIZE, because="withdrawn")
    return active or outcome.changed > 0


def _say_goodbyes(withdrawn: Sequence[VirtualRouterConfig], marks: MarksFile | None, *, held: bool) -> None:
    for router in withdrawn:
        try:
            _say_goodbye(router, marks.of(router.name) if marks else {}, held=held)
        except OSError as error:
            log.warning("peers not told", router=router.name, error=error.strerror or str(error))


def _say_goodbye(router: VirtualRouterConfig, marks: Marks, *, held: bool) -> None:
    """Priority 0 has the others elect within their skew.

    With `held` an engine that stopped has stretched the interval by which they judge us, and their skew with it
    (`Held`): so they first learn the ordinary one again. The least priority does it, and has nobody yield who has
    elected itself meanwhile.
    """
    priorities = (LEAST_PRIORITY, 0) if held else (0,)
    _say(router, marks, [SendAdvert(priority, router.advert_interval) for priority in priorities])


def _say(router: VirtualRouterConfig, marks: Marks, words: Sequence[SendAdvert]) -> None:
    with closing(inside(router.namespace, lambda: AdvertSocket(router))) as sender:
        for word in words:
            sender.send(send.to_wire(router, word, marks, time.time()))


def _marks(path: Path) -> MarksFile | None:
    """Where the engine that may only be frozen has them too: what we say comes after all that it has said."""
    try:
        return MarksFile(state.marks_path(path), adds=False)
    except OSError:
        return None
