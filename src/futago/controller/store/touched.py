"""Which specs a row bears on, as keys of the change log: so that a write costs what it concerns, not the cloud.

network/<id>   the network's members and DHCP servers, and what its instances are told of themselves
segment/<id>   the network itself, a segment or a subnet: also every router that has a leg in it
port/<id>      an instance's port
router/<id>    a router and its replicas
security-group/<id>   a group, its rules, and which nodes have ports of it
address-set/<kind>/<id>   the members of a group, or the addresses of an address group, and who needs to know them
metering/<project>   every router of the project; without one, of all projects
qos-policy/<id>   whatever has the policy
node/<name>    every router and DHCP server that the node carries, and the networks with several segments
peers          the mesh of tunnels
vrrp-keys      every router whose advertisements are authenticated
replication    the channel on which the nodes with routers tell each other of connections

Beside these, IDENTITY stands for rows on which it depends who a token's user is and may be; no plan does.
"""

from typing import Final

from futago.controller import device_owners
from futago.controller.store import identity_rows, port_rows, routing_rows, rows

PEERS: Final = "peers"
VRRP_KEYS: Final = "vrrp-keys"
REPLICATION: Final = "replication"
IDENTITY: Final = "identity"
METERING: Final = "metering"
_WHO: Final = (
    identity_rows.User,
    identity_rows.Project,
    identity_rows.Domain,
    identity_rows.Group,
    identity_rows.Membership,
    identity_rows.RoleRow,
    identity_rows.Implication,
    identity_rows.Assignment,
    identity_rows.ApplicationCredential,
    identity_rows.Revocation,
)
_MEMBERS: Final = "address-set/group"
_ADDRESSES: Final = "address-set/address-group"


def touched(row: rows.Row) -> tuple[str, ...]:
    """The keys of the change log for a change of `row`."""
    match row:
        case rows.Network(id=network_id) | rows.Subnet(network_id=network_id) | rows.Segment(network_id=network_id):
            keys: tuple[str, ...] = (f"segment/{network_id}",)
        case rows.Port() if row.device_owner in device_owners.ROUTERS:
            keys = (f"network/{row.network_id}", f"router/{row.device_id}")
        case rows.Port(id=port_id) | rows.FixedIp(port_id=port_id):
            keys = (f"network/{row.network_id}", f"port/{port_id}", *_groups(row))
        case rows.Router(id=router_id) | rows.Replica(router_id=router_id) | rows.FloatingIp(router_id=str(router_id)):
            keys = (f"router/{router_id}",)
        case rows.DhcpReplica() | rows.InstanceData():
            keys = (f"network/{row.network_id}",)
        case rows.Node(name=name):
            keys = (PEERS, REPLICATION, f"node/{name}")
        case rows.VrrpKey():
            keys = (VRRP_KEYS, REPLICATION)
        case _:
            keys = (IDENTITY,) if isinstance(row, _WHO) else _parts(row) or _groups(row)
    return keys


def _parts(row: rows.Row) -> tuple[str, ...]:
    """What it bears on as a part of something, or as what many have."""
    match row:
        case routing_rows.PortForwarding(router_id=router_id) | routing_rows.ConntrackHelper(router_id=router_id):
            return (f"router/{router_id}",)
        case routing_rows.MeteringLabel():
            return (f"{METERING}/{'' if row.shared else row.project_id}",)
        case port_rows.QosRule(policy_id=policy_id):
            return (f"qos-policy/{policy_id}",)
        case port_rows.SubPort(port_id=port_id):
            return (f"port/{port_id}",)
        case _:
            return ()


def _groups(row: rows.Row) -> tuple[str, ...]:
    """What of security groups it bears on."""
    match row:
        case rows.Port(security_group_ids=group_ids):
            kinds = ("security-group", _MEMBERS) if row.host_id else (_MEMBERS,)
            keys = [f"{kind}/{one}" for one in group_ids for kind in kinds]
        case rows.SecurityGroup(id=group_id):
            keys = [f"security-group/{group_id}"]
        case rows.SecurityGroupRule():
            keys = [f"security-group/{row.security_group_id}"]
            keys += [f"{_MEMBERS}/{row.remote_group_id}"] if row.remote_group_id else []
            keys += [f"{_ADDRESSES}/{row.remote_address_group_id}"] if row.remote_address_group_id else []
        case rows.AddressGroup(id=group_id):
            keys = [f"{_ADDRESSES}/{group_id}"]
        case _:
            keys = []
    return tuple(keys)
