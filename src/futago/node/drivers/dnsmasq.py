"""dnsmasq processes, one for each network, which outlive the agent and are found again by it.

Each has a directory with its configuration, hosts and pid files. A process is ours only if it is what the pid file
names, is dnsmasq with our configuration, and is in the network's namespace; no other is ever signalled. Each that runs
is watched, so that one that ends is missed at once.
"""

import os
import shutil
import signal
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from futago import netns
from futago.node.drivers.run import each, run
from futago.node.host import Dnsmasq, HostRefused

DIRECTORY: Final = Path("/run/futago/dhcp")

_PLACEHOLDER: Final = "{directory}"
_STOP_SECONDS: Final = 3.0


class DnsmasqDriver:
    """Starts, reloads, restarts and stops the DHCP servers of this host."""

    def __init__(self, watch: Callable[[int], None], directory: Path = DIRECTORY) -> None:
        self._watch = watch
        self._directory = directory

    def read(self, wanted: Collection[Dnsmasq]) -> dict[str, Dnsmasq]:
        """The servers that run, as their files say; and files without a process, as something to be removed."""
        if not self._directory.is_dir():
            return {}
        namespaces = {server.network_id: server.namespace for server in wanted}
        found = [
            self._read(path.name, namespaces.get(path.name, f"qdhcp-{path.name}"))
            for path in self._directory.iterdir()
            if path.is_dir()
        ]
        return {server.key: server for server in found}

    def put(self, servers: Sequence[Dnsmasq]) -> dict[str, str]:
        return each(servers, self._put)

    def remove(self, servers: Sequence[Dnsmasq]) -> dict[str, str]:
        return each(servers, self._remove)

    def _read(self, network_id: str, namespace: str) -> Dnsmasq:
        home = self._directory / network_id
        alive = self._running(network_id, namespace)
        return Dnsmasq(
            network_id=network_id,
            namespace=namespace,
            config=_text(home / "dnsmasq.conf").replace(str(home), _PLACEHOLDER) if alive else "",
            hosts=_text(home / "hosts"),
            options=_text(home / "options"),
            names=_text(home / "names"),
        )

    def _put(self, server: Dnsmasq) -> None:
        home = self._directory / server.network_id
        home.mkdir(parents=True, exist_ok=True)
        # dnsmasq reads its hosts again when it is root no more.
        for directory in (self._directory.parent, self._directory, home):
            directory.chmod(directory.stat().st_mode | 0o755)
        same_config = self._read(server.network_id, server.namespace).config == server.config
        _write(home / "hosts", server.hosts)
        _write(home / "options", server.options)
        _write(home / "names", server.names)
        process = self._process(server.network_id, server.namespace)
        if same_config and process is not None:
            os.kill(process, signal.SIGHUP)
            return
        if process is not None:
            _stop(process)
        _write(home / "dnsmasq.conf", server.config.replace(_PLACEHOLDER, str(home)))
        self._start(server, home)

    def _start(self, server: Dnsmasq, home: Path) -> None:
        if not netns.exists(server.namespace):
            raise HostRefused(f"namespace {server.namespace} does not exist")
        command = ["dnsmasq", f"--conf-file={home / 'dnsmasq.conf'}", f"--pid-file={home / 'pid'}"]
        run(command, namespace=server.namespace)
        self._running(server.network_id, server.namespace)

    def _remove(self, server: Dnsmasq) -> None:
        process = self._process(server.network_id, server.namespace)
        if process is not None:
            _stop(process)
        shutil.rmtree(self._directory / server.network_id, ignore_errors=True)

    def _running(self, network_id: str, namespace: str) -> bool:
        process = self._process(network_id, namespace)
        if process is not None:
            self._watch(process)
        return process is not None

    def _process(self, network_id: str, namespace: str) -> int | None:
        home = self._directory / network_id
        try:
            process = int(_text(home / "pid"))
            command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
            inside = Path(f"/proc/{process}/ns/net").stat().st_ino
            home_namespace = (netns.DIRECTORY / namespace).stat().st_ino
        except (OSError, ValueError):
            return None
        ours = f"--conf-file={home / 'dnsmasq.conf'}".encode() in command and inside == home_namespace
        return process if ours else None


def _stop(process: int) -> None:
    """End a process and wait until it has: its successor binds the same addresses."""
    os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while Path(f"/proc/{process}/ns/net").exists():
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
            return
        time.sleep(0.01)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    if _text(path) != text or not path.exists():
        path.write_text(text)
        path.chmod(0o644)
