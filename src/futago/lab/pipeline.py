"""What `docs/pipeline.md` shows, taken from a lab in which the walkthrough's cloud runs: flows, and a packet's way.

The document is written by hand but for what stands between `<!-- made: NAME -->` and `<!-- end -->`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from futago.lab.demo import walkthrough
from futago.lab.errors import LabError
from futago.lab.lab import Lab
from futago.lab.topology import mac_of
from futago.node.drivers.flows import MARK, MARK_MASK
from futago.node.features.pipeline import TABLES
from futago.node.features.tunnels import tunnel_name

_BLOCK: Final = re.compile(r"(<!-- made: (?P<name>[a-z0-9 -]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_COOKIE: Final = re.compile(r",? cookie 0x[0-9a-f]+|cookie=0x[0-9a-f]+,? ?")
_TABLE: Final = re.compile(r"^table=(\d+), |^")
_PRIORITY: Final = re.compile(r"priority=(\d+)")
_OUTSIDE: Final = "10.0.80.1"
_NOT_OF_THE_FIREWALL: Final = f"cookie=0x{MARK:x}/0x{MARK_MASK:x}"


def tables() -> str:
    """The list of tables, as Markdown."""
    rows = (f"| {one.bridge} | {one.number} | {one.name} | {one.does} |\n" for one in TABLES)
    return "| bridge | table | name | what it does |\n|---|---|---|---|\n" + "".join(rows)


def fill(document: str, blocks: Mapping[str, str]) -> str:
    """The document with each of its blocks that is among `blocks` made anew.

    Raises:
        LabError: the document has no place for one of them.

    """
    missing = blocks.keys() - {match["name"] for match in _BLOCK.finditer(document)}
    if missing:
        raise LabError(f"the document has no block {', '.join(sorted(missing))}")

    def made(found: re.Match[str]) -> str:
        return f"{found[1]}{blocks[found['name']]}{found[3]}" if found["name"] in blocks else found[0]

    return _BLOCK.sub(made, document)


def blocks(lab: Lab) -> dict[str, str]:
    """All blocks."""
    seen = _Scene(lab)
    made: dict[str, Callable[[], str]] = {
        "flows compute br-int": lambda: _flows(lab, seen.compute, "br-int", _NOT_OF_THE_FIREWALL),
        "flows compute br-tun": lambda: _flows(lab, seen.compute, "br-tun"),
        "flows network br-int": lambda: _flows(lab, seen.active, "br-int", _NOT_OF_THE_FIREWALL),
        "flows network br-ex1": lambda: _flows(lab, seen.active, "br-ex1"),
        "trace instance": seen.from_instance,
        "trace tunnel": seen.from_tunnel,
        "trace outside": seen.to_outside,
    }
    return {"tables": tables(), **{name: f"```\n{make()}```\n" for name, make in made.items()}}


class _Scene:
    """The first instance of the walkthrough, on its way to the host outside."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        api = lab.api()
        self._instance = next(iter(lab.instances.values()))
        self.compute = self._instance.host
        self._router = api.find("routers", walkthrough.ROUTER)
        self.active = lab.active_of(self._router["id"])
        self._network = api.find("networks", walkthrough.PROJECT_NETWORK)
        legs = api.list("ports", device_id=self._router["id"])
        self._inner = next(leg for leg in legs if leg["network_id"] == self._network["id"])
        self._outer = next(leg for leg in legs if leg["device_owner"] == "network:router_gateway")

    def from_instance(self) -> str:
        port = f"tap{self._instance.port_id[:11]}"
        return self._trace(self.compute, "br-int", f"in_port={port},{self._packet()}")

    def from_tunnel(self) -> str:
        address = self._lab.plan(self.compute).underlay_address
        assert address is not None
        port, vni = tunnel_name("vxlan", address.ip), self._network["provider:segmentation_id"]
        return self._trace(self.active, "br-tun", f"in_port={port},tun_id={vni},{self._packet()}")

    def to_outside(self) -> str:
        source, target = self._outer["mac_address"], mac_of("ext", "eth1")
        address = self._outer["fixed_ips"][0]["ip_address"]
        packet = f"icmp,dl_src={source},dl_dst={target},nw_src={address},nw_dst={_OUTSIDE},nw_ttl=63,icmp_type=8"
        return self._trace(self.active, "br-int", f"in_port=hg-{self._outer['id'][:11]},{packet}")

    def _packet(self) -> str:
        macs = f"dl_src={self._instance.mac},dl_dst={self._inner['mac_address']}"
        return f"icmp,{macs},nw_src={self._instance.address},nw_dst={_OUTSIDE},nw_ttl=64,icmp_type=8"

    def _trace(self, host: str, bridge: str, packet: str) -> str:
        argv = ["ovs-appctl", "ofproto/trace", "--names", bridge, packet]
        said = self._lab.exec(host, argv).stdout
        return f"{host}# ovs-appctl ofproto/trace {bridge} {packet}\n" + _COOKIE.sub("", said)


def _flows(lab: Lab, host: str, bridge: str, *match: str) -> str:
    argv = ["ovs-ofctl", "-O", "OpenFlow14", "--names", "--no-stats", "dump-flows", bridge, *match]
    lines = lab.exec(host, argv).stdout.splitlines()
    bare = (_COOKIE.sub("", line).strip() for line in lines if "actions=" in line)
    flows = sorted((_TABLE.sub(lambda found: f"table={found[1] or 0},", flow, count=1) for flow in bare), key=_order)
    return f"{host}# {' '.join(['ovs-ofctl dump-flows', bridge, *match])}\n" + "".join(f"{flow}\n" for flow in flows)


def _order(flow: str) -> tuple[int, int, str]:
    """By table, and in a table as they are tried."""
    table, priority = flow.removeprefix("table=").split(",")[0], _PRIORITY.search(flow)
    return int(table), -int(priority[1]) if priority else 0, flow
