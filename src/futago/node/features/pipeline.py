"""The flow tables by their numbers: what each is for. `docs/pipeline.md` shows them, and a test holds it to this list.

Numbers that Neutron's agent has for the same purpose are the same.
"""

from typing import Final, NamedTuple


class Table(NamedTuple):
    """A table of one of the bridges; `provider` is the bridge of any physical network."""

    bridge: str
    number: int
    name: str
    does: str


TABLES: Final = (
    Table("br-int", 0, "classify", "drop what has the dead VLAN; a provider's frame gets its network's local VLAN"),
    Table("br-int", 60, "switch", "forward by address, as a learning switch within the VLAN"),
    Table("br-tun", 0, "origin", "from br-int: 2; from a tunnel: the table of its type; from elsewhere: drop"),
    Table("br-tun", 2, "to tunnels", "unicast: 20; else 22, but in a populated network ARP requests: 21"),
    Table("br-tun", 3, "from GRE", "the key becomes the network's local VLAN: 10; an unknown key: drop"),
    Table("br-tun", 4, "from VXLAN", "the VNI becomes the network's local VLAN: 10; an unknown VNI: drop"),
    Table("br-tun", 10, "learn", "note in 20 through which tunnel the sender is reached; then to br-int, nowhere else"),
    Table("br-tun", 20, "unicast", "told neighbours (priority 2), learned ones (1); else 25"),
    Table("br-tun", 21, "ARP", "in a populated network: answer for told neighbours; else 22"),
    Table("br-tun", 22, "flood", "to each node that has members of the network"),
    Table(
        "br-tun", 25, "unknown unicast", "22; in a populated network only what wanders, and what lawless ports may have"
    ),
    Table(
        "provider", 0, "mark", "from br-int: the local VLAN becomes the network's tag, or none; all else as a switch"
    ),
)
