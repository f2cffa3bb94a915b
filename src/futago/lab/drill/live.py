"""A drill on a live router: nodes are reached by commands that the operator names, such as `ssh root@net1`.

Nothing but what the event does is changed on a node, and what takes a link away brings it back by itself, even when the
node cannot be reached any more.
"""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from futago.config import Profile
from futago.lab import namespaces
from futago.lab.api import wait_for
from futago.lab.drill import pcap
from futago.lab.drill.deeds import nothing
from futago.lab.drill.events import EVENTS, Event, Expectation, Part
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
_NO_WAY_BACK: Final = "nobody could be sure to bring the node back from here"
REFUSED: Final = {
    **dict.fromkeys(("power", "frozen", "shutdown", "boot"), _NO_WAY_BACK),
    **dict.fromkeys(("switch-frozen", "engine-frozen"), "a node that is cut off by it could not be thawed from here"),
    **dict.fromkeys(("underlay-mute", "underlay-deaf"), "it takes a filter on the node that could stay behind"),
    "drain": "it is the controller's to do, and concerns every router of the node",
    "remove": "it is the controller's to do",
}
"""Why the other events are for labs, if it is not done by a command of the operator's own."""
_LIVE_EVENTS: Final = {
    "engine-killed": Event(
        name="engine-killed",
        what="the VRRP engine is killed; systemd starts another",
        do=nothing,
        expectation=Expectation(gap={Profile.DEFAULT: 6.0, Profile.SEED: 12.0}, moves=False),
        touches=Part.ENGINE,
    )
}
"""Events that are something else on a node whose services are watched over."""


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
    run: str = ""
    """A shell command of the operator's own, run here, that makes the event happen; {node} in it is the active one."""
    undo: str = ""
    """The same, to undo it."""


def command(live: Live, event: str, node: str) -> str:
    """The shell command that makes an event happen to the active node, on it or, if it is the operator's own, here.

    Raises:
        LabError: no live router is put to this event, or it wants to know an interface.

    """
    if live.run:
        return live.run.replace("{node}", node)
    if event not in COMMANDS:
        raise LabError(
            f"{event} is not done to a live router: {REFUSED.get(event, 'it is for labs')}; --run COMMAND does it"
            f" your way, and without it there are {', '.join(COMMANDS)}"
        )
    if "{interface}" in COMMANDS[event] and not live.interface:
        raise LabError(f"{event} wants to know which link: --interface")
    return COMMANDS[event].format(
        router=shlex.quote(live.router), interface=shlex.quote(live.interface), seconds=live.seconds
    )


def check(live: Live, text: str, node: str) -> None:
    """See that the active node has what the command needs, before anything is done.

    Raises:
        LabError: it has not; the text says what is missing.

    """
    if live.run or "systemctl" not in text:
        return
    try:
        _on(live, node, "systemctl is-active --quiet futago-vrrpd futago-node")
    except LabError as error:
        raise LabError(
            f"{node}: futago-vrrpd and futago-node are no running services of systemd there;"
            " --run COMMAND says how your node does it"
        ) from error


def active_of(live: Live, *, all_nodes: bool = True) -> str:
    """The node on which the router is active, as the engines tell; those that answer are enough if not `all_nodes`.

    Raises:
        LabError: there is not exactly one, or a node is not reached.

    """
    roles: dict[str, str] = {}
    for node in live.nodes:
        try:
            roles[node] = _role(live, node)
        except LabError:
            if all_nodes:
                raise
    active = [node for node, role in roles.items() if role == "active"]
    if len(active) != 1:
        raise LabError(f"router {live.router} is active on {len(active)} of these nodes: {', '.join(roles)}")
    return active[0]


def run(live: Live, event: str, active: str, directory: Path, tell: Tell) -> Outcome:
    """Let the event happen to the node `active`; captures of the router's interfaces go to `directory`.

    Raises:
        LabError: the target does not answer, or a node is not reached.

    """
    text = command(live, event, active)
    check(live, text, active)
    directory.mkdir(parents=True, exist_ok=True)
    with _listening(live, directory) as heard, _LivePing(live) as ping:
        ping.wait_for_replies(100, seconds=20)
        load = os.getloadavg()[0]
        tell(f"{'here' if live.run else active}: {text}")
        began = time.time()
        _do(live, active, text)
        time.sleep(OBSERVE + (live.seconds if live.interface else 0))  # the span that is observed
        survivor = _survivor(live)
        undone = time.time()
        if live.undo:
            tell(f"here: {live.undo.replace('{node}', active)}")
            _here(live.undo.replace("{node}", active))
        tell("waiting until the ping is answered again")
        wait_for(f"{live.target} answers", ping.answers_now, seconds=PATIENCE)
        time.sleep(OBSERVE if live.undo else 0)  # the same for the undoing
        ended, replies = time.time(), ping.replies()
    return Outcome(
        event=_LIVE_EVENTS.get(event, EVENTS[event]),
        profile=live.profile,
        active=active,
        survivor=survivor,
        began=began,
        undone=undone,
        ended=ended,
        pings=(_ping_outcome(ping_replies=replies, began=began, undone=undone, ended=ended),),
        tcp=(),
        sightings=heard.sightings(),
        changes=heard.changes(),
        load=load,
    )


