"""What a host does when it is powered on, before Futago's programs: addresses, and Open vSwitch with its bridges."""

from pathlib import Path
from typing import Final

from futago.lab import namespaces, processes
from futago.lab.state import Process
from futago.lab.topology import HostPlan, Nic, mac_of

_DATABASE: Final = """
db=/etc/openvswitch/conf.db
[ -e $db ] || ovsdb-tool create $db /usr/share/openvswitch/vswitch.ovsschema
nice -n -10 \
  ovsdb-server $db --remote=punix:/run/openvswitch/db.sock --pidfile --detach --no-chdir --log-file -vconsole:off
"""
_BRIDGES: Final = """
ovs-vsctl --no-wait init -- set Open_vSwitch . external_ids:system-id=$(hostname) external_ids:hostname=$(hostname) \
  other_config:n-handler-threads=1 other_config:n-revalidator-threads=1 \
  other_config:stats-update-interval=60000 {bridges}
"""
"""Else a switch asks the kernel for each port's counters every 5 s, under a lock that all hosts of a lab share."""
_SWITCH: Final = "nice -n -10 ovs-vswitchd --pidfile --detach --no-chdir --log-file -vconsole:off"
"""Both run at the priority that Open vSwitch's own service gives them (ovs-ctl(8))."""
_WAIT: Final = "ovs-vsctl --timeout=30 set Open_vSwitch . external_ids:lab-started=$(date +%s%N)"
"""Ends when ovs-vswitchd has carried out the change."""

ECHO_PORT: Final = 7777
"""On the external host: a TCP service that tells each client which address it comes from."""


def boot(host: HostPlan, process: Process, log: Path) -> None:
    """Bring up the host's cards, its Open vSwitch where it has one, and on the external host its service."""
    script = ["set -e", *(f"ethtool -K {nic.device} tx off > /dev/null" for nic in host.nics)]
    script += [f"ip link set {nic.device} up" for nic in host.nics]
    if host.has_ovs:
        bridges = " ".join(_bridge(host, nic) for nic in host.nics)
        script += [_DATABASE, _BRIDGES.format(bridges=bridges), _SWITCH]
    for nic in host.nics:
        script += _address(nic)
    namespaces.run(process, ["sh"], stdin="\n".join(script))
    if not host.has_ovs and not host.programs:
        argv = ["python3", "-I", "-S", "-c", _ECHO, str(ECHO_PORT)]
        namespaces.start_daemon(process, "echo", argv, log / "echo.log")


def start_open_vswitch(host: HostPlan, process: Process) -> None:
    """Start what of it does not run, as its service does, and wait until it works as configured.

    The cards of its bridges may be new then. A switch that has lost its database tries again only now and then.
    """
    script = ["set -e"]
    if not processes.find(process, "ovsdb-server"):
        script.append(_DATABASE)
    if not processes.find(process, "ovs-vswitchd"):
        script += [_SWITCH, *(line for nic in host.nics for line in _address(nic))]
    if len(script) > 1:
        script.append(_WAIT)
    namespaces.run(process, ["sh"], stdin="\n".join(script))


def _bridge(host: HostPlan, nic: Nic) -> str:
    # With the card's own address the kernel would take each frame twice: from the card, and from the bridge.
    assert nic.bridge is not None
    address = mac_of(host.name, nic.bridge)
    return (
        f"-- --may-exist add-br {nic.bridge}"
        f" -- set bridge {nic.bridge} datapath_type=netdev 'other-config:hwaddr=\"{address}\"'"
        f" -- --may-exist add-port {nic.bridge} {nic.device}"
    )


def _address(nic: Nic) -> list[str]:
    if nic.address is None:
        return []
    device = nic.bridge or nic.device
    lines = [f"ip addr replace {nic.address} dev {device}", f"ip link set {device} up"]
    return [f"ethtool -K {device} tx off > /dev/null", *lines] if nic.bridge else lines


_ECHO: Final = """
import socketserver, sys

class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.client_address[0].encode() + b"\\n")

socketserver.ThreadingTCPServer.allow_reuse_address = True
with socketserver.ThreadingTCPServer(("0.0.0.0", int(sys.argv[1])), Echo) as server:
    server.serve_forever()
"""
