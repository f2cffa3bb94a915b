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
    Table(
        "br-int",
        0,
        "classify",
        "drop what has the dead VLAN; a provider's frame gets its network's local VLAN; "
        "a trunk's tags come and go; rates and DSCP of instances",
    ),
    Table("br-int", 59, "packet rate", "from an instance with a limit of packets: its meter; then 60"),
    Table(
        "br-int",
        60,
        "from where",
        "from an instance: 71; from a router or DHCP server: 61; to a guarded MAC here or to all: 81; "
        "else from other nodes: 94; from any other port: drop",
    ),
    Table("br-int", 61, "who is here", "to a guarded MAC here or to all: 81; else 94"),
    Table("br-int", 71, "whose address", "from a guarded port: its own MAC and addresses only; IP: 74"),
    Table("br-int", 72, "egress rules", "what the security groups let out: 73"),
    Table("br-int", 73, "let out", "to a guarded MAC here: 81; else remembered in conntrack: 61"),
    Table("br-int", 74, "reserved", "what only the network may say: drop; else conntrack: 72"),
    Table("br-int", 81, "to a guarded port", "ARP, neighbour discovery, DHCP replies: put out; else conntrack: 82"),
    Table("br-int", 82, "ingress rules", "what the security groups let in: 92"),
    Table("br-int", 92, "let in", "remembered in conntrack, and put out"),
    Table("br-int", 94, "switch", "forward by address, as a learning switch within the VLAN"),
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
