"""Established TCP connections through SNAT, then the active node loses its power: how many live on, on both sides."""

import argparse
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.table import Table

import _kit
from futago.config import Profile
from futago.lab import namespaces, processes
from futago.lab.api import wait_for
from futago.lab.lab import Lab
from lab_kit import cloud as clouds
from lab_kit.cloud import Cloud

PORT = 7000
SERVER = "10.0.80.1"


@dataclass(frozen=True)
class Count:
    """What one end says of a round."""

    answered: int
    wrong: int
    ended: int
    why: str


class End:
    """One process with all connections (`futago.lab.flows`)."""

    def __init__(self, lab: Lab, host: str, netns: str, *argv: str) -> None:
        command = ["python", "-m", "futago.lab.flows", *argv]
        self._popen = namespaces.spawn(lab.process(host), command, netns=netns, stdin=subprocess.PIPE)
        said = self._line()
        assert said == "ready", f"{argv}: {said}{self._popen.stderr.read() if self._popen.stderr else ''}"

    def push(self, number: int) -> None:
        self._order(f"push {number}")

    def count(self, number: int) -> Count:
        self._order(f"count {number}")
        answered, wrong, ended, why = self._line().split()[1:]
        return Count(int(answered), int(wrong), int(ended), why)

    def close(self) -> None:
        namespaces.end(self._popen)

    def _order(self, text: str) -> None:
        assert self._popen.stdin
        self._popen.stdin.write(f"{text}\n")
        self._popen.stdin.flush()

    def _line(self) -> str:
        assert self._popen.stdout
        return self._popen.stdout.readline().strip()


@contextmanager
def connections(cloud: Cloud, number: int) -> Iterator[tuple[End, End]]:
    """The server outside, and its clients, one process in an instance without a floating IP."""
    server = End(cloud.lab, "ext", "", "serve", SERVER, str(PORT))
    try:
        vm = cloud.vm2
        client = End(cloud.lab, vm.host, vm.netns, "dial", SERVER, str(PORT), str(number))
        try:
            yield server, client
        finally:
            client.close()
    finally:
        server.close()


def status(lab: Lab, host: str) -> dict[str, Any]:
    said = lab.exec(host, ["futago", "conntrack", "status", "--json"]).stdout
    found: dict[str, Any] = msgspec.json.decode(said)
    return found


def wait_for_twin(lab: Lab, standby: str, number: int) -> None:
    """Wait until the standby holds as many connections."""
    wait_for(
        f"{standby} holds {number} connections",
        lambda: status(lab, standby)["routers"][0]["entries"] >= number,
        seconds=120,
        state=lambda: str(status(lab, standby)),
    )


def settled(end: End, number: int, wanted: int, seconds: float) -> Count:
    """The count once all have answered, or when no more come."""
    until = time.monotonic() + seconds
    while (count := end.count(number)).answered < wanted and time.monotonic() < until:
        time.sleep(0.2)
    return count


def weight(lab: Lab, host: str) -> str:
    """Memory and processor time of conntrackd."""
    (one,) = [item for item in processes.of_futago(lab.process(host)) if item.what == "futago conntrackd"]
    show = "cut -d' ' -f14,15 /proc/$(cat /run/pids/conntrackd)/stat"
    ticks = sum(map(int, lab.exec(host, ["sh", "-c", show]).stdout.split()))
    return f"{processes.memory_mib([one]):.0f} MiB, {ticks / 100:.1f} s of processor time"


def measure(cloud: Cloud, number: int, seconds: float) -> Table:
    lab, active, standby = cloud.lab, cloud.active(), cloud.standby()
    began = time.monotonic()
    with connections(cloud, number) as (server, client):
        _kit.console.print(f"{number} connections made in {time.monotonic() - began:.1f} s")
        wait_for_twin(lab, standby, number)
        _kit.console.print(f"{standby} has them {time.monotonic() - began:.1f} s after the first was begun")
        told = status(lab, active)["peers"][0]
        _kit.console.print(f"lag {told['lag_ms']} ms, at worst {told['worst_lag_ms']} ms; dropped {told['dropped']}")
        _kit.console.print(f"conntrackd on {active}: {weight(lab, active)}; on {standby}: {weight(lab, standby)}")
        lab.power_off(active)
        cloud.eventually(f"{standby} holds the gateway", lambda: cloud.holders() == (standby,), 30)
        table = Table(title=f"{number} TCP connections through SNAT, after the power cut of the active node")
        for column in ("who speaks first", "alive", "%", "wrongly translated", "ended"):
            table.add_column(column)
        for name, end, round_number in (("the server", server, 1), ("the client", client, 2)):
            end.push(round_number)
            found = settled(end, round_number, number, seconds)
            wrong = server.count(0).wrong + client.count(0).wrong
            percent = f"{100 * found.answered / number:.2f}"
            ended = f"{found.ended} ({found.why})" if found.ended else "0"
            table.add_row(name, str(found.answered), percent, str(wrong), ended)
    return table


def main() -> None:
    options = argparse.ArgumentParser(prog="./run bench connections", description=__doc__)
    options.add_argument("--connections", type=int, default=10_000)
    options.add_argument("--seconds", type=float, default=60, help="how long answers are waited for")
    chosen = options.parse_args()
    with _kit.lab(Profile.DEFAULT) as lab:
        cloud = clouds.make(lab)
        cloud.heal()
        _kit.console.print(measure(cloud, chosen.connections, chosen.seconds))


if __name__ == "__main__":
    _kit.run(main)
