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
WEB: Final = 8080
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
        heard = self._heard(self.one, self.hearer, what.values(), self.forger.last())
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
        argv += ["--interface=eth0", "--bind-interfaces", "--log-facility=-", f"--dhcp-range={first},{last}"]
        # Nobody is to keep it as a default router, nor its prefix for long.
        argv += ["--enable-ra", "--ra-param=eth0,10,0", f"--dhcp-range={PREFIX}::,ra-only,64,2m"]
        try:
            with self.daemon(self.one, argv):
                self.eventually("it serves", lambda: ":67 " in self.run(self.one, "ss -lun").stdout)
                yield
        finally:
            self.run(self.one, f"ip -6 addr del {PREFIX}::1/64 dev eth0")

    def dhcp_servers(self) -> str:
        """Who offers the hearer an address, by a scanner's word."""
        return self.run(self.hearer, "nmap --script broadcast-dhcp-discover -e eth0").stdout

    def routers(self) -> str:
        """Who advertises a prefix to the hearer, by rdisc6's word."""
        return self.run(self.hearer, "rdisc6 -r 2 -w 1000 eth0").stdout

    @contextmanager
    def web(self) -> Iterator[None]:
        """`one` serves files."""
        argv = [sys.executable, "-m", "http.server", str(WEB), "--directory", "/run/lab"]
        with self.daemon(self.one, argv):
            self.eventually("it serves", lambda: f":{WEB} " in self.run(self.one, "ss -ltn").stdout)
            yield

    def scanned(self, by: Instance) -> str:
        """What a port scanner says of the port that `one` serves."""
        said = self.run(by, f"nmap -n -Pn -sT -p {WEB} --max-retries 2 -oG - {self.one.address}").stdout
        return said.partition(f"Ports: {WEB}/")[2].partition("/")[0]

    @contextmanager
    def let_in(self, **rule: object) -> Iterator[None]:
        """With one rule more of the group that both instances have."""
        api = self.lab.api()
        group = api.get("ports", self.one.port_id)["security_groups"][0]
        made = api.create("security-group-rules", security_group_id=group, direction="ingress", **rule)
        try:
            yield
        finally:
            api.delete("security-group-rules", made["id"])

    def hears_a_broadcast(self, vm: Instance) -> bool:
        """Of the hearer's, by UDP to port 99, before an ARP request that always comes in."""
        said = frames.udp(self.hearer.mac, self.hearer.address, self.forger.everybody, (99, 99))
        last = frames.arp(self.hearer.mac, self.hearer.address, vm.address)
        return said in self._heard(self.hearer, vm, [said], last)

    @contextmanager
    def tenants_own_router(self) -> Iterator[None]:
        """keepalived in both instances, `one` before `two`."""
        with self.keepalived(self.one, 100), self.keepalived(self.two, 50):
            yield

    @contextmanager
    def keepalived(self, vm: Instance, priority: int) -> Iterator[None]:
        """With a virtual MAC."""
        path = f"/run/lab-keepalived-{vm.name}"
        text = _KEEPALIVED.format(priority=priority, address=self.forger.virtual)
        self.lab.exec(vm.host, ["sh", "-c", f"cat > {path}.conf <<'END'\n{text}END\n"])
        argv = ["keepalived", "--dont-fork", "--vrrp", "--use-file", f"{path}.conf", "--log-console"]
        argv += ["--pid", f"{path}.pid", "--vrrp_pid", f"{path}.vrrp-pid"]
        with self.daemon(vm, argv):
            try:
                yield
            finally:  # one that is killed leaves its child, and the address
                self.run(vm, f"kill $(cat {path}.pid)")
                self.eventually("it has ended", lambda: self.run(vm, f"test -e {path}.pid").returncode != 0)

    def holders(self) -> list[str]:
        """Which instances have taken the tenants' address."""
        shown = {vm.name: self.run(vm, "ip -o addr").stdout for vm in (self.one, self.two)}
        return [name for name, addresses in shown.items() if f" {self.forger.virtual}/" in addresses]

    def both_have_the_address(self) -> bool:
        return self.holders() == [self.one.name, self.two.name]

    def virtual_mac(self) -> str:
        """Who has the tenants' address, by the hearer's word; "" if nobody answers it."""
        self.run(self.hearer, f"ip neigh flush {self.forger.virtual}")
        if not self.pings(self.hearer, self.forger.virtual):
            return ""
        return self.run(self.hearer, f"ip neigh show {self.forger.virtual}").stdout.partition("lladdr ")[2].split()[0]

    def _heard(self, sender: Instance, hearer: Instance, sent: Iterable[bytes], last: bytes) -> list[bytes]:
        """What comes in at `hearer` before the last frame, which is known to."""
        listener = self.lab.spawn(hearer.host, [*_PROGRAM, "hear", "eth0"], netns=hearer.netns)
        try:
            assert listener.stdout is not None
            assert listener.stdout.readline() == "listening\n"
            # The switch may pass a frame that it has a flow for before one of the same batch that it has not.
            for batch in (list(sent), [last]):
                argv = [*_PROGRAM, "send", "eth0", *(one.hex() for one in batch)]
                self.lab.exec(sender.host, argv, netns=sender.netns)
            found: list[bytes] = []
            for line in listener.stdout:
                frame = bytes.fromhex(line)
                if frame == last:
                    return found
                found.append(frame)
            raise AssertionError("the last frame did not come in")
        finally:
            namespaces.end(listener)
