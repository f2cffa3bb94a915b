"""What ports cost: flows, the time until a new one works, the agent's restart on a node that has many."""

import math
import re
import statistics
import time
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.table import Table

import _kit
from futago.lab import measure
from futago.lab.api import Api, Body, InsideTransport, wait_for
from futago.lab.demo import walkthrough
from futago.lab.lab import Lab
from futago.lab.traffic import Recording
from futago.node.drivers.flows import FIREWALL_MARK, MARK, MARK_MASK
from lab_kit.cloud import Cloud

ADDED: Final = 20
_RESTARTS: Final = 3
_MARKS: Final = (MARK, FIREWALL_MARK)
_METRICS: Final = "http://127.0.0.1:9698/metrics"
_NETWORK: Final = "many"
_CIDR: Final = "10.96.0.0/16"
_SETTLED_SECONDS: Final = 300.0


def flows(cloud: Cloud, compute: str) -> Table:
    """OpenFlow flows on each host, before and after ports are added to one."""
    lab = cloud.lab
    hosts = [compute, *cloud.nodes]
    table = Table(title=f"OpenFlow flows, {ADDED} ports added on {compute}")
    for column in ("ports", "host", "before", "after", "a port"):
        table.add_column(column)
    for kind, fields in (("with security groups", {}), ("without port security", {"port_security_enabled": False})):
        before = {host: _flow_count(lab, host) for host in hosts}
        made = _many(lab, compute, cloud.network_id, ADDED, **fields)
        for host in hosts:
            after = _flow_count(lab, host)
            table.add_row(kind, host, str(before[host]), str(after), f"{(after - before[host]) / ADDED:.1f}")
        _take_away(lab, compute, made)
        wait_for("their flows are gone", lambda: _flow_count(lab, compute) == before[compute], seconds=_SETTLED_SECONDS)  # noqa: B023
    return table


def port(cloud: Cloud, compute: str, number: int) -> Table:
    """From the request for a port until its instance has the first answer from its gateway."""
    gateway = _gateway(cloud)
    seconds = [_first_answer(cloud, compute, gateway) for _ in range(number)]
    table = Table(title=f"A new port on {compute}, {number} runs, plugged at once: seconds from the request")
    for column in ("until", "min", "p50", "p95", "max"):
        table.add_column(column)
    names = ("the API has answered", "the switch has its interface", "its first ping is answered")
    for name, values in zip(names, zip(*seconds, strict=True), strict=True):
        high = sorted(values)[math.ceil(0.95 * len(values)) - 1]
        shown = (min(values), statistics.median(values), high, max(values))
        table.add_row(name, *(f"{value:.3f}" for value in shown))
    return table


def resync(cloud: Cloud, compute: str, number: int) -> Table:
    """The agent of a host with many ports, restarted: until it has reached its revision."""
    lab = cloud.lab
    began = time.monotonic()
    network = lab.api().create("networks", name=_NETWORK)
    lab.api().create("subnets", network_id=network["id"], ip_version=4, cidr=_CIDR, enable_dhcp=False)
    made = _many(lab, compute, network["id"], number)
    _kit.console.print(f"{number} ports made and wired in {time.monotonic() - began:.1f} s")
    revision = _revision(lab, compute)
    seconds = []
    for _ in range(_RESTARTS):
        lab.stop(compute, "node")
        began = time.monotonic()
        lab.restart(compute, "node")
        wait_for("the agent has reached its revision", lambda: _revision(lab, compute) >= revision, seconds=120)
        seconds.append(time.monotonic() - began)
    table = Table(title=f"The agent of a host with {number} ports and {_flow_count(lab, compute)} flows, started")
    for column in ("seconds", "min", "median", "max"):
        table.add_column(column)
    table.add_row("until it has reached its revision", *_kit.spread(seconds))
    _take_away(lab, compute, made)
    return table


def _flow_count(lab: Lab, host: str) -> int:
    """What the agent has written; what a bridge has learned comes and goes."""
    script = "for bridge in $(ovs-vsctl list-br); do "
    script += "".join(f"ovs-ofctl dump-aggregate $bridge cookie={mark:#x}/{MARK_MASK:#x}; " for mark in _MARKS) + "done"
    return sum(map(int, re.findall(r"flow_count=(\d+)", lab.exec(host, ["sh", "-ec", script]).stdout)))


def _gateway(cloud: Cloud) -> Body:
    ports = cloud.lab.api().list("ports", device_id=cloud.router_id, network_id=cloud.network_id)
    (found,) = [one for one in ports if one["fixed_ips"][0]["ip_address"] == walkthrough.GATEWAY]
    return found


