"""The watch over the uplinks, on a database that is a dictionary: carriers, ovs-vswitchd, what outlives the agent."""

import errno
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from futago.node.drivers import uplinks
from futago.node.drivers.ovsdb import Ovsdb
from futago.node.drivers.uplinks import GRACE_SECONDS, UplinkWatch, carriers, switch_runs
from futago.node.host import HostRefused, Uplink
from futago.node.state import Remembered, StateDirectory
from futago.node.uplinks import Damping
from futago.values import IPAddress, IPv4Address

UPLINK = Uplink(network_id="n", physical_network="external1", bridge="br-ex1")
PROBED = replace(UPLINK, gateways=(IPv4Address("10.0.80.1"),), namespace="futago-uplinks", interface="up-n")
HOLD = 3.0


class FakeOvsdb:
    """One bridge with its own port, a patch port, a port of ours, and two cards."""

    def __init__(self, run_directory: Path) -> None:
        self.run_directory = run_directory
        self.away = False
        self.cards: dict[str, tuple[list[str], list[str]]] = {"eth1": (["up"], ["up"]), "eth2": (["down"], ["up"])}

    def table(self, name: str) -> dict[str, Any]:
        if self.away:
            raise HostRefused("away")
        others = {"br-ex1": "internal", "phy-br-ex1": "patch", "hu-n": ""}
        names = [*others, *self.cards]
        if name == "Bridge":
            return {"b": {"name": "br-ex1", "ports": names}, "c": {"name": "br-other", "ports": []}}
        if name == "Port":
            marks = {"hu-n": {"futago": "port"}}
            return {one: {"external_ids": marks.get(one, {}), "interfaces": [one]} for one in names}
        states = self.cards | dict.fromkeys(others, (["up"], ["up"]))
        return {
            one: {"type": others.get(one, ""), "link_state": states[one][0], "admin_state": states[one][1]}
            for one in names
        }


class FakePulse:
    """A switch that goes round, until it does not."""

    def __init__(self) -> None:
        self.held_up = False

    def beat(self) -> None:
        """Nothing."""

    def vouches(self, since: float, now: float) -> bool:
        assert since <= now
        return not self.held_up


class Watching:
    """A watch that has just begun, and how often it told of a change."""

    def __init__(self, path: Path) -> None:
        self.ovsdb = FakeOvsdb(path)
        self.memory = StateDirectory(path / "state")
        self.changes = self.returns = 0
        self.pulse = FakePulse()
        self.watch = UplinkWatch(
            cast("Ovsdb", self.ovsdb),
            self.memory,
            interval=0.15,
            damping=Damping(hold=HOLD),
            userspace=True,
            on_change=self._changed,
            on_switch=self._returned,
            pulse=self.pulse,
        )
        self.watch.follow([UPLINK])

    def _changed(self) -> None:
        self.changes += 1

    def _returned(self) -> None:
        self.returns += 1


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    return Watching(tmp_path)


def test_a_bridge_has_a_carrier_while_one_of_its_cards_has(watching: Watching) -> None:
    ovsdb, asked = watching.ovsdb, ["br-ex1", "br-other"]
    assert carriers(cast("Ovsdb", ovsdb), asked) == {"br-ex1": True}
    ovsdb.cards["eth1"] = (["down"], ["up"])
    assert carriers(cast("Ovsdb", ovsdb), asked) == {"br-ex1": False}
    ovsdb.cards["eth1"] = (["up"], ["down"])
    assert carriers(cast("Ovsdb", ovsdb), asked) == {"br-ex1": False}
    ovsdb.cards = {}
    assert carriers(cast("Ovsdb", ovsdb), asked) == {}, "our own ports say nothing of the way outside"


def test_a_lost_carrier_is_told_once_and_so_is_its_return(watching: Watching) -> None:
    watching.watch.look(1.0)
    assert (watching.changes, watching.watch.impairment.networks) == (0, frozenset())
    watching.ovsdb.cards = {"eth1": (["down"], ["up"])}
    watching.watch.look(1.1)
    watching.watch.look(1.2)
    assert (watching.changes, watching.watch.impairment.networks) == (1, frozenset({"n"}))
    watching.ovsdb.cards = {"eth1": (["up"], ["up"])}
    watching.watch.look(2.0)
    watching.watch.look(2.0 + HOLD)
    assert (watching.changes, watching.watch.impairment.networks) == (2, frozenset())
    assert [(one.up, one.falls) for one in watching.watch.reports] == [(True, 1)]


def test_while_the_database_is_away_the_last_carrier_stands(watching: Watching) -> None:
    watching.ovsdb.cards = {"eth1": (["down"], ["up"])}
    watching.watch.look(1.0)
    watching.ovsdb.away = True
    watching.watch.look(1.1)
    watching.watch.look(1.1 + 2 * HOLD)
    assert watching.watch.impairment.networks == {"n"}


def test_an_uplink_that_is_watched_no_more_impairs_nothing(watching: Watching) -> None:
    watching.ovsdb.cards = {"eth1": (["down"], ["up"])}
    watching.watch.look(1.0)
    watching.watch.follow([])
    assert watching.watch.impairment.networks == frozenset()
    assert watching.watch.reports == ()


