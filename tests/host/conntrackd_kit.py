"""Two or three routers with real engines, and conntrackd beside each; a client inside, a server outside.

     [client] 192.168.80.9, .10 ── br-qr ── [a] and [b] ── br-qg ── 10.0.80.1 [server]

conntrackd of `a` is at 127.0.0.2, that of `b` at 127.0.0.3, and of `c` at 127.0.0.4, in the machine's own namespace.
192.168.80.10 has the floating IP 10.0.80.105; port 2201 of the router's own address is 192.168.80.9's port 8022.
"""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from futago import netns
from futago.conntrack.config import Peer, ReplicatedRouter, Replication, Scope
from futago.conntrack.control import Configure, RouterStatus, Status, Statuses, ask
from futago.contract.keys import SharedKey
from futago.contract.router_parts import PortForwardingSpec
from futago.contract.specs import FloatingIpSpec, GatewaySpec, RouterPort, RouterSpec
from futago.node.drivers.nft import ruleset
from futago.node.features.nat import render
from futago.values import IPv4Address, IPv4Interface, Mac, Millis
from host.vrrpd_kit import Host, Pair, first, make_pair, run, wait_for
from unit.vrrp.samples import FLOATING, INSIDE, OUTSIDE, router

CLIENT, FLOATING_CLIENT, SERVER = "192.168.80.9", "192.168.80.10", "10.0.80.1"
ROUTER_ADDRESS, FLOATING_ADDRESS = str(OUTSIDE.address.ip), str(FLOATING.address.ip)
FORWARDED_PORT, FORWARDED_TO = 2201, 8022
NODES = {node: IPv4Address(f"127.0.0.{last}") for node, last in (("a", 2), ("b", 3), ("c", 4))}
KEY = SharedKey(key_id=1, secret=b"k" * 32)
NAME = "router80"
PATIENCE = 20


