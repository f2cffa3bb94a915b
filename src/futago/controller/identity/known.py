"""What was found out about tokens: good as long as nothing has changed of who may be whom, in any controller."""

import hashlib
import threading
from typing import Final, Generic, TypeVar

S = TypeVar("S")

_MOST: Final = 4096


class Known(Generic[S]):
    """Sessions by token, at one revision of identity. The tokens themselves are secrets, and are not kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revision = -1
        self._sessions: dict[bytes, S] = {}

    def get(self, token: str, revision: int) -> S | None:
        """What is known, unless something has changed since."""
        if revision != self._revision:
            return None
        return self._sessions.get(_digest(token))

    def keep(self, token: str, revision: int, session: S) -> None:
        """What was found at a revision of identity; an older one tells nothing of the present."""
        with self._lock:
            if revision < self._revision:
                return
            if revision > self._revision or len(self._sessions) >= _MOST:
                self._sessions = {}
                self._revision = revision
            self._sessions[_digest(token)] = session


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