def test_an_uplink_that_was_down_is_down_for_the_next_agent_until_it_has_been_good(tmp_path: Path) -> None:
    Watching(tmp_path).memory.save_uplinks({"n": Remembered(up=False, answers=False)})
    after = Watching(tmp_path)
    after.watch.look(1.0)
    assert after.watch.impairment.networks == {"n"}
    after.watch.look(1.0 + HOLD)
    assert after.watch.impairment.networks == frozenset()


def test_the_switch_runs_as_long_as_somebody_holds_its_files_lock(tmp_path: Path) -> None:
    pidfile = tmp_path / "ovs-vswitchd.pid"
    assert switch_runs(pidfile) is None
    pidfile.write_text("1\n")
    assert switch_runs(pidfile) is False, "a file that a crash left"
    with locked(pidfile):
        assert switch_runs(pidfile) is True
    assert switch_runs(pidfile) is False


def test_a_lost_switch_is_told_of_as_long_as_it_is_away_and_its_return_once(watching: Watching) -> None:
    pidfile = watching.ovsdb.run_directory / "ovs-vswitchd.pid"
    pidfile.write_text("1\n")
    with locked(pidfile):
        watching.watch.look(1.0)
    pidfile.unlink()
    for now in (1.1, 1.2, 1.3):
        watching.watch.look(now)
    assert watching.watch.impairment.switch
    assert watching.watch.impairment.unheard > 0
    assert watching.changes == 3, "how long it has been away changes all the time"
    pidfile.write_text("2\n")
    with locked(pidfile):
        watching.watch.look(1.4)
        assert watching.returns == 1
        assert watching.watch.impairment.switch, "it has to run for a while"
        assert watching.watch.impairment.unheard == 0
        watching.watch.look(1.4 + HOLD)
        assert not watching.watch.impairment.switch
    assert watching.returns == 1


def test_a_switch_that_was_never_seen_is_not_missed(watching: Watching) -> None:
    for now in (1.0, 2.0, 3.0, 4.0):
        watching.watch.look(now)
    assert not watching.watch.impairment.switch
    assert watching.changes == 0


class FakeGateway:
    """Stands for the probe's socket: a gateway that answers, or not, and an interface that is there, or not."""

    def __init__(self) -> None:
        self.asked = 0
        self.opened = 0
        self.answers = True
        self.plugged = True

    def __call__(self, namespace: str, interface: str, gateways: tuple[IPAddress, ...]) -> "FakeGateway":
        assert (namespace, interface, gateways) == (PROBED.namespace, PROBED.interface, PROBED.gateways)
        self.opened += 1
        self._check()
        return self

    def ask(self) -> None:
        self._check()
        self.asked += 1

    def answered(self) -> bool:
        self._check()
        return self.answers

    def close(self) -> None:
        """Nothing."""

    def _check(self) -> None:
        if not self.plugged:
            raise OSError(errno.ENODEV, "No such device")


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch, watching: Watching) -> FakeGateway:
    """The gateway of an uplink that is watched from the time 0 on."""
    made = FakeGateway()
    monkeypatch.setattr(uplinks, "GatewayProbe", made)
    watching.watch.follow([PROBED])
    return made


def look_for(watching: Watching, start: float, seconds: float) -> float:
    """Look every 150 ms; returns when this ends."""
    for step in range(round(seconds / 0.15)):
        watching.watch.look(start + step * 0.15)
    return start + seconds


def test_a_gateway_that_falls_silent_is_asked_less_often_until_it_answers(
    watching: Watching, gateway: FakeGateway
) -> None:
    now = look_for(watching, 0.0, 6.0)
    assert gateway.asked == 40
    gateway.answers = False
    now = look_for(watching, now, 0.45)
    assert watching.watch.impairment.networks == {"n"}
    before = gateway.asked
    now = look_for(watching, now, 15.0)
    assert 10 <= gateway.asked - before <= 16
    gateway.answers = True
    before = gateway.asked
    look_for(watching, now, 6.0)
    assert gateway.asked - before == 40
    assert watching.watch.impairment.networks == frozenset()


def test_the_silence_of_a_port_that_is_new_means_nothing(watching: Watching, gateway: FakeGateway) -> None:
    """The gateway used to answer; until the switch forwards from a port that was made anew nobody can know."""
    now = look_for(watching, 0.0, 6.0)
    gateway.plugged = False
    now = look_for(watching, now, 3.0)
    gateway.plugged, gateway.answers = True, False
    now = look_for(watching, now, GRACE_SECONDS)
    assert watching.changes == 0
    look_for(watching, now, 3.0)
    assert watching.watch.impairment.networks == {"n"}


def test_while_the_switch_is_held_up_itself_the_silence_of_a_gateway_means_nothing(
    watching: Watching, gateway: FakeGateway
) -> None:
    now = look_for(watching, 0.0, 6.0)
    gateway.answers, watching.pulse.held_up = False, True
    now = look_for(watching, now, 3.0)
    assert watching.changes == 0
    watching.pulse.held_up = False
    look_for(watching, now, 0.45)
    assert watching.watch.impairment.networks == {"n"}


def test_an_interface_that_is_not_there_is_looked_for_now_and_then(watching: Watching, gateway: FakeGateway) -> None:
    gateway.plugged = False
    look_for(watching, 0.0, 6.0)
    assert 4 <= gateway.opened <= 7
    assert watching.watch.impairment.networks == frozenset()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds a lock on the whole file; one's own locks never show."""
    code = "import fcntl,sys; f=open(sys.argv[1],'r+'); fcntl.lockf(f,fcntl.LOCK_EX); print('held',flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.kill()
