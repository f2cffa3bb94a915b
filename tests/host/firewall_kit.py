"""A host with three instances on one network: `one` and `two` are guarded, `open` has no port security."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from futago.contract.firewall import AddressPair, AddressSetSpec, FirewallRule, SecurityGroupSpec
from futago.contract.specs import PortSpec, Spec
from futago.values import IPv4Address, Mac, NetworkType
from host.node_kit import FUTAGO, Hosts, ThrowAwayHost, wait_until
from host.node_specs import INSIDE, network

FRAMES: Final = Path(__file__).with_name("frames.py")
NAMES: Final = ("one", "two", "open")
IDS: Final = {name: f"eeeeeee{place}-0005-4000-8000-000000000005" for place, name in enumerate(NAMES, start=1)}
MACS: Final = {name: Mac(f"fa:16:3e:00:01:0{place}") for place, name in enumerate(NAMES, start=1)}
ADDRESSES: Final = {name: f"192.168.80.1{place}" for place, name in enumerate(NAMES, start=1)}
LINK_LOCALS: Final = {name: f"fe80::f816:3eff:fe00:10{place}" for place, name in enumerate(NAMES, start=1)}
GROUP: Final = "99999999-0001-4000-8000-000000000009"


def port(name: str, **changes: object) -> PortSpec:
    fields = {
        "port_id": IDS[name],
        "network_id": INSIDE,
        "mac": MACS[name],
        "addresses": (IPv4Address(ADDRESSES[name]),),
        "admin_state_up": True,
        "port_security": name != "open",
        "security_groups": (GROUP,) if name != "open" else (),
    }
    return PortSpec(**(fields | changes))  # type: ignore[arg-type]


def group(*rules: FirewallRule, group_id: str = GROUP, stateful: bool = True) -> SecurityGroupSpec:
    return SecurityGroupSpec(group_id=group_id, stateful=stateful, rules=rules)


def egress(version: int = 4) -> FirewallRule:
    return FirewallRule(direction="egress", version=6 if version == 6 else 4)


def ingress(
    protocol: int | None = None, first: int | None = None, last: int | None = None, **more: object
) -> FirewallRule:
    fields = {"direction": "ingress", "version": 4, "protocol": protocol, "first": first, "last": last}
    return FirewallRule(**(fields | more))  # type: ignore[arg-type]


def members(set_id: str, *addresses: str) -> AddressSetSpec:
    return AddressSetSpec(set_id=set_id, addresses=tuple(ip_network(one) for one in addresses))


def pair(mac: str, addresses: str) -> AddressPair:
    return AddressPair(mac=Mac(mac), addresses=ip_network(addresses))


class Firewall:
    """The host and its instances; `give` says what holds from now on."""

    def __init__(self, host: ThrowAwayHost, driver: str = "openvswitch") -> None:
        self.host = host
        self.driver = driver
        self.specs: tuple[Spec, ...] = ()
        self._revision = 0

    def give(self, *specs: Spec, ports: Iterable[PortSpec] = ()) -> None:
        """These groups and sets; of the ports those that differ from `port(name)`."""
        known = {one.port_id: one for one in [*map(port, NAMES), *ports]}
        self._revision += 1
        self.specs = (network(INSIDE, NetworkType.VXLAN, 1000), *known.values(), *specs)
        self.host.give(self.specs, self._revision)
        self.host.wait_for_revision(self._revision)
        report = self.host.last_report()
        assert report.failures == ()

    def inside(self, name: str, command: str) -> str:
        return f"ip netns exec {name} {command}"

    def pings(self, name: str, address: str, *, six: bool = False) -> bool:
        kind = "-6 -I eth0 " if six else ""
        return self.host.succeeds(self.inside(name, f"ping {kind}-n -c 1 -W 1 {address}"))

    def connects(self, name: str, address: str, number: int) -> bool:
        code = f"import socket; socket.create_connection(('{address}', {number}), 1)"
        return self.host.succeeds(self.inside(name, f'{sys.executable} -c "{code}"'))

    def serve(self, name: str, *numbers: int) -> None:
        for number in numbers:
            code = (
                "import socketserver as s; s.ThreadingTCPServer.allow_reuse_address = True;"
                f"s.ThreadingTCPServer(('', {number}), type('H', (s.StreamRequestHandler,), "
                "{'handle': lambda h: [h.wfile.write(l) for l in h.rfile]})).serve_forever()"
            )
            self.host.run(self.inside(name, f'{sys.executable} -c "{code}" >/dev/null 2>&1 &'))
            wait_until(lambda number=number: self._listens(name, number), f"{name} listens on {number}")

    def _listens(self, name: str, number: int) -> bool:
        return self.host.succeeds(self.inside(name, f"ss -ltn | grep -q ':{number} '"))

    def send(self, name: str, *frames: bytes) -> None:
        texts = " ".join(frame.hex() for frame in frames)
        self.host.run(self.inside(name, f"{sys.executable} {FRAMES} send eth0 {texts}"))

    @contextmanager
    def hearing(self, name: str) -> Iterator["subprocess.Popen[str]"]:
        """What comes in at an instance, frame by frame."""
        heard = self.host.popen(self.inside(name, f"timeout 60 {sys.executable} {FRAMES} hear eth0"))
        assert heard.stdout is not None
        try:
            assert heard.stdout.readline() == "listening\n"
            yield heard
        finally:
            heard.kill()
            heard.wait()

    def heard(self, by: str, sent_by: str, frames: Iterable[bytes], last: bytes) -> list[bytes]:
        """Which of the frames come in; `last` is one that is known to."""
        with self.hearing(by) as listener:
            # The switch may pass a frame that it has a flow for before one of the same batch that it has not.
            self.send(sent_by, *frames)
            self.send(sent_by, last)
            assert listener.stdout is not None
            found: list[bytes] = []
            for line in listener.stdout:
                frame = bytes.fromhex(line)
                if frame == last:
                    return found
                found.append(frame)
        raise AssertionError(f"the last frame did not come in; the others: {[frame.hex() for frame in found]}")


@contextmanager
def firewall(driver: str) -> Iterator[Firewall]:
    with Hosts("vm") as (host,):
        host.write_config(firewall_driver=f'"{driver}"')
        hybrid = "--hybrid" if driver == "iptables_hybrid" else ""
        host.start_controller()
        host.start_agent()
        wait_until(lambda: host.succeeds("ovs-vsctl br-exists br-int"), "the bridge is there")
        for name in NAMES:
            host.run(f"ip netns add {name} && ip -n {name} link set lo up")
            host.run(f"{FUTAGO} port plug {IDS[name]} --netns {name} --mac {MACS[name]} --mtu 1450 {hybrid}")
            host.run(f"ip -n {name} addr add {ADDRESSES[name]}/24 dev eth0")
        made = Firewall(host, driver)
        made.give(group(egress(), egress(6)))
        wait_until(lambda: made.pings("one", ADDRESSES["open"]), "an instance may go out")
        yield made
