"""Instances: a namespace on a compute node with a real DHCP client and a real sshd in it, on a port of the API."""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from futago.lab import api, namespaces
from futago.lab.errors import PROGRAM, LabError
from futago.lab.state import Instance
from futago.values import Mac

if TYPE_CHECKING:
    from futago.lab.lab import Lab

KEY: Final = "/run/lab/id_ed25519"
"""The private key that opens every instance, as every host sees it."""

SSH_CONFIG: Final = "/run/lab/ssh_config"
"""With it, `ssh -F` opens every instance without a question, from every host."""

_DHCP_SCRIPT: Final = """#!/bin/sh
# What the DHCP client calls: the lease's values come in the environment (udhcpc(8)).
case $1 in
deconfig)
    ip link set "$interface" up
    ip -4 addr flush dev "$interface" ;;
bound|renew)
    [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
    ip -4 addr replace "$ip/$mask" dev "$interface"
    set -- $staticroutes
    [ $# -gt 0 ] || for gateway in $router; do set -- "$@" 0.0.0.0/0 "$gateway"; done
    while [ $# -ge 2 ]; do
        if [ "$2" = 0.0.0.0 ]; then ip route replace "$1" dev "$interface"
        else ip route replace "$1" via "$2" dev "$interface" onlink; fi
        shift 2
    done
    for server in $dns; do echo "nameserver $server"; done > /etc/resolv.conf ;;
esac
"""

_SSHD_CONFIG: Final = """
Port 22
HostKey /run/lab/ssh_host_ed25519_key
AuthorizedKeysFile /run/lab/id_ed25519.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
PidFile none
PrintMotd no
UseDNS no
"""

_SSH_CONFIG: Final = f"""
# Instances are made anew all the time, with the same addresses: their host keys prove nothing here.
Host *
    User root
    IdentityFile {KEY}
    IdentitiesOnly yes
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
    ConnectTimeout 10
"""


def write_shared(shared: Path) -> None:
    """Put what all hosts see in `/run/lab`: keys, the DHCP client's script, configurations for ssh and sshd."""
    for name in ("id_ed25519", "ssh_host_ed25519_key"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(shared / name)]
        subprocess.run(argv, check=True, capture_output=True, env=namespaces.environment())
    (shared / "sshd_config").write_text(_SSHD_CONFIG)
    (shared / "ssh_config").write_text(_SSH_CONFIG)
    (shared / "udhcpc.sh").write_text(_DHCP_SCRIPT)
    (shared / "udhcpc.sh").chmod(0o755)


def create(lab: "Lab", name: str, host: str, network: str, **fields: object) -> Instance:
    """Make the instance's port in the API, bound to its host, as Nova does."""
    if name in lab.instances:
        raise LabError(f"there is an instance {name} already")
    found = lab.api().find("networks", network)
    port = lab.api().create(
        "ports",
        **{"name": name, "network_id": found["id"], "binding:host_id": host, "device_owner": "compute:lab"} | fields,
    )
    return Instance(
        name=name,
        host=host,
        port_id=port["id"],
        mac=Mac(port["mac_address"]),
        mtu=found["mtu"],
        address=_main_address(port),
    )


def start(lab: "Lab", instance: Instance) -> None:
    """Plug the port, get a lease, start sshd: what booting is for an instance.

    Raises:
        LabError: it got no lease or the wrong address; the text says what the client saw.

    """
    process = lab.process(instance.host)
    logs = lab.directory(instance.host) / "log"
    netns = instance.netns
    prepare = (
        'ip netns add "$1" && ip -n "$1" link set lo up && mkdir -p "/etc/netns/$1" && : > "/etc/netns/$1/resolv.conf"'
    )
    namespaces.run(process, ["sh", "-c", prepare, "prepare", netns])
    namespaces.run(process, plug_command(instance))
    client = ["udhcpc", "-f", "-R", "-i", "eth0", "-s", "/run/lab/udhcpc.sh", "-O", "mtu", "-O", "staticroutes"]
    client += ["-T", "1", "-t", "10", "-A", "1", "-x", f"hostname:{instance.name}"]
    namespaces.start_daemon(
        process, f"udhcpc-{instance.name}", client, logs / f"udhcpc-{instance.name}.log", netns=netns
    )
    sshd = ["unshare", "--uts", "sh", "-c", 'hostname "$1"; exec "$2" -D -e -f /run/lab/sshd_config', "sshd"]
    sshd += [instance.name, "/usr/sbin/sshd"]
    namespaces.start_daemon(process, f"sshd-{instance.name}", sshd, logs / f"sshd-{instance.name}.log", netns=netns)
    api.wait_for(
        f"{instance.name} has got {instance.address}",
        lambda: f" {instance.address}/" in lab.exec(instance.host, ["ip", "-o", "addr"], netns=netns).stdout,
        seconds=60,
        state=lambda: "\n" + (logs / f"udhcpc-{instance.name}.log").read_text()[-1000:],
    )


def _main_address(port: api.Body) -> str:
    """The one that the instance waits for: by DHCP if there is an IPv4 one, else one that its kernel makes itself."""
    addresses = [str(fixed_ip["ip_address"]) for fixed_ip in port["fixed_ips"]]
    return next((address for address in addresses if ":" not in address), addresses[0])


def stop(lab: "Lab", instance: Instance) -> None:
    """Take the instance's processes and namespace away; its port stays in the API."""
    process = lab.process(instance.host)
    for daemon in ("udhcpc", "sshd"):
        with contextlib.suppress(LabError):
            namespaces.stop_daemon(process, f"{daemon}-{instance.name}", signal.SIGTERM)
    lab.exec(instance.host, [sys.executable, "-m", "futago", "port", "unplug", instance.port_id], check=False)
    lab.exec(instance.host, ["ip", "netns", "del", instance.netns], check=False)


def plug_command(instance: Instance) -> list[str]:
    """`futago port plug`, as any orchestrator would call it on the compute host."""
    argv = [sys.executable, "-m", "futago", "port", "plug", instance.port_id, "--netns", instance.netns]
    return [*argv, "--ifname", "eth0", "--mac", instance.mac, "--mtu", str(instance.mtu)]


def ssh_command(address: str, *command: str) -> list[str]:
    """`ssh` to an instance, from any host of the lab."""
    return ["ssh", "-F", SSH_CONFIG, address, *command]


def address_outside(lab: "Lab", name: str) -> str:
    """The floating IP of an instance.

    Raises:
        LabError: there is no such instance, or it has none.

    """
    if name not in lab.instances:
        known = ", ".join(lab.instances) or "none"
        raise LabError(f"there is no instance {name}; the instances are: {known}")
    instance = lab.instances[name]
    found = lab.api().list("floatingips", port_id=instance.port_id)
    if not found:
        inside = f"{PROGRAM} lab exec {instance.host} --netns {instance.netns} -- bash"
        raise LabError(f"{name} has no floating IP; `{inside}` opens a shell in it")
    return str(found[0]["floating_ip_address"])
