"""One router's replica and a real kernel; the other nodes are played."""

import asyncio
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from itertools import count

import pytest

from futago.conntrack import kernel
from futago.conntrack import replica as replica_module
from futago.conntrack.config import ReplicatedRouter
from futago.conntrack.entry import Entry, TcpState
from futago.conntrack.kernel import Kernel
from futago.conntrack.replica import Replica
from futago.conntrack.table import STRAY_SECONDS, Digest, Table
from futago.conntrack.turns import Turns
from futago.conntrack.wire import Checkpoint, Claim, End, Message, Put, Remove, Resync
from host.vrrpd_kit import run
from unit.conntrack.samples import entry

NAME = "router80"
_serial = count()


class Played:
    """The twins, as a replica sees them."""

    def __init__(self) -> None:
        self.claims = 0
        self.heard: list[Message] = []
        self.asked: list[tuple[str, Message]] = []

    def claim(self, replica: Replica) -> None:  # noqa: ARG002 - one replica only
        self.claims += 1

    def send(self, _nodes: Collection[str], _router: str, messages: Sequence[Message], _since: float | None) -> None:
        self.heard += messages

    def ask(self, node: str, message: Message) -> None:
        self.asked.append((node, message))

    def put(self) -> set[bytes]:
        return {one.key for message in self.heard if isinstance(message, Put) for one in message.entries}


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"fct{os.getpid()}-{next(_serial)}"
    run("ip", "netns", "add", name)
    yield name
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def play(namespace: str, script: Callable[[Replica, Played], Awaitable[None]], *, active: bool) -> None:
    """Run a replica beside the script."""

    async def both() -> None:
        twins = Played()
        router = ReplicatedRouter(name=NAME, namespace=namespace, peers=("net2", "net3"))
        replica = Replica(router, twins, routed=False, turns=Turns())
        replica.set_role(active=active, since=1.0)
        task = asyncio.create_task(replica.run())
        try:
            await script(replica, twins)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(both())


async def until(what: str, look: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not look():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.02)


async def turns_until(done: Callable[[], object]) -> int:
    """How often somebody else has had his turn by then."""
    turns = 0
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        turns += 1
        await asyncio.sleep(0)
    return turns


async def told(replica: Replica, node: str, *entries: Entry, since: int = 1) -> None:
    """A node says that it is active and that these are all connections."""
    table = Table(routed=True)
    table.read(entries, 0)
    await replica.receive(node, Claim(NAME, since))
    await replica.receive(node, Put(NAME, entries))
    await replica.receive(node, Checkpoint(NAME, table.digest))


def test_events_that_the_kernel_could_not_hold_are_made_up_for(namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "EVENT_BUFFER", 2048)
    many = [entry(port=port) for port in range(1, 501)]

    async def script(replica: Replica, twins: Played) -> None:
        await until("it leads", lambda: twins.claims)
        writer = Kernel(namespace)
        writer.write([(one, False) for one in many], ())
        writer.write([(one._replace(mark=5), True) for one in many], ())
        await until("all are told", lambda: twins.put() == {one.key for one in many})
        assert replica.status().events_lost > 0
        assert replica.status().entries == 500
        writer.close()

    play(namespace, script, active=True)


def test_others_have_their_turns_while_very_many_connections_are_read_and_shortened(namespace: str) -> None:
    """A standby that was active for all of them, of which the new active node knows none."""
    ends = [(f"192.168.80.{host}", f"10.0.80.{host}") for host in range(101, 106)]
    many = [entry(inside=inside, outside=outside, port=port) for inside, outside in ends for port in range(1, 4001)]

    async def script(replica: Replica, twins: Played) -> None:
        writer = Kernel(namespace)
        for at in range(0, len(many), 1000):
            writer.write([(one, False) for one in many[at : at + 1000]], ())
        writer.close()
        replica.set_role(active=True, since=2.0)
        assert await turns_until(lambda: twins.claims) > 50
        assert replica.status().entries == len(many)
        replica.set_role(active=False, since=3.0)
        await until("it has left", lambda: End(NAME) in twins.heard and replica._kernel is not None)
        telling = asyncio.ensure_future(told(replica, "net2"))
        assert await turns_until(telling.done) > 100
        found = await everything(namespace)
        assert max(one.timeout for one in found.values()) <= STRAY_SECONDS

    play(namespace, script, active=False)


def test_a_role_that_changes_while_the_kernel_is_read_is_noticed(namespace: str) -> None:
    async def script(replica: Replica, twins: Played) -> None:
        await turns_until(lambda: replica._kernel)
        assert not twins.claims, "the kernel is being read"
        replica.set_role(active=False, since=2.0)
        await until("it follows", lambda: twins.heard == [End(NAME)] and replica.claim is None)
        await told(replica, "net2", entry())
        assert set(await everything(namespace)) == {entry().key}

    play(namespace, script, active=True)


def test_what_ends_is_told(namespace: str) -> None:
    one = entry()

    async def script(replica: Replica, twins: Played) -> None:
        await until("it leads", lambda: twins.claims)
        writer = Kernel(namespace)
        writer.write([(one, False)], ())
        writer.write([(one._replace(mark=5), True)], ())
        await until("it is told", lambda: one.key in twins.put())
        writer.write((), [one.key])
        await until("its end is told", lambda: Remove(NAME, (one.key,)) in twins.heard)
        replica.set_role(active=False, since=2.0)
        await until("the end of its leading is told", lambda: twins.heard[-1] == End(NAME))
        writer.close()

    play(namespace, script, active=True)


