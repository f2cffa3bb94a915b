"""The listening sockets in the namespaces: the only place of this program that enters one."""

import socket
from typing import Final

from futago import netns
from futago.metadata.config import Listener

_IP_FREEBIND: Final = 15
_IPV6_FREEBIND: Final = 78
"""ip(7): the address need not be there yet."""
_BACKLOG: Final = 128


def listen(listener: Listener) -> socket.socket:
    """A socket that hears who asks at this place.

    Raises:
        OSError: there is no such namespace, or the address is taken.

    """
    return netns.run_inside(listener.namespace, lambda: _open(listener))


def place_now(listener: Listener) -> tuple[int, int]:
    """Which namespace and interface have the names now, as numbers; 0 for none. One that was made anew has another."""
    try:
        namespace = (netns.DIRECTORY / listener.namespace).stat().st_ino if netns.exists(listener.namespace) else 0
        return namespace, netns.run_inside(listener.namespace, lambda: _index(listener)) if listener.interface else 0
    except OSError:
        return 0, 0


def _index(listener: Listener) -> int:
    return socket.if_nametoindex(listener.interface) if listener.interface else 0


def _open(listener: Listener) -> socket.socket:
    where: tuple[str | int, ...] = (str(listener.address), listener.port)
    family, option = socket.AF_INET, (socket.IPPROTO_IP, _IP_FREEBIND)
    if listener.address.version == 6:
        family, option = socket.AF_INET6, (socket.IPPROTO_IPV6, _IPV6_FREEBIND)
        where = (*where, 0, _index(listener))
    opened = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(*option, 1)
        opened.bind(where)
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened
