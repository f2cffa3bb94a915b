"""What the node's unit tests share: a place, specs as a whole, golden files (`UPDATE_GOLDEN=1` writes them)."""

import os
from collections.abc import Iterable
from pathlib import Path

from futago.contract.specs import NodeSpecs, Spec
from futago.node.host import Place
from futago.values import IPv4Address, Vlan
from host.node_specs import HA_NET, INSIDE, OUTSIDE

GOLDEN = Path(__file__).with_name("golden")

PLACE = Place(
    local_ip=IPv4Address("192.0.2.1"),
    tunnel_types=("vxlan",),
    bridge_mappings={"external1": "br-ex1"},
    integration_bridge="br-int",
    tunnel_bridge="br-tun",
    datapath_type="netdev",
)
VLANS = {INSIDE: Vlan(1), OUTSIDE: Vlan(2), HA_NET: Vlan(3)}


def specs_of(specs: Iterable[Spec], revision: int = 1) -> NodeSpecs:
    return NodeSpecs(revision=revision, specs={spec.key: spec for spec in specs})


def golden(name: str, text: str) -> None:
    """The text is what the file says."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
