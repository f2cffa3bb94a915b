"""A page of memory that the warden shares with its worker, so that it sees when the worker no longer lives.

A worker that is stopped, or that waits for a dead disk, is silent and keeps its addresses: its peers elect another one,
and two hosts answer for one address. The worker beats eight times within the time that its peers wait (`beat`); the
warden looks as often (`Vigil`), and when five looks have found no beat it says so on the page (`withdraw`), takes the
addresses off, and lets the peers know. The worker reads the page before it does anything else when it wakes up.

A page rather than a pipe: a beat costs no system call, fills no buffer, and cannot block.
"""

import mmap
import struct
from dataclasses import dataclass
from typing import Final

from futago.values import Millis

BEATS: Final = 8
"""Beats within the peers' patience."""
MISSED_BEATS: Final = 5
"""So many in a row are the end: the rest of the peers' patience is for taking the addresses off."""
HOPELESS: Final = 30.0
"""Seconds of looks: who is silent for so long, active or not, is not stopped for a moment, and does not come back."""
IDLE: Final = 0.5
"""Seconds between two beats, or looks, while there is nothing to withdraw."""

_PAGE: Final = struct.Struct("=QQQ")
_BEAT, _PATIENCE, _WITHDRAWN = 0, 8, 16
_NUMBER: Final = struct.Struct("=Q")


class Pulse:
    """The page. Made before the fork."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _PAGE.size)

    def beat(self, patience: Millis) -> float:
        """For the worker: it lives, and its peers wait for `patience`, 0 if none waits; seconds until the next one."""
        self._write(_PATIENCE, patience)
        self._write(_BEAT, self.beats + 1)
        return period(patience)

    def take_withdrawal(self) -> bool:
        """For the worker: whether its addresses have been withdrawn since it asked last."""
        withdrawn = self._read(_WITHDRAWN) != 0
        if withdrawn:
            self._write(_WITHDRAWN, 0)
        return withdrawn

    def withdraw(self) -> None:
        """For the warden: the addresses go now."""
        self._write(_WITHDRAWN, 1)

    def reset(self) -> None:
        """For the warden: another worker is about to be born."""
        self._page[:] = bytes(_PAGE.size)

    @property
    def beats(self) -> int:
        return self._read(_BEAT)

    @property
    def patience(self) -> Millis:
        return Millis(self._read(_PATIENCE))

    def _read(self, at: int) -> int:
        number: int = _NUMBER.unpack_from(self._page, at)[0]
        return number

    def _write(self, at: int, number: int) -> None:
        _NUMBER.pack_into(self._page, at, number)


@dataclass(slots=True)
class Vigil:
    """The warden's look at one worker. It counts looks, not seconds: a warden that was frozen too accuses nobody."""

    pulse: Pulse
    _seen: int = -1
    _missed: int = 0
    _silence: float = 0.0

    def pause(self) -> float:
        """Seconds until the next look."""
        return period(self.pulse.patience)

    def hopeless(self) -> bool:
        """After a look: whether the worker has been silent for so long that another one is to take its place."""
        return self._silence >= HOPELESS

    def dead(self) -> bool:
        """Look; true once when the worker has not lived for too long."""
        self._silence = 0.0 if self.pulse.beats != self._seen else self._silence + self.pause()
        if self.pulse.beats != self._seen or not self.pulse.patience:
            self._seen, self._missed = self.pulse.beats, 0
            return False
        self._missed += 1
        return self._missed == MISSED_BEATS


def period(patience: Millis) -> float:
    """Seconds between two beats."""
    return min(IDLE, patience / 1000 / BEATS) if patience else IDLE
