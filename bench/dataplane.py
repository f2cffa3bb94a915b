"""What the flows cost: throughput and packets a second beside a path built by hand, flows a port, ports, a resync."""

import argparse
import contextlib
import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from rich.table import Table

import _by_hand
import _kit
import _ports
from _by_hand import Sender
from futago.config import Profile
from futago.lab import namespaces
from futago.lab.api import wait_for
from futago.lab.demo import walkthrough
from futago.lab.errors import LabError
from futago.lab.lab import Lab
from lab_kit import cloud as clouds
from lab_kit.cloud import Cloud

SERVER: Final = "10.0.80.1"
SMALL: Final = 18
"""Bytes of payload that make the smallest frame of Ethernet, 64 bytes with its checksum."""
PARTS: Final = ("throughput", "flows", "port", "resync")
WHAT: Final = {"TCP": "Mbit/s", "UDP": "packets/s"}
COMPUTE: Final = "compute1"

Case = tuple[str, str]
"""How the instance is guarded, and how it is translated."""


@dataclass(slots=True)
class Pairs:
    """Each run's figure of our path, and of the one by hand right before or after it."""

    ours: list[float] = field(default_factory=list)
    by_hand: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [ours / by_hand for ours, by_hand in zip(self.ours, self.by_hand, strict=True)]


def our_senders(cloud: Cloud) -> dict[Case, Sender]:
    """Instances on one host: with and without security groups, with and without a floating IP."""
    found = {("guarded", "floating IP"): cloud.vm1}
    found["guarded", "SNAT"] = cloud.lab.instance("guarded", COMPUTE, walkthrough.PROJECT_NETWORK)
    free = {"port_security_enabled": False}
    found["open", "SNAT"] = cloud.lab.instance("open", COMPUTE, walkthrough.PROJECT_NETWORK, **free)
    known = cloud.lab.instance("open-known", COMPUTE, walkthrough.PROJECT_NETWORK, **free)
    walkthrough.floating_ip(cloud.lab.api(), cloud.external_id, known.port_id)
    found["open", "floating IP"] = known
    return {case: Sender(host=vm.host, netns=vm.netns, address=vm.address) for case, vm in found.items()}


@contextlib.contextmanager
def server(lab: Lab) -> Iterator[None]:
    """iperf3 on the host outside."""
    popen = lab.spawn("ext", ["iperf3", "-s"])
    try:
        listens = ["sh", "-c", "ss -Hltn | grep -q :5201"]
        wait_for("iperf3 listens", lambda: lab.exec("ext", listens, check=False).returncode == 0, seconds=20)
        yield
    finally:
        namespaces.end(popen)


def iperf(lab: Lab, sender: Sender, what: str, seconds: float) -> float:
    """What of one run has arrived: Mbit/s of TCP, or small packets a second of UDP as fast as it can be sent.

    Raises:
        LabError: it did not come to a result.

    """
    argv = ["iperf3", "-c", SERVER, "-B", sender.address, "-J", "-t", f"{seconds:g}"]
    argv += ["-u", "-b", "0", "-l", str(SMALL)] if what == "UDP" else ["-O", "1"]
    done = lab.exec(sender.host, argv, netns=sender.netns, timeout=seconds + 60, check=False)
    try:
        bits = float(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"])
    except (ValueError, KeyError) as error:
        raise LabError(f"iperf3 from {sender.address}: {done.stdout[-500:]}{done.stderr}") from error
    return bits / 1e6 if what == "TCP" else bits / 8 / SMALL


def throughput(cloud: Cloud, runs: int, seconds: float) -> Table:
    """Our paths and those by hand in turn, each first every other time."""
    lab, active = cloud.lab, cloud.active()
    ours, by_hand = our_senders(cloud), _by_hand.build(lab, COMPUTE, active)
    found = {(case, what): Pairs() for case in sorted(ours) for what in WHAT}
    for senders in (ours, by_hand):
        for case, sender in senders.items():
            ping = ["ping", "-n", "-c", "1", "-W", "1", "-I", sender.address, SERVER]
            look = lambda: lab.exec(sender.host, ping, netns=sender.netns, check=False).returncode == 0  # noqa: B023, E731
            wait_for(f"{sender.netns} ({case}) reaches the outside", look, seconds=30)
    with server(lab):
        for number in range(runs):
            for (case, what), pairs in found.items():
                sides = [(pairs.ours, ours[case]), (pairs.by_hand, by_hand[case])]
                for figures, sender in sides if number % 2 else reversed(sides):
                    figures.append(iperf(lab, sender, what, seconds))
    if cloud.active() != active:
        raise LabError(f"{active} is not active any more: the two paths went through different hosts")
    return _as_table(found, runs)


def _as_table(found: dict[tuple[Case, str], Pairs], runs: int) -> Table:
    table = Table(title=f"From an instance to the host outside, {runs} runs: median (min-max)")
    for column in ("instance", "by", "", "Futago", "by hand", "ratio"):
        table.add_column(column)
    names = {"open": "without port security", "guarded": "with security groups"}
    for ((guard, translated), what), pairs in found.items():
        ratio = f"{statistics.median(pairs.ratios):.2f} ({min(pairs.ratios):.2f}-{max(pairs.ratios):.2f})"
        table.add_row(names[guard], translated, WHAT[what], _whole(pairs.ours), _whole(pairs.by_hand), ratio)
    return table


def _whole(values: list[float]) -> str:
    return f"{statistics.median(values):,.0f} ({min(values):,.0f}-{max(values):,.0f})"


def ports(cloud: Cloud, part: str, number: int) -> Table:
    """The parts that are about ports."""
    if part == "flows":
        return _ports.flows(cloud, COMPUTE)
    return _ports.port(cloud, COMPUTE, number) if part == "port" else _ports.resync(cloud, COMPUTE, number)


def main() -> None:
    options = argparse.ArgumentParser(prog="./run bench dataplane", description=__doc__)
    options.add_argument("--runs", type=int, default=7, help="of each path")
    options.add_argument("--seconds", type=float, default=3, help="that a run lasts")
    options.add_argument("--made", type=int, default=20, help="ports that are timed from their creation")
    options.add_argument("--ports", type=int, default=500, help="on the node whose agent is restarted")
    options.add_argument("--parts", default=",".join(PARTS), help="comma separated; default: %(default)s")
    chosen = options.parse_args()
    parts = chosen.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        options.error(f"there is no part {', '.join(sorted(unknown))}")
    with _kit.lab(Profile.DEFAULT) as lab:
        cloud = clouds.make(lab)
        cloud.heal()
        for part in parts:
            if part == "throughput":
                _kit.console.print(throughput(cloud, chosen.runs, chosen.seconds))
            else:
                _kit.console.print(ports(cloud, part, chosen.made if part == "port" else chosen.ports))


if __name__ == "__main__":
    _kit.run(main)
