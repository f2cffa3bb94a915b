"""`futago vrrpd`: a small parent that outlives the engine's crashes, and a guard that outlives the parent.

    warden ──fork──▶ worker (the engine)        worker dies  → the warden forks another, which adopts
       │                │                       SIGTERM      → the worker asks the others to wait and ends;
       │                └──(warden died)─┐                     the warden leaves a guard behind and ends
       └──────fork──▶ guard ◀──fork──────┘      warden dies  → the worker does the same
                                                worker hangs → the warden withdraws its addresses

The control socket is bound here, so that it stays while workers come and go, and the lock is taken here: there is one
engine for one state file. Everything is imported before the first fork, so parent and child share their memory.
"""

import errno
import gc
import os
import signal
import socket
import stat
import time
from collections.abc import Callable
from typing import Final, NoReturn

import structlog

from futago import lines
from futago.vrrp.guard import guard_needed, sign, stand_guard, take_lock, withdraw
from futago.vrrp.pulse import Pulse, Vigil
from futago.vrrp.server import BACKLOG
from futago.vrrp.sockets import be_ordinary
from futago.vrrp.worker import Settings, work

LOCK_PATIENCE: Final = 5.0
"""Seconds to wait for a guard that is just withdrawing."""
STOP_PATIENCE: Final = 5.0
"""Seconds that a worker has to stop."""
QUICK_DEATH: Final = 2.0
"""A worker that dies within so many seconds of its birth did not get over what killed it."""
QUICK_DEATHS_BEFORE_WITHDRAWAL: Final = 3
MAX_PAUSE: Final = 5.0

_WATCHED: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP}

log = structlog.get_logger()


class AlreadyRunning(RuntimeError):
    """Another engine runs with the same state or on the same socket."""


def run(settings: Settings) -> int:
    """Run the engine until SIGTERM or SIGINT; the exit status.

    Raises:
        AlreadyRunning: there is one already.
        OSError: the socket or the lock cannot be made.

    """
    lock = _take_lock_patiently(settings)
    signature = sign(lock)
    listener = lines.bind(settings.socket)
    listener.listen(BACKLOG)
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    gc.freeze()
    _Warden(settings, listener, lock, signature).run()
    return 0


class _Warden:
    def __init__(self, settings: Settings, listener: socket.socket, lock: int, signature: bytes) -> None:
        self._settings = settings
        self._listener = listener
        self._lock = lock
        self._signature = signature
        self._alive_read, self._alive_write = os.pipe()
        self._quick_deaths = 0
        self._pulse = Pulse()

    def run(self) -> None:
        first = True
        while True:
            born = time.monotonic()
            worker = self._fork_worker(first=first)
            if not self._outlive(worker):
                break
            first = False
            if self._pause(time.monotonic() - born):
                break
        self._leave()

    def _fork_worker(self, *, first: bool) -> int:
        self._pulse.reset()

        def body() -> None:
            os.close(self._alive_write)
            self._alive_write = -1
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us all; the warden decides
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED - {signal.SIGHUP})  # until it can be listened to
            if work(self._settings, self._listener, self._alive_read, self._pulse, first=first):
                self._leave()

        return _fork(body)

    def _outlive(self, worker: int) -> bool:
        """Wait; True if the worker has died by itself, False if we were told to stop, and it has stopped."""
        vigil = Vigil(self._pulse)
        while True:
            told = _wait_for_signal(_WATCHED, vigil.pause())
            if told is None:
                self._withdraw_if(dead=vigil.dead())
                if vigil.hopeless():
                    log.error("vrrp engine hangs, killing it", pid=worker)
                    os.kill(worker, signal.SIGKILL)  # its end is told by SIGCHLD
                continue
            if told == signal.SIGCHLD:
                pid, status = os.waitpid(worker, os.WNOHANG)
                if pid:
                    log.warning("vrrp engine died, starting another", pid=pid, status=os.waitstatus_to_exitcode(status))
                    return True
                continue
            if told == signal.SIGHUP:
                os.kill(worker, signal.SIGHUP)  # it reads its file again
                continue
            _stop(worker)
            return False

    def _withdraw_if(self, *, dead: bool) -> None:
        """Nobody knows whether a frozen worker ever wakes up; if it does, it finds on the page that it was given up."""
        if dead:
            log.error("vrrp engine does not live, withdrawing its addresses")
            self._pulse.withdraw()
            withdraw(self._settings.state, held=False)

    def _pause(self, lived: float) -> bool:
        """Start the next worker at once, unless workers die of something; True if we are told to stop meanwhile."""
        self._quick_deaths = self._quick_deaths + 1 if lived < QUICK_DEATH else 0
        if self._quick_deaths == QUICK_DEATHS_BEFORE_WITHDRAWAL:
            log.error("vrrp engine does not stay alive, withdrawing its addresses")
            withdraw(self._settings.state, held=False)
        seconds = min(MAX_PAUSE, 0.1 * 2**self._quick_deaths) if self._quick_deaths > 1 else 0.0
        return _wait_for_signal(_WATCHED - {signal.SIGCHLD, signal.SIGHUP}, seconds) is not None

    def _leave(self) -> None:
        """Leave the socket to the successor, and a guard behind if there are addresses to watch over."""
        self._settings.socket.unlink(missing_ok=True)
        if guard_needed(self._settings):
            _detach(self._guard)

    def _guard(self) -> None:
        self._listener.close()
        os.close(self._lock)  # a copy of it in the guard would keep the successor out
        os.close(self._alive_read)
        if self._alive_write >= 0:
            os.close(self._alive_write)
        stand_guard(self._settings, self._signature)


