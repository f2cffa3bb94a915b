"""A plain keepalived pair on the network nodes of a lab: the reference that anyone can install.

It stands on the same two nodes and the same external network as the router, with an address of its own, VRRPv3 and
adverts every second (its documentation's default), or VRRPv2 and every two seconds in the seed's profile.
"""

from pathlib import Path

from futago.config import Profile
from futago.lab.api import wait_for
from futago.lab.errors import LabError
from futago.lab.lab import Lab

ADDRESS = "10.0.80.60"
NAMESPACE = "peer"
_CONFIG = """
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


def require() -> None:
    """Refuse to go on without the program."""
    if not Path("/usr/sbin/keepalived").exists():
        raise LabError("keepalived is missing; on Debian: apt-get install keepalived")


def start(lab: Lab, host: str, *, preferred: bool) -> None:
    """Start it in a namespace of its own, with a leg in the external network, as a router's qg- has."""
    number = 61 if host == "net1" else 62
    steps = (
        f"ip netns add {NAMESPACE}",
        f"ip link add peer0 type veth peer name eth0 netns {NAMESPACE}",
        "ovs-vsctl --may-exist add-port br-ex1 peer0",
        "ip link set peer0 up",
        f"ip -n {NAMESPACE} addr add 10.0.80.{number}/24 dev eth0",
        f"ip -n {NAMESPACE} link set lo up",
        f"ip -n {NAMESPACE} link set eth0 up",
        "ethtool -K peer0 tx off",
        f"ip netns exec {NAMESPACE} ethtool -K eth0 tx off",
    )
    for step in steps:
        lab.exec(host, step.split())
    seed = lab.profile is Profile.SEED
    text = _CONFIG.format(version=2 if seed else 3, priority=100 if preferred else 50, interval=2 if seed else 1)
    (lab.directory(host) / "disk" / "etc-futago" / "keepalived.conf").write_text(text)
    argv = ["keepalived", "-f", "/etc/futago/keepalived.conf", "-p", "/run/k.pid", "-r", "/run/kv.pid", "-l"]
    lab.exec(host, argv, netns=NAMESPACE)


def start_missing(lab: Lab, hosts: tuple[str, ...], active: str) -> None:
    """Start it where it does not run, as after a power cut, and let it be active on `active`."""
    for host in hosts:
        if lab.exec(host, ["ip", "-n", NAMESPACE, "link"], check=False).returncode != 0:
            start(lab, host, preferred=host == active)
    wait_for("one keepalived is active", lambda: any(holds(lab, host) for host in hosts), seconds=30)
    if not holds(lab, active):
        move(lab, next(host for host in hosts if host != active))
    wait_for("keepalived is active where the router is", lambda: holds(lab, active), seconds=30)


def move(lab: Lab, host: str) -> None:
    """Stop it and start it again: its twin takes the address, and keeps it."""
    lab.exec(host, ["sh", "-c", "kill $(cat /run/k.pid); while [ -e /run/k.pid ]; do sleep 0.05; done"])
    wait_for("keepalived has let go", lambda: not holds(lab, host), seconds=30)
    lab.exec(host, ["sh", "-c", f"sleep 1; ip netns del {NAMESPACE}; ovs-vsctl --if-exists del-port br-ex1 peer0"])
    start(lab, host, preferred=False)


def holds(lab: Lab, host: str) -> bool:
    """Whether a host has the pair's address."""
    done = lab.exec(host, ["ip", "-4", "-o", "addr"], netns=NAMESPACE, check=False)
    return f" {ADDRESS}/" in done.stdout