def test_what_is_new_is_told_before_the_role_is_left(namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_module, "COALESCE_SECONDS", 1000.0)

    async def script(replica: Replica, twins: Played) -> None:
        await until("it leads", lambda: twins.claims)
        writer = Kernel(namespace)
        writer.write([(entry(), False)], ())
        writer.write([(entry()._replace(mark=5), True)], ())
        writer.close()
        await until("it has heard of it", lambda: replica.status().entries == 1)
        assert twins.put() == set()
        replica.set_role(active=False, since=2.0)
        await until("it has left", lambda: End(NAME) in twins.heard)
        assert twins.put() == {entry().key}
        assert twins.heard[-1] == End(NAME)

    play(namespace, script, active=True)


def test_an_active_node_obeys_nobody_until_it_is_active_no_more(namespace: str) -> None:
    async def script(replica: Replica, twins: Played) -> None:
        await until("it leads", lambda: twins.claims)
        await told(replica, "net2", entry())
        assert await everything(namespace) == {}
        assert replica.status().ignored == 2
        replica.set_role(active=False, since=2.0)
        await until("it asks for everything", lambda: ("net2", Resync(NAME)) in twins.asked)
        await told(replica, "net2", entry())
        assert set(await everything(namespace)) == {entry().key}

    play(namespace, script, active=True)


def test_a_standby_has_what_it_is_told_by_the_last_that_became_active(namespace: str) -> None:
    async def script(replica: Replica, twins: Played) -> None:
        await following(replica)
        await told(replica, "net2", entry(port=1), entry(port=2))
        assert set(await everything(namespace)) == {entry(port=1).key, entry(port=2).key}
        assert replica.status().agreed_seconds_ago is not None
        await told(replica, "net3", entry(port=2), entry(port=3))
        await replica.receive("net2", Put(NAME, (entry(port=4),)))
        await replica.receive("net2", Remove(NAME, (entry(port=2).key,)))
        assert replica.status().source == "net3"
        assert {entry(port=2).key, entry(port=3).key} <= set(await everything(namespace))
        assert entry(port=4).key not in await everything(namespace)

    play(namespace, script, active=False)


def test_what_the_active_node_does_not_know_is_kept_for_a_while_only(namespace: str) -> None:
    async def script(replica: Replica, twins: Played) -> None:
        await following(replica)
        await told(replica, "net2", entry(port=1), entry(port=2))
        await told(replica, "net2", entry(port=2), since=2)
        found = await everything(namespace)
        assert found[entry(port=1).key].timeout <= STRAY_SECONDS
        assert found[entry(port=2).key].timeout > STRAY_SECONDS

    play(namespace, script, active=False)


def test_what_is_in_the_way_gives_way(namespace: str) -> None:
    """The same connection under another translation, and another one that is answered in the same way."""
    former = entry(port=1, outside="10.0.80.102")
    usurper = entry(port=2, inside="192.168.80.77")
    wanted = [entry(port=1), entry(port=2)]

    async def script(replica: Replica, twins: Played) -> None:
        writer = Kernel(namespace)
        writer.write([(former, False), (usurper, False)], ())
        writer.close()
        await following(replica)
        await told(replica, "net2", *wanted)
        found = await everything(namespace)
        assert {one.key: found[one.key].reply for one in wanted} == {one.key: one.reply for one in wanted}
        assert usurper.key not in found
        assert replica.status().not_written == 0

    play(namespace, script, active=False)


def test_a_difference_is_noticed_and_everything_asked_for_once(namespace: str) -> None:
    async def script(replica: Replica, twins: Played) -> None:
        await following(replica)
        await told(replica, "net2", entry())
        for _ in range(3):
            await replica.receive("net2", Checkpoint(NAME, Digest(7, 7)))
        assert twins.asked == [("net2", Resync(NAME))]
        assert replica.status().resyncs == 1

    play(namespace, script, active=False)


def test_every_state_of_a_connection_stands_in_the_kernel_as_it_was(namespace: str) -> None:
    states = [TcpState.ESTABLISHED, TcpState.FIN_WAIT, TcpState.CLOSE_WAIT, TcpState.LAST_ACK]
    wanted = [entry(port=state, state=state, timeout=100)._replace(mark=state) for state in states]

    async def script(replica: Replica, twins: Played) -> None:
        await following(replica)
        await told(replica, "net2", *wanted)
        found = await everything(namespace)
        assert {key: one._replace(timeout=100) for key, one in found.items()} == {one.key: one for one in wanted}

    play(namespace, script, active=False)


def test_a_flush_on_a_standby_is_repaired(namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_module, "CHECK_SECONDS", 0.5)

    async def script(replica: Replica, twins: Played) -> None:
        await following(replica)
        await told(replica, "net2", entry(port=1), entry(port=2))
        run("ip", "netns", "exec", namespace, "conntrack", "-F")
        await until("it is noticed", lambda: replica.status().repaired == 2)
        assert set(await everything(namespace)) == {entry(port=1).key, entry(port=2).key}

    play(namespace, script, active=False)


def test_a_namespace_that_is_made_anew_is_filled_again(namespace: str) -> None:
    async def script(replica: Replica, twins: Played) -> None:
        await following(replica)
        await told(replica, "net2", entry())
        run("ip", "netns", "del", namespace)
        await until("it says so", lambda: replica.status().error)
        run("ip", "netns", "add", namespace)
        await until("it asks for everything", lambda: ("net2", Resync(NAME)) in twins.asked)
        await told(replica, "net2", entry())
        assert set(await everything(namespace)) == {entry().key}
        assert replica.status().error is None

    play(namespace, script, active=False)


async def following(replica: Replica) -> None:
    await until("it follows", lambda: replica._kernel is not None)


async def everything(namespace: str) -> dict[bytes, Entry]:
    opened = Kernel(namespace)
    try:
        found: list[Entry] = []
        await opened.dump(found.extend)
        return {one.key: one for one in found}
    finally:
        opened.close()