def _first_answer(cloud: Cloud, compute: str, gateway: Body) -> tuple[float, float, float]:
    """The instance is there and pings all the time; then its port is made, and plugged as Nova does."""
    lab, mac, address = cloud.lab, "fa:16:3e:99:99:99", "192.168.80.250"
    prepare = [
        "ip netns add new",
        f"ip link add new0 mtu 1450 type veth peer name eth0 mtu 1450 address {mac} netns new",
        "ethtool -K new0 tx off > /dev/null",
        "ip netns exec new ethtool -K eth0 tx off > /dev/null",
        f"ip -n new addr add {address}/24 dev eth0",
        "ip link set new0 up",
        "ip -n new link set eth0 up",
        # The kernel would ask who the gateway is only once a second.
        f"ip -n new neigh replace {walkthrough.GATEWAY} lladdr {gateway['mac_address']} dev eth0 nud permanent",
    ]
    lab.exec(compute, ["sh", "-ec", "\n".join(prepare)])
    ping = ["ping", "-n", "-D", "-O", "-i", "0.01", walkthrough.GATEWAY]
    with Recording(lab.spawn(compute, ping, netns="new"), "ping") as pings:
        wait_for("ping runs", lambda: pings.running and pings.lines(), seconds=10)
        began = time.time()
        made = lab.api().create(
            "ports",
            **{
                "network_id": cloud.network_id,
                "mac_address": mac,
                "fixed_ips": [{"ip_address": address}],
                "binding:host_id": compute,
                "device_owner": "compute:bench",
            },
        )
        answered = time.time()
        lab.exec(compute, ["ovs-vsctl", "add-port", "br-int", "new0", *_ids("new0", made["id"])])
        plugged = time.time()
        wait_for("the gateway answers", lambda: _replies(pings), seconds=30)
        first = _replies(pings)[0].time
    lab.exec(compute, ["sh", "-ec", "ovs-vsctl del-port new0; ip link del new0; ip netns del new"])
    lab.api().delete("ports", made["id"])
    return answered - began, plugged - began, first - began


def _replies(pings: Recording) -> list[measure.Reply]:
    return measure.replies(line.text for line in pings.lines())


def _ids(name: str, port_id: str) -> list[str]:
    return ["--", "set", "Interface", name, f"external_ids:iface-id={port_id}", "external_ids:iface-status=active"]


def _many(lab: Lab, compute: str, network_id: str, number: int, **fields: object) -> list[str]:
    """Ports of a network on a host, each with a tap on its switch; returns once they work."""
    api = lab.api()
    api.update("quotas", api.project_id("admin"), port=-1)
    common = {"network_id": network_id, "binding:host_id": compute, "device_owner": "compute:bench"} | fields
    made: list[str] = []
    while len(made) < number:
        bodies = [common] * min(50, number - len(made))
        made += [one["id"] for one in api.call("POST", "/v2.0/ports", json={"ports": bodies})["ports"]]
    taps = "".join(f"tuntap add {_tap(one)} mode tap\nlink set {_tap(one)} up\n" for one in made)
    lab.exec(compute, ["sh", "-ec", f"ip -batch - <<'TAPS'\n{taps}TAPS"])
    words = ["ovs-vsctl"]
    for one in made:
        words += ["--", "add-port", "br-int", _tap(one), *_ids(_tap(one), one)]
    lab.exec(compute, words, timeout=_SETTLED_SECONDS)
    wait_for("all ports work", lambda: _active(api, network_id) >= set(made), seconds=_SETTLED_SECONDS)
    return made


def _take_away(lab: Lab, compute: str, made: list[str]) -> None:
    words = ["ovs-vsctl"]
    for one in made:
        words += ["--", "del-port", "br-int", _tap(one)]
    lab.exec(compute, words, timeout=_SETTLED_SECONDS)
    taps = "".join(f"link del {_tap(one)}\n" for one in made)
    lab.exec(compute, ["sh", "-ec", f"ip -batch - <<'TAPS'\n{taps}TAPS"])
    for one in made:
        lab.api().delete("ports", one)


def _tap(port_id: str) -> str:
    return f"tap{port_id[:11]}"


def _active(api: Api, network_id: str) -> set[str]:
    return {str(one["id"]) for one in api.list("ports", network_id=network_id, status="ACTIVE")}


def _revision(lab: Lab, host: str) -> float:
    """Of the specs that the agent has made true, by its own word; 0 while it is not there."""
    try:
        with httpx.Client(transport=InsideTransport(lab.process(host))) as http:
            text = http.get(_METRICS).text
    except httpx.HTTPError:
        return 0
    families = {family.name: family for family in text_string_to_metric_families(text)}
    return families["futago_node_revision"].samples[0].value
