"""Instances that forge, serve what they must not, or are a tenant's own virtual router; and one that hears all."""

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from futago.lab import namespaces
from futago.lab.api import wait_for
from futago.lab.lab import Lab
from futago.lab.state import Instance
from futago.values import LINK_LOCAL, eui64
from host import forgeries, frames

PREFIX: Final = "2001:db8:bad"
"""What the false router advertises."""
_PROGRAM: Final = (sys.executable, frames.__file__)
_KEEPALIVED: Final = """
vrrp_instance tenants {{
    state BACKUP
    interface eth0
    virtual_router_id 7
    priority {priority}
    advert_int 1
    use_vmac
    virtual_ipaddress {{
        {address}/24
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Street:
    """Two instances of one network on two hosts, and `hearer`, which has no port security."""

    lab: Lab
    one: Instance
    two: Instance
    hearer: Instance

    @property
    def forger(self) -> forgeries.Instance:
        """`one`, as the frames have it."""
        return forgeries.Instance(
            mac=self.one.mac,
            address=self.one.address,
            link_local=str(eui64(LINK_LOCAL, self.one.mac)),
            victim=self.two.address,
        )

    def run(self, vm: Instance, command: str, *, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return self.lab.exec(vm.host, ["sh", "-c", command], netns=vm.netns, check=False, timeout=timeout)

    def pings(self, vm: Instance, address: str) -> bool:
        return self.run(vm, f"ping -n -c 1 -W 1 {address}").returncode == 0

    def eventually(self, what: str, look: Any, seconds: float = 60) -> None:
        wait_for(what, look, seconds=seconds)

    def arriving(self, what: Mapping[str, bytes]) -> set[str]:
        """Which of these frames of `one` come in at the hearer."""
        heard = self._heard(what.values(), self.forger.last())
        return {name for name, frame in what.items() if frame in heard}

    @contextmanager
    def port(self, vm: Instance, **fields: object) -> Iterator[None]:
        """With other attributes of the instance's port for as long as the block takes."""
        api = self.lab.api()
        before = api.get("ports", vm.port_id)
        kept = {name: before[name] for name in (*fields, "security_groups")}
        api.update("ports", vm.port_id, **fields)
        try:
            yield
        finally:
            api.update("ports", vm.port_id, **kept)

    @contextmanager
    def daemon(self, vm: Instance, argv: list[str]) -> Iterator[None]:
        """A program that runs in an instance for as long as the block takes."""
        popen = self.lab.spawn(vm.host, argv, netns=vm.netns)
        try:
            yield
        finally:
            namespaces.end(popen)

    @contextmanager
    def serving_what_it_must_not(self) -> Iterator[None]:
        """`one` runs a DHCP server and advertises a prefix."""
        first, last = (f"{self.one.address.rpartition('.')[0]}.{number}" for number in (240, 250))
        self.run(self.one, f"ip -6 addr replace {PREFIX}::1/64 dev eth0 nodad")
        argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--leasefile-ro", "--pid-file"]
        argv += ["--interface=eth0", "--bind-interfaces", "--enable-ra", "--dhcp-authoritative", "--log-facility=-"]
        argv += [f"--dhcp-range={first},{last}", f"--dhcp-range={PREFIX}::,ra-only"]
        with self.daemon(self.one, argv):
            self.eventually("it serves", lambda: ":67 " in self.run(self.one, "ss -lun").stdout)
            yield
        self.run(self.one, f"ip -6 addr del {PREFIX}::1/64 dev eth0")

    def dhcp_servers(self) -> str:
        """Who offers the hearer an address, by a scanner's word."""
        return self.run(self.hearer, "nmap --script broadcast-dhcp-discover -e eth0").stdout

    def routers(self) -> str:
        """Who advertises a prefix to the hearer, by rdisc6's word."""
        return self.run(self.hearer, "rdisc6 -r 2 -w 1000 eth0").stdout

    @contextmanager
    def tenants_own_router(self) -> Iterator[None]:
        """keepalived in both instances, `one` before `two`, with a virtual MAC."""
        with self._keepalived(self.one, 100), self._keepalived(self.two, 50):
            yield

    @contextmanager
    def _keepalived(self, vm: Instance, priority: int) -> Iterator[None]:
        path = f"/run/lab-keepalived-{vm.name}"
        text = _KEEPALIVED.format(priority=priority, address=self.forger.virtual)
        self.lab.exec(vm.host, ["sh", "-c", f"cat > {path}.conf <<'END'\n{text}END\n"])
        argv = ["keepalived", "--dont-fork", "--vrrp", "--use-file", f"{path}.conf", "--log-console"]
        argv += ["--pid", f"{path}.pid", "--vrrp_pid", f"{path}.vrrp-pid"]
        with self.daemon(vm, argv):
            yield

    def virtual_mac(self) -> str:
        """Who has the tenants' address, by the hearer's word; "" if nobody answers it."""
        self.run(self.hearer, f"ip neigh flush {self.forger.virtual}")
        if not self.pings(self.hearer, self.forger.virtual):
            return ""
        return self.run(self.hearer, f"ip neigh show {self.forger.virtual}").stdout.partition("lladdr ")[2].split()[0]

    def _heard(self, sent: Iterable[bytes], last: bytes) -> list[bytes]:
        listener = self.lab.spawn(self.hearer.host, [*_PROGRAM, "hear", "eth0"], netns=self.hearer.netns)
        try:
            assert listener.stdout is not None
            assert listener.stdout.readline() == "listening\n"
            for batch in (list(sent), [last]):
                self.lab.exec(
                    self.one.host, [*_PROGRAM, "send", "eth0", *(one.hex() for one in batch)], netns=self.one.netns
                )
            found = []
            for line in listener.stdout:
                frame = bytes.fromhex(line)
                if frame == last:
                    return found
                found.append(frame)
            raise AssertionError("the last frame did not come in")
        finally:
            namespaces.end(listener)
