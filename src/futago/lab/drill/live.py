"""A drill on a live router: nodes are reached by commands that the operator names, such as `ssh root@net1`.

Nothing but what the event does is changed on a node, and what takes a link away brings it back by itself, even when the
node cannot be reached any more.
"""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from futago.config import Profile
from futago.lab import namespaces
from futago.lab.api import wait_for
from futago.lab.drill import pcap
from futago.lab.drill.events import EVENTS
from futago.lab.drill.outcome import INWARD, Outcome, PingOutcome
from futago.lab.drill.sightings import Sighting, sightings
from futago.lab.drill.watch import Change
from futago.lab.errors import LabError
from futago.lab.measure import Reply, loss
from futago.lab.traffic import Ping, Recording

Tell = Callable[[str], None]

EVERY: Final = 0.01
"""Seconds between two requests of the ping."""
OBSERVE: Final = 6.0
"""Seconds for which the router is watched after the event, and after its end."""
PATIENCE: Final = 20.0
_LINK: Final = (
    "setsid sh -c 'ip link set {interface} down; sleep {seconds:g}; ip link set {interface} up' >&- 2>&- <&- &"
)
COMMANDS: Final = {
    "worker-killed": 'pkill -KILL -P "$(systemctl show --property MainPID --value futago-vrrpd)"',
    "engine-killed": "systemctl kill --signal KILL futago-vrrpd",
    "agent-restart": "systemctl restart futago-node",
    "engine-restart": "systemctl restart futago-vrrpd",
    "move": "futago vrrp resign {router}",
    "underlay": _LINK,
    "external": _LINK,
}
"""What is run on the active node, in a shell, for each event that a live router can be put to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A router that serves, and how to reach what is needed."""

    router: str
    """Its id."""
    target: str
    """An address that answers pings through it: a floating IP, or its own address outside."""
    nodes: Mapping[str, Sequence[str]]
    """Its nodes, and the command before which each of them is reached."""
    source: Sequence[str] = ()
    """The command before which the ping is run; here, if none."""
    profile: Profile = Profile.DEFAULT
    interface: str = ""
    """The link that is taken away, for the events that do so."""
    seconds: float = 10.0
    """For how long."""


def command(live: Live, event: str) -> str:
    """The shell command that makes an event happen on the active node.

    Raises:
        LabError: no live router is put to this event, or it wants to know an interface.

    """
    if event not in COMMANDS:
        raise LabError(f"{event} is for labs; on a live router: {', '.join(COMMANDS)}")
    if "{interface}" in COMMANDS[event] and not live.interface:
        raise LabError(f"{event} wants to know which link: --interface")
    return COMMANDS[event].format(
        router=shlex.quote(live.router), interface=shlex.quote(live.interface), seconds=live.seconds
    )


def active_of(live: Live) -> str:
    """The node on which the router is active, as the engines tell.

    Raises:
        LabError: there is not exactly one, or a node is not reached.

    """
    active = [node for node in live.nodes if _role(live, node) == "active"]
    if len(active) != 1:
        raise LabError(f"router {live.router} is active on {len(active)} of these nodes: {', '.join(live.nodes)}")
    return active[0]


def run(live: Live, event: str, active: str, directory: Path, tell: Tell) -> Outcome:
    """Let the event happen to the node `active`; captures of the router's interfaces go to `directory`.

    Raises:
        LabError: the target does not answer, or a node is not reached.

    """
    text = command(live, event)
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = [stack.enter_context(_captured(live, node, directory)) for node in live.nodes]
        watches = {node: stack.enter_context(_watched(live, node)) for node in live.nodes}
        ping = stack.enter_context(_LivePing(live))
        ping.wait_for_replies(100, seconds=20)
        tell(f"{active}: {text}")
        began, load = time.time(), os.getloadavg()[0]
        _on(live, active, text)
        time.sleep(OBSERVE + (live.seconds if live.interface else 0))  # the span that is observed
        undone = time.time()
        tell("waiting until the ping is answered again")
        wait_for(f"{live.target} answers", ping.answers_now, seconds=PATIENCE)
        survivor = active_of(live)
        ended, replies = time.time(), ping.replies()
    changes = [change for node, watch in watches.items() for change in _changes(live, node, watch)]
    seen = [sighting for made in files for sighting in _seen(made)]
    return Outcome(
        event=EVENTS[event],
        profile=live.profile,
        active=active,
        survivor=survivor,
        began=began,
        undone=undone,
        ended=ended,
        pings=(_ping_outcome(ping_replies=replies, began=began, undone=undone, ended=ended),),
        tcp=(),
        sightings=tuple(sorted(seen, key=lambda sighting: sighting.time)),
        changes=tuple(sorted(changes, key=lambda change: change.time)),
        load=load,
    )