@dataclass
class Replicator:
    """conntrackd of one host."""

    host: Host
    node: str
    address: IPv4Address
    config: Replication
    process: subprocess.Popen[bytes] | None = None
    socket: Path = field(init=False)

    def __post_init__(self) -> None:
        self.socket = self.host.directory / "conntrackd.sock"

    def start(self) -> None:
        state = self.host.directory / "conntrackd.json"
        argv = [sys.executable, "-m", "futago", "conntrackd", "--socket", str(self.socket), "--state", str(state)]
        argv += ["--vrrpd-socket", str(self.host.socket)]
        with (self.host.directory / "conntrackd.log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("conntrackd answers", self.answers)

    def answers(self) -> bool:
        try:
            self.status()
        except ConnectionError:
            return False
        return True

    def configure(self, config: Replication | None = None) -> None:
        asyncio.run(ask(Configure(replication=config or self.config), self.socket))

    def status(self) -> Statuses:
        found = asyncio.run(ask(Status(), self.socket))
        assert isinstance(found, Statuses)
        return found

    @property
    def router(self) -> RouterStatus:
        (found,) = self.status().routers
        return found

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        assert self.process
        self.process.send_signal(number)
        self.process.wait(PATIENCE)


@dataclass
class World:
    """The routers, who talks through them, and what was seen of it."""

    pair: Pair
    replicators: tuple[Replicator, ...]
    client: str
    server: str
    taps: list[socket.socket]

    def start(self) -> None:
        """One router is active, and both replicators know it."""
        self.pair.start()
        for one in self.replicators:
            one.start()
            one.configure()
        self.wait_for_agreement()

    def wait_for_agreement(self) -> None:
        wait_for("the standby follows the active node", self.agree)

    def agree(self) -> bool:
        states = [one.router for one in self.replicators]
        standbys = [one for one in states if not one.active]
        return len(standbys) == len(states) - 1 and all(one.agreed_seconds_ago is not None for one in standbys)

    @property
    def active(self) -> Replicator:
        return next(one for one in self.replicators if one.host is self.pair.active())

    @property
    def standby(self) -> Replicator:
        return next(one for one in self.replicators if one.host is not self.pair.active())

    @property
    def standbys(self) -> tuple[Replicator, ...]:
        return tuple(one for one in self.replicators if one.host is not self.pair.active())

    def wait_for_entries(self, where: Replicator, number: int) -> None:
        wait_for(f"{where.node} has {number} connections", lambda: where.router.entries == number)

    def power_off_active(self) -> Replicator:
        """As a power cut: everything of it is gone at once; returns the replicator of who takes over."""
        lost, survivors = self.active, self.standbys
        return self.power_off(lost, *survivors)

    @staticmethod
    def power_off(lost: Replicator, *survivors: Replicator) -> Replicator:
        lost.kill()
        lost.host.kill_everything()
        lost.host.links("down")
        return new_active(survivors)

    def move(self) -> Replicator:
        """A planned move; returns the new active node's replicator."""
        before, others = self.active, self.standbys
        run(sys.executable, "-m", "futago", "vrrp", "resign", NAME, "--socket", str(before.host.socket))
        return new_active(others)

    def resets(self) -> int:
        """TCP packets with RST that client or server have seen."""
        return sum(_is_reset(packet) for tap in self.taps for packet in _drain(tap))


def new_active(candidates: Sequence[Replicator]) -> Replicator:
    """Wait until one of these is active."""
    return first("another is active", lambda: [one for one in candidates if one.host.active()])


@dataclass
class Talk:
    """One conversation between client and server."""

    client: socket.socket
    server: socket.socket
    seen_from: str
    """The client's address as the server sees it."""

    def server_says(self, text: bytes) -> bytes:
        """What the client hears."""
        self.server.sendall(text)
        return self.client.recv(100)

    def client_says(self, text: bytes) -> bytes:
        self.client.sendall(text)
        return self.server.recv(100)

    def close(self) -> None:
        self.client.close()
        self.server.close()


def tcp(world: World, source: str = CLIENT) -> Talk:
    """A connection from inside."""
    listener = netns.run_inside(world.server, lambda: socket.create_server((SERVER, 0)))
    with listener:
        to = listener.getsockname()
        client = netns.run_inside(
            world.client, lambda: socket.create_connection(to, timeout=PATIENCE, source_address=(source, 0))
        )
        server, peer = listener.accept()
    server.settimeout(PATIENCE)
    return Talk(client, server, peer[0])


def tcp_untranslated(world: World) -> Talk:
    """A connection from outside to the instance's own address, which the router merely routes."""
    run("ip", "-n", world.server, "route", "replace", f"{CLIENT}/32", "via", ROUTER_ADDRESS)
    with netns.run_inside(world.client, lambda: socket.create_server((CLIENT, 0))) as listener:
        to = listener.getsockname()
        server = netns.run_inside(world.server, lambda: socket.create_connection(to, timeout=PATIENCE))
        client, _ = listener.accept()
    client.settimeout(PATIENCE)
    return Talk(client, server, server.getpeername()[0])


def tcp_from_outside(world: World) -> Talk:
    """A connection to the floating IP."""
    return _from_outside(world, (FLOATING_CLIENT, 0), FLOATING_ADDRESS)


def tcp_to_forwarded_port(world: World) -> Talk:
    """A connection to a port that is forwarded."""
    return _from_outside(world, (CLIENT, FORWARDED_TO), ROUTER_ADDRESS, FORWARDED_PORT)


def _from_outside(world: World, inside: tuple[str, int], address: str, port: int = 0) -> Talk:
    listener = netns.run_inside(world.client, lambda: socket.create_server(inside))
    with listener:
        to = (address, port or listener.getsockname()[1])
        server = netns.run_inside(world.server, lambda: socket.create_connection(to, timeout=PATIENCE))
        client, _ = listener.accept()
    client.settimeout(PATIENCE)
    return Talk(client, server, server.getpeername()[0])


def udp(world: World, source: str = CLIENT) -> Talk:
    """A question from inside that was answered."""
    server = netns.run_inside(world.server, lambda: _datagrams((SERVER, 0)))
    client = netns.run_inside(world.client, lambda: _datagrams((source, 0)))
    client.connect(server.getsockname())
    client.send(b"question")
    _, peer = server.recvfrom(100)
    server.connect(peer)
    talk = Talk(client, server, peer[0])
    assert talk.server_says(b"answer") == b"answer"
    return talk


@contextmanager
def make_world(directory: Path, *, number: int = 2, scope: Scope = "translated") -> Iterator[World]:
    """Everything wired, nothing started."""
    like = router(advert_interval=Millis(300), priority=50, addresses=(INSIDE, OUTSIDE, FLOATING))
    with make_pair(directory, like, number=number) as pair:
        ends = (f"{pair.wire}c", f"{pair.wire}s")
        replicators = _replicators(pair, scope)
        taps: list[socket.socket] = []
        try:
            for host in pair.hosts:
                _make_router(host.namespace)
            _make_end(pair.wire, ends[0], "br-qr", (f"{CLIENT}/24", f"{FLOATING_CLIENT}/24"), "192.168.80.1")
            _make_end(pair.wire, ends[1], "br-qg", (f"{SERVER}/24",), None)
            taps += [netns.run_inside(end, _tap) for end in ends]
            yield World(pair, replicators, *ends, taps)
        finally:
            for one in replicators:
                if one.process is not None and one.process.poll() is None:
                    one.kill(signal.SIGTERM)
            for tap in taps:
                tap.close()
            for end in ends:
                subprocess.run(["ip", "netns", "del", end], capture_output=True, check=False)


def _replicators(pair: Pair, scope: Scope) -> tuple[Replicator, ...]:
    port = _free_port()
    places = dict(zip(NODES, pair.hosts, strict=False))
    return tuple(
        _replicator(host, node, tuple(n for n in places if n != node), port, scope) for node, host in places.items()
    )


def _replicator(host: Host, node: str, twins: tuple[str, ...], port: int, scope: Scope) -> Replicator:
    config = Replication(
        node=node,
        address=NODES[node],
        port=port,
        keys=(KEY,),
        send_key=KEY.key_id,
        scope=scope,
        peers=tuple(Peer(node=twin, address=NODES[twin]) for twin in twins),
        routers=(ReplicatedRouter(name=NAME, namespace=host.namespace, peers=twins),),
    )
    return Replicator(host, node, NODES[node], config)


def _make_router(namespace: str) -> None:
    """What the agent does of it: forwarding, and the table of NAT."""
    spec = RouterSpec(
        router_id=NAME,
        admin_state_up=True,
        ha=None,
        interfaces=(),
        gateway=GatewaySpec(port=_leg("1", str(OUTSIDE.address)), next_hops=(IPv4Address(SERVER),), enable_snat=True),
        floating_ips=(
            FloatingIpSpec(
                floating_ip_id="1", outside=IPv4Address(FLOATING_ADDRESS), inside=IPv4Address(FLOATING_CLIENT)
            ),
        ),
        routes=(),
        port_forwardings=(
            PortForwardingSpec(
                outside=IPv4Address(ROUTER_ADDRESS),
                protocol="tcp",
                first=FORWARDED_PORT,
                last=FORWARDED_PORT,
                inside=IPv4Address(CLIENT),
                inside_first=FORWARDED_TO,
                inside_last=FORWARDED_TO,
            ),
        ),
    )
    assert spec.gateway
    run("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    text = ruleset(render(spec, spec.gateway))
    subprocess.run(["ip", "netns", "exec", namespace, "nft", "-f", "-"], input=text, text=True, check=True)


def _leg(port_id: str, address: str) -> RouterPort:
    return RouterPort(
        port_id=port_id, network_id="n", mac=Mac("02:00:00:00:00:01"), mtu=1500, addresses=(IPv4Interface(address),)
    )


def _make_end(wire: str, name: str, bridge: str, addresses: tuple[str, ...], gateway: str | None) -> None:
    outer = f"e-{name[-6:]}"
    run("ip", "netns", "add", name)
    run("ip", "-n", wire, "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", name)
    run("ip", "-n", wire, "link", "set", outer, "master", bridge, "up")
    run("ip", "-n", name, "link", "set", "eth0", "up")
    run("ip", "-n", name, "link", "set", "lo", "up")
    for address in addresses:
        run("ip", "-n", name, "address", "add", address, "dev", "eth0")
    if gateway:
        run("ip", "-n", name, "route", "add", "default", "via", gateway)


def _datagrams(address: tuple[str, int]) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(address)
    opened.settimeout(PATIENCE)
    return opened


def _free_port() -> int:
    with socket.create_server((str(NODES["a"]), 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _tap() -> socket.socket:
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    tap.bind(("eth0", 0x0800))
    tap.setblocking(False)
    return tap


def _drain(tap: socket.socket) -> Iterator[bytes]:
    with suppress(BlockingIOError):
        while True:
            yield tap.recv(2048)


def _is_reset(packet: bytes) -> bool:
    """By the IPv4 header's protocol and TCP's flags."""
    header = (packet[0] & 0xF) * 4
    return packet[9] == socket.IPPROTO_TCP and bool(packet[header + 13] & 0x04)
