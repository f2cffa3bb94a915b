"""Established TCP connections through SNAT, then the active node loses its power: how many live on, on both sides."""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.table import Table

import _kit
from futago.config import Profile
from futago.lab import processes, replication
from futago.lab.api import wait_for
from futago.lab.lab import Lab
from futago.lab.talks import End
from lab_kit import cloud as clouds
from lab_kit.cloud import Cloud

PORT = 7000
SERVER = "10.0.80.1"


@contextmanager
def connections(cloud: Cloud, number: int) -> Iterator[tuple[End, End]]:
    """The server outside, and its clients, one process in an instance without a floating IP."""
    vm = cloud.vm2
    with (
        End.serve(cloud.lab, "ext", "", SERVER, PORT) as server,
        End.dial(cloud.lab, vm.host, vm.netns, SERVER, PORT, number) as client,
    ):
        yield server, client


def wait_for_twin(cloud: Cloud, standby: str, number: int) -> None:
    """Wait until the standby holds as many connections."""
    wait_for(
        f"{standby} holds {number} connections",
        lambda: replication.entries(cloud.lab, standby, cloud.router_id) >= number,
        seconds=120,
        state=lambda: f": {replication.status(cloud.lab, standby)}",
    )


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
        wait_for_twin(cloud, standby, number)
        _kit.console.print(f"{standby} has them {time.monotonic() - began:.1f} s after the first was begun")
        (told,) = replication.status(lab, active).peers
        _kit.console.print(f"lag {told.lag_ms} ms, at worst {told.worst_lag_ms} ms; dropped {told.dropped}")
        _kit.console.print(f"conntrackd on {active}: {weight(lab, active)}; on {standby}: {weight(lab, standby)}")
        lab.power_off(active)
        cloud.eventually(f"{standby} holds the gateway", lambda: cloud.holders() == (standby,), 30)
        table = Table(title=f"{number} TCP connections through SNAT, after the power cut of the active node")
        for column in ("who speaks first", "alive", "%", "wrongly translated", "ended"):
            table.add_column(column)
        for name, end, round_number in (("the server", server, 1), ("the client", client, 2)):
            end.push(round_number)
            found = end.settled(round_number, number, seconds)
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