@dataclass(frozen=True, slots=True)
class _Listening:
    """What is taken down of each node."""

    live: Live
    clocks: Mapping[str, float]
    """How far each is ahead of ours, in seconds."""
    files: Mapping[str, list[Path]]
    watches: Mapping[str, Recording]

    def sightings(self) -> tuple[Sighting, ...]:
        seen = [one for node, paths in self.files.items() for one in _seen(node, paths, self.clocks[node])]
        return tuple(sorted(seen, key=lambda sighting: sighting.time))

    def changes(self) -> tuple[Change, ...]:
        seen = [one for node, watch in self.watches.items() for one in _changes(self.live, node, watch, self.clocks)]
        return tuple(sorted(seen, key=lambda change: change.time))


@contextmanager
def _listening(live: Live, directory: Path) -> Iterator[_Listening]:
    """Captures and roles of every node, until the block ends."""
    with ExitStack() as stack:
        clocks = {node: _clock(live, node) for node in live.nodes}
        files = {node: stack.enter_context(_captured(live, node, directory)) for node in live.nodes}
        watches = {node: stack.enter_context(_watched(live, node)) for node in live.nodes}
        yield _Listening(live, clocks, files, watches)


def _do(live: Live, node: str, text: str) -> None:
    if live.run:
        _here(text)
    else:
        _on(live, node, text)


def _here(text: str) -> None:
    """Run a shell command of the operator's own on this machine.

    Raises:
        LabError: it failed.

    """
    done = subprocess.run(["sh", "-c", text], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"`{text}` ended with status {done.returncode}: {(done.stderr or done.stdout).strip()}")


def _survivor(live: Live) -> str:
    """Who is active now, by those who answer; "" if that is not one node, even after a moment."""
    found: list[str] = []

    def look() -> bool:
        with suppress(LabError):
            found.append(active_of(live, all_nodes=False))
        return bool(found)

    with suppress(LabError):
        wait_for("one node is active", look, seconds=PATIENCE)
    return found[-1] if found else ""


def _clock(live: Live, node: str) -> float:
    """How many seconds the node's clock is ahead of ours; what comes from there is told by ours.

    Known to half the time that the question takes.
    """
    asked = time.time()
    theirs = float(_on(live, node, "date +%s.%N"))
    return theirs - (asked + time.time()) / 2


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
    text = _while_heard("futago vrrp watch --json")
    return Recording(_spawn([*live.nodes[node], "sh", "-c", _quoted(live, node, text)]), f"the roles on {node}")


def _changes(live: Live, node: str, watch: Recording, clocks: Mapping[str, float]) -> Iterator[Change]:
    """When the router got and lost the role there, by our clock: the engine's first word is of long ago."""
    for line in watch.lines():
        try:
            router = msgspec.json.decode(line.text)["router"]
        except (msgspec.DecodeError, KeyError, TypeError):
            continue
        if router["name"] == live.router:
            yield Change(float(router["since"]) - clocks[node], node, held=router["role"] == "active")


@contextmanager
def _captured(live: Live, node: str, directory: Path) -> Iterator[list[Path]]:
    """What the node sends on the router's own interfaces, into a file for each of them."""
    inside = f"ip netns exec qrouter-{shlex.quote(live.router)}"
    names = [name for name in _on(live, node, f"{inside} ls /sys/class/net").split() if name.startswith(("ha-", "qg-"))]
    paths = [directory / f"{node}-{name}.pcap" for name in names]
    with ExitStack() as stack:
        for name, path in zip(names, paths, strict=True):
            text = _while_heard(f"{inside} tcpdump -U -Z root -Q out -w - -i {name} 'arp or ip proto 112'")
            output = stack.enter_context(path.open("wb"))
            popen = subprocess.Popen(
                [*live.nodes[node], "sh", "-c", _quoted(live, node, text)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            stack.callback(namespaces.end, popen)
        yield paths


def _seen(node: str, paths: list[Path], ahead: float) -> Iterator[Sighting]:
    """By our clock."""
    for path in paths:
        for sighting in sightings(node, pcap.frames(path.read_bytes())):
            yield replace(sighting, time=sighting.time - ahead)


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
    return shlex.quote(text) if any(Path(word).name == "ssh" for word in live.nodes[node]) else text


def _while_heard(text: str) -> str:
    """The same command, ended when we go: what ssh leaves behind would go on to the end of its days."""
    return f"{text} & listener=$!; cat > /dev/null; kill $listener"


def _spawn(argv: Sequence[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