def _wait_for_signal(signals: set[signal.Signals], seconds: float) -> int | None:
    """The signal that came, or None.

    Who is stopped and continued while it waits, for longer than it wanted to, gets a number that means nothing from
    `sigtimedwait`: the system call was interrupted, and CPython 3.11 then reads a result that was never written.
    """
    told = signal.sigtimedwait(signals, seconds)
    return told.si_signo if told and told.si_signo in signals else None


def _take_lock_patiently(settings: Settings) -> int:
    until = time.monotonic() + LOCK_PATIENCE
    while (lock := take_lock(settings.lock)) is None:
        if _answers(settings) or time.monotonic() > until:
            raise AlreadyRunning(f"another `futago vrrpd` runs with the state {settings.state}")
        time.sleep(0.02)
    if _answers(settings):
        os.close(lock)
        raise AlreadyRunning(f"another `futago vrrpd` answers on {settings.socket}")
    return lock


def _answers(settings: Settings) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        return client.connect_ex(str(settings.socket)) in {0, errno.EAGAIN}


def _stop(worker: int) -> None:
    """Have the worker stop; it must not take longer than a restart may."""
    os.kill(worker, signal.SIGTERM)
    until = time.monotonic() + STOP_PATIENCE
    while os.waitpid(worker, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            log.error("vrrp engine does not stop, killing it", pid=worker)
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
            return
        signal.sigtimedwait({signal.SIGCHLD}, 0.05)


def _detach(body: Callable[[], None]) -> None:
    """Run `body` in a process that belongs to nobody: in its own session, without our terminal and pipes."""

    def leave_everything() -> None:
        os.setsid()
        _fork(lambda: _alone(body))

    os.waitpid(_fork(leave_everything), 0)


def _alone(body: Callable[[], None]) -> None:
    """Whoever started us may be waiting for the end of our output; a log (no pipe) goes on."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        if descriptor < 2 or stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.dup2(nothing, descriptor)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
    be_ordinary()
    body()


def _fork(body: Callable[[], None]) -> int:
    """Run `body` in a child, which ends with it; the child's pid."""
    pid = os.fork()
    return pid or _run_and_exit(body)


def _run_and_exit(body: Callable[[], None]) -> NoReturn:
    status = 1
    try:
        body()
        status = 0
    except Exception:
        log.exception("vrrp process failed", pid=os.getpid())
    finally:
        os._exit(status)
