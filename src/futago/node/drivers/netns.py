"""Network namespaces with a name, as iproute2 keeps them: each is a bind mount under /run/netns.

Ours are told from others' by their name's prefix and by a mark inside: the alias of `lo`.
"""

import asyncio
import ctypes
import errno
import os
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyroute2.iproute.linux import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from futago import netns
from futago.node.drivers import dumps
from futago.node.drivers.run import each
from futago.node.host import HostRefused, Namespace
from futago.vrrp.inside import inside

PREFIXES: Final = ("qrouter-", "qdhcp-", "futago-")
MARK: Final = "futago"

LOOK_SECONDS: Final = 2.0
"""How often somebody looks whether namespaces are still there: nothing says so when one is deleted."""

_CLONE_NEWNET: Final = 0x40000000
_MS_BIND: Final = 4096
_MS_REC: Final = 16384
_MS_SHARED: Final = 1 << 20
_MNT_DETACH: Final = 2
_libc = ctypes.CDLL(None, use_errno=True)

_QUIET: Final = {
    # A standby transmits nothing: no duplicate address detection, no MLD, no router solicitation, no stray ARP.
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
    # Where IPv6 comes on, its addresses are those that are put: the kernel makes none and believes no router.
    "net/ipv6/conf/all/addr_gen_mode": "1",
    "net/ipv6/conf/default/addr_gen_mode": "1",
    "net/ipv6/conf/all/accept_ra": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/autoconf": "0",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/arp_ignore": "1",
    "net/ipv4/conf/all/arp_announce": "2",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
}

_FORWARDING: Final = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")


async def watch(wanted: Callable[[], Collection[str]], on_lost: Callable[[], None]) -> None:
    """Look for ever whether the `wanted` namespaces are there, and say when one is not."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if not all(map(netns.exists, wanted())):
            on_lost()


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """What the kernel refuses by netlink is the host's refusal."""
    try:
        yield
    except NetlinkError as error:
        raise HostRefused(f"{what}: {error.args[1] or error}") from error


class NamespaceDriver:
    """Makes and removes named namespaces, with the settings that hold for all of their interfaces."""

    def read(self, wanted: Collection[Namespace]) -> dict[str, Namespace]:
        """Ours that are there. The wanted ones are ours even without a mark, which a crash may have prevented."""
        names = {namespace.name for namespace in wanted}
        found = [name for name in candidates() if name in names or is_ours(name)]
        return {one.key: one for one in (_inspect(name) for name in found) if one is not None}

    def put(self, namespaces: Sequence[Namespace]) -> dict[str, str]:
        return each(namespaces, _put)

    def remove(self, namespaces: Sequence[Namespace]) -> dict[str, str]:
        return each(namespaces, lambda namespace: delete(namespace.name))


def candidates() -> list[str]:
    """The names of namespaces that could be ours."""
    if not netns.DIRECTORY.is_dir():
        return []
    return sorted(path.name for path in netns.DIRECTORY.iterdir() if path.name.startswith(PREFIXES))


def is_ours(name: str) -> bool:
    """Whether the mark is inside; a mere file that a crash left under the name has no inside."""
    return netns.exists(name) and any(link.name == "lo" and link.alias == MARK for link in dumps.links(name))


def create(name: str) -> None:
    """Make a namespace and mount it under its name; a thread gives it birth and leaves it behind."""
    _share_directory()
    path = netns.DIRECTORY / name
    path.touch(mode=0o444, exist_ok=True)

    def unshare_and_mount() -> None:
        _check(_libc.unshare(_CLONE_NEWNET), name)
        _mount(f"/proc/self/task/{threading.get_native_id()}/ns/net", path, _MS_BIND)

    _in_thread(unshare_and_mount)


def delete(name: str) -> None:
    """Take the name away; the kernel takes the rest once nobody is inside."""
    path = netns.DIRECTORY / name
    if netns.exists(name):
        _check(_libc.umount2(os.fsencode(path), _MNT_DETACH), name)
    path.unlink(missing_ok=True)


def write_sysctl(name: str, value: str) -> None:
    """Write a kernel setting of the calling thread's namespace, if it differs."""
    if not holds_sysctl(name, value):
        Path("/proc/sys", name).write_text(value)


def holds_sysctl(name: str, value: str) -> bool:
    """Whether a kernel setting of the calling thread's namespace has this value."""
    with open(f"/proc/sys/{name}", "rb", buffering=0) as setting:  # noqa: PTH123 - thousands at each look
        return setting.read(256).strip() == value.encode()


def _put(namespace: Namespace) -> None:
    if not netns.exists(namespace.name):
        create(namespace.name)
    inside(namespace.name, lambda: _settle(namespace))


def _settle(namespace: Namespace) -> None:
    for name, value in _settings(namespace).items():
        write_sysctl(name, value)
    with refusals(namespace.name), IPRoute() as ip:
        ip.link("set", index=1, state="up", ifalias=MARK)


def _settings(namespace: Namespace) -> dict[str, str]:
    return _QUIET | dict.fromkeys(_FORWARDING, "1" if namespace.forwarding else "0")


def _inspect(name: str) -> Namespace | None:
    """What is there, or None if a setting differs, so that it is put again."""

    def settled() -> bool | None:
        forwarding = holds_sysctl(_FORWARDING[0], "1")
        settings = _settings(Namespace(name=name, forwarding=forwarding))
        return forwarding if all(holds_sysctl(setting, value) for setting, value in settings.items()) else None

    if not netns.exists(name):
        return None
    forwarding = inside(name, settled)
    return None if forwarding is None else Namespace(name=name, forwarding=forwarding)


def _share_directory() -> None:
    """Make /run/netns a shared mount, as iproute2 does, so that other mount namespaces see what comes and goes."""
    netns.DIRECTORY.mkdir(parents=True, exist_ok=True)
    try:
        _mount("none", netns.DIRECTORY, _MS_SHARED | _MS_REC)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # It is no mount yet. (Only mount(2) can tell: a directory that is bound to itself looks like any other.)
        _mount(str(netns.DIRECTORY), netns.DIRECTORY, _MS_BIND | _MS_REC)
        _mount("none", netns.DIRECTORY, _MS_SHARED | _MS_REC)


def _mount(source: str, target: Path, flags: int) -> None:
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), b"none", flags, None), str(target))


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)


def _in_thread(call: Callable[[], None]) -> None:
    failure: list[OSError] = []

    def guarded() -> None:
        try:
            call()
        except OSError as error:
            failure.append(error)

    thread = threading.Thread(target=guarded, name="namespace")
    thread.start()
    thread.join()
    if failure:
        raise HostRefused(str(failure[0])) from failure[0]
