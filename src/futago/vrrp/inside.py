"""Into a namespace and back within one thread, to open a socket there: `netns.run_inside` in a twentieth of its time.

That one takes a thread of its own, which a thousand routers that are taken over, configured or withdrawn at once wait
for one after the other.
"""

import ctypes
import os
from collections.abc import Callable
from typing import Final, TypeVar

from futago import netns

T = TypeVar("T")

_CLONE_NEWNET: Final = 0x40000000
_libc: Final = ctypes.CDLL(None, use_errno=True)


def inside(namespace: str, opening: Callable[[], T]) -> T:
    """What `opening` returns when it is called in the namespace; "" is our own. It must not wait for anything.

    Who cannot come back must not go on, and ends the process.

    Raises:
        OSError: there is no such namespace, or the kernel refused.
        Exception: whatever `opening` raises.

    """
    if not namespace:
        return opening()
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        netns.enter(namespace)
        try:
            return opening()
        finally:
            if _libc.setns(home, _CLONE_NEWNET) != 0:
                os.abort()
    finally:
        os.close(home)