class _LivePing(Ping):
    def __init__(self, live: Live) -> None:
        argv = [*live.source, "ping", "-n", "-D", "-i", str(EVERY), live.target]
        Recording.__init__(self, _spawn(argv), f"ping {live.target}")


def _ping_outcome(*, ping_replies: list[Reply], began: float, undone: float, ended: float) -> PingOutcome:
    return PingOutcome(
        name=INWARD,
        event=loss(ping_replies, began, undone),
        undoing=loss(ping_replies, undone, ended),
        replies=tuple(reply for reply in ping_replies if reply.time >= began - 2),
    )


def _role(live: Live, node: str) -> str:
    out = _on(live, node, "futago vrrp status --json")
    try:
        routers = msgspec.json.decode(out)["routers"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise LabError(f"{node} does not tell its roles: {out[:200]}") from error
    return next((str(router["role"]) for router in routers if router["name"] == live.router), "")


def _watched(live: Live, node: str) -> Recording:
    return Recording(_spawn([*live.nodes[node], "futago", "vrrp", "watch", "--json"]), f"the roles on {node}")


def _changes(live: Live, node: str, watch: Recording) -> Iterator[Change]:
    """By our own clock, which may not be the node's."""
    for line in watch.lines():
        try:
            router = msgspec.json.decode(line.text)["router"]
        except (msgspec.DecodeError, KeyError, TypeError):
            continue
        if router["name"] == live.router:
            yield Change(line.time, node, held=router["role"] == "active")


@contextmanager
def _captured(live: Live, node: str, directory: Path) -> Iterator[tuple[str, list[Path]]]:
    """What the node sends on the router's own interfaces, into a file for each of them."""
    inside = f"ip netns exec qrouter-{shlex.quote(live.router)}"
    names = [name for name in _on(live, node, f"{inside} ls /sys/class/net").split() if name.startswith(("ha-", "qg-"))]
    paths = [directory / f"{node}-{name}.pcap" for name in names]
    with ExitStack() as stack:
        for name, path in zip(names, paths, strict=True):
            text = f"exec {inside} tcpdump -U -Z root -Q out -w - -i {name} 'arp or ip proto 112'"
            output = stack.enter_context(path.open("wb"))
            popen = subprocess.Popen(
                [*live.nodes[node], "sh", "-c", _quoted(live, node, text)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            stack.callback(namespaces.end, popen)
        yield node, paths


def _seen(captured: tuple[str, list[Path]]) -> Iterator[Sighting]:
    node, paths = captured
    for path in paths:
        yield from sightings(node, pcap.frames(path.read_bytes()))


def _on(live: Live, node: str, text: str) -> str:
    """Run a shell command on a node to its end; what it printed.

    Raises:
        LabError: it failed.

    """
    argv = [*live.nodes[node], "sh", "-c", _quoted(live, node, text)]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"{node} is not reached: {error}") from error
    if done.returncode != 0:
        raise LabError(f"{node}: `{text}` ended with status {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _quoted(live: Live, node: str, text: str) -> str:
    """Ssh joins its words and has a shell take them apart again; other commands hand them on as they are."""
    return shlex.quote(text) if Path(live.nodes[node][0]).name == "ssh" else text


def _spawn(argv: Sequence[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
