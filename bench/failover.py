"""The active node loses power: the longest gap of pings, beside a plain keepalived pair in the same power cut.

The keepalived pair stands on the same two nodes and the same external network, with an address of its own and VRRPv3
adverts every second (its documentation's default), or every two seconds in the seed's profile. Both pairs have their
active side on the same node, so each power cut is the same for both; the ratio is of medians of one run.
"""

import argparse
import statistics
import time
from pathlib import Path

from rich.table import Table

import _kit
from futago.config import Profile
from futago.lab.lab import Lab
from futago.lab.traffic import Ping
from lab_kit import cloud as clouds
from lab_kit.cloud import Cloud

KEEPALIVED_ADDRESS = "10.0.80.60"
KEEPALIVED = """
global_defs {{
    vrrp_version {version}
    vrrp_garp_master_delay 1
}}
vrrp_instance peer {{
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 60
    priority {priority}
    advert_int {interval}
    virtual_ipaddress {{
        10.0.80.60/24 dev eth0
    }}
}}
"""


def start_keepalived(lab: Lab, host: str, *, preferred: bool) -> None:
    """A keepalived in a namespace of its own, with a leg in the external network, as a router's qg- has."""
    number = 61 if host == "net1" else 62
    steps = (
        "ip netns add peer",
        "ip link add peer0 type veth peer name eth0 netns peer",
        "ovs-vsctl --may-exist add-port br-ex1 peer0",
        "ip link set peer0 up",
        f"ip -n peer addr add 10.0.80.{number}/24 dev eth0",
        "ip -n peer link set lo up",
        "ip -n peer link set eth0 up",
        "ethtool -K peer0 tx off",
        "ip netns exec peer ethtool -K eth0 tx off",
    )
    for step in steps:
        lab.exec(host, step.split())
    seed = lab.profile is Profile.SEED
    text = KEEPALIVED.format(version=2 if seed else 3, priority=100 if preferred else 50, interval=2 if seed else 1)
    (lab.directory(host) / "disk" / "etc-futago" / "keepalived.conf").write_text(text)
    argv = ["keepalived", "-f", "/etc/futago/keepalived.conf", "-p", "/run/k.pid", "-r", "/run/kv.pid", "-l"]
    lab.exec(host, argv, netns="peer")


def holds_keepalived_address(lab: Lab, host: str) -> bool:
    done = lab.exec(host, ["ip", "-4", "-o", "addr"], netns="peer", check=False)
    return f" {KEEPALIVED_ADDRESS}/" in done.stdout


def one_round(cloud: Cloud) -> tuple[float, float]:
    """Cut the power of the node where both are active; the longest gap of each, in seconds."""
    lab, active = cloud.lab, cloud.active()
    with (
        Ping(lab, "ext", cloud.floating_ip, every=0.01) as ours,
        Ping(lab, "ext", KEEPALIVED_ADDRESS, every=0.01) as theirs,
    ):
        for ping in (ours, theirs):
            ping.wait_for_replies(100, seconds=30)
        off = time.time()
        lab.power_off(active)
        for ping in (ours, theirs):
            ping.wait_for_replies(100, seconds=60)
        gaps = ours.longest_gap(off - 1).seconds, theirs.longest_gap(off - 1).seconds
    lab.power_on(active)
    start_keepalived(lab, active, preferred=False)
    cloud.heal()
    survivor = cloud.active()
    cloud.eventually("keepalived is active where the router is", lambda: holds_keepalived_address(lab, survivor))
    return gaps


def main() -> None:
    options = argparse.ArgumentParser(prog="./run bench failover", description=__doc__)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--profile", type=Profile, choices=list(Profile), default=Profile.DEFAULT)
    chosen = options.parse_args()
    if not Path("/usr/sbin/keepalived").exists():
        raise SystemExit("keepalived is missing; on Debian: apt-get install keepalived")
    gaps: list[tuple[float, float]] = []
    with _kit.lab(chosen.profile) as lab:
        cloud = clouds.make(lab)
        cloud.heal()
        active = cloud.active()
        for host in cloud.nodes:
            start_keepalived(lab, host, preferred=host == active)
        cloud.eventually("keepalived is active where the router is", lambda: holds_keepalived_address(lab, active))
        for number in range(1, chosen.runs + 1):
            gaps.append(one_round(cloud))
            _kit.console.print(f"power cut {number}: Futago {gaps[-1][0]:.2f} s, keepalived {gaps[-1][1]:.2f} s")
    ours, theirs = zip(*gaps, strict=True)
    table = Table(title=f"Longest gap at a power cut, {chosen.runs} runs, profile {chosen.profile}")
    for column in ("seconds", "min", "median", "max"):
        table.add_column(column)
    table.add_row("Futago, through the floating IP", *_kit.spread(ours))
    table.add_row("keepalived pair, its address", *_kit.spread(theirs))
    _kit.console.print(table)
    ratio = statistics.median(ours) / statistics.median(theirs)
    _kit.console.print(f"ratio of medians, Futago / keepalived: {ratio:.2f}")


if __name__ == "__main__":
    _kit.run(main)
