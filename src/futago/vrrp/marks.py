"""The sequences of authenticated advertisements, where no `kill -9` reaches them: a file that is mapped into memory.

A mark is written at each advertisement that is sent or heard, before anything is done about it, and costs no system
call. What was written is the kernel's at once: it is there for the next engine whatever becomes of this one. (It is
not there after a power cut; then no recording is young enough, and nothing that was sent is newer than the clock.)

    word 0                    FORMAT
    word 1                    the number of records
    then 3 words a record     router, sender, sequence

All words have 64 bits in the host's order. Router and sender are digests. A sequence is stored by one instruction, so
nobody ever reads half of it; a record counts once all of it is there.
"""

import errno
import hashlib
import mmap
import os
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Final

import structlog

from futago.vrrp.auth import Marks

FORMAT: Final = int.from_bytes(b"futago1m", "big")
_WORD: Final = 8
_HEADER_WORDS: Final = 2
_RECORD_WORDS: Final = 3
_LEAST_BYTES: Final = 32 * 1024
"""Room for 1,364 records; a router that is alone with one peer has two."""

log = structlog.get_logger()


def forget_others(path: Path, routers: Collection[str]) -> None:
    """Leave nothing in the file but the marks of these routers; before an engine opens it.

    Raises:
        OSError: the file cannot be read or written; the marks are what they were.

    """
    kept = {_digest(name.encode()) for name in routers}
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with closing(MarksFile(path)) as marks, closing(MarksFile(beside)) as fresh:
        for key, sequence in marks.all().items():
            if key[0] in kept:
                fresh.add(key, sequence)
    beside.replace(path)


class MarksFile:
    """All the marks of a host. One process makes records; others may meanwhile advance those that are there."""

    def __init__(self, path: Path, *, adds: bool = True) -> None:
        """Map the file; it is made if it is not there or not ours.

        With `adds` false nothing is made: marks that the file does not have are forgotten with this object.

        Raises:
            OSError: it cannot be mapped, or there is no room for it.

        """
        self._path = path
        self._adds = adds
        self._records: dict[tuple[int, int], int] = {}
        """The word that has the sequence, by router and sender."""
        self._open(path)
        self._read()

    def close(self) -> None:
        """Nothing is lost without it."""
        self._words.release()
        self._memory.close()
        os.close(self._descriptor)

    def of(self, router: str) -> Marks:
        """The marks of one router, by its name."""
        return _RouterMarks(self, _digest(router.encode()))

    def all(self) -> dict[tuple[int, int], int]:
        """Each record's sequence, by router and sender."""
        return {key: self._words[at] for key, at in self._records.items()}

    def find(self, key: tuple[int, int]) -> int | None:
        """Where the record's sequence is."""
        return self._records.get(key)

    def read(self, at: int) -> int:
        return self._words[at]

    def write(self, at: int, sequence: int) -> None:
        self._words[at] = sequence

    def add(self, key: tuple[int, int], sequence: int) -> int | None:
        """Make a record; where its sequence is, or None if it cannot be made."""
        if not self._adds:
            return None
        number = self._words[1]
        at = _HEADER_WORDS + _RECORD_WORDS * number
        if at + _RECORD_WORDS > len(self._words) and not self._grow():
            return None
        self._words[at], self._words[at + 1], self._words[at + 2] = *key, sequence
        self._words[1] = number + 1
        self._records[key] = at + 2
        return at + 2

    def _open(self, path: Path) -> None:
        """The room is taken before it is used: to touch what is not there would be the end of the process (SIGBUS)."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if self._adds else 0), 0o600)
        try:
            self._map(self._size())
        except BaseException:
            os.close(self._descriptor)
            raise

    def _size(self) -> int:
        """Of the file, which is made empty if it is none of ours."""
        size = os.fstat(self._descriptor).st_size
        if size >= _LEAST_BYTES and size % _WORD == 0:
            return size
        if not self._adds:
            raise OSError(errno.EINVAL, "no marks yet")
        os.ftruncate(self._descriptor, 0)
        os.posix_fallocate(self._descriptor, 0, _LEAST_BYTES)
        return _LEAST_BYTES

    def _map(self, size: int) -> None:
        self._memory = mmap.mmap(self._descriptor, size)
        self._words = memoryview(self._memory).cast("Q")

    def _read(self) -> None:
        end = _HEADER_WORDS + _RECORD_WORDS * self._words[1]
        if self._words[0] != FORMAT or end > len(self._words):
            if self._words[0]:
                log.warning("marks not usable, beginning anew", path=str(self._path))
            self._words[1] = 0
            self._words[0] = FORMAT
            return
        for at in range(_HEADER_WORDS, end, _RECORD_WORDS):
            self._records[self._words[at], self._words[at + 1]] = at + 2

    def _grow(self) -> bool:
        """Twice the room."""
        size = 2 * len(self._memory)
        try:
            os.posix_fallocate(self._descriptor, 0, size)
        except OSError as error:
            log.warning("no room for marks, a restart may believe a recording", error=error.strerror)
            return False
        self._words.release()
        self._memory.close()
        self._map(size)
        return True


class _RouterMarks:
    """One router's part of the file; what the file has no room for is kept in memory."""

    def __init__(self, file: MarksFile, router: int) -> None:
        self._file = file
        self._router = router
        self._at: dict[bytes, int] = {}
        self._elsewhere: dict[bytes, int] = {}

    def get(self, sender: bytes) -> int | None:
        at = self._find(sender)
        return self._elsewhere.get(sender) if at is None else self._file.read(at)

    def __setitem__(self, sender: bytes, sequence: int) -> None:
        at = self._find(sender)
        if at is not None:
            self._file.write(at, sequence)
        elif (made := self._file.add(self._key(sender), sequence)) is not None:
            self._at[sender] = made
        else:
            self._elsewhere[sender] = sequence

    def _find(self, sender: bytes) -> int | None:
        at = self._at.get(sender)
        if at is None and (at := self._file.find(self._key(sender))) is not None:
            self._at[sender] = at
        return at

    def _key(self, sender: bytes) -> tuple[int, int]:
        return self._router, _digest(sender)


def _digest(text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=_WORD).digest(), "big")
