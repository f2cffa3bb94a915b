"""Ports: where instances and the service itself join a network, with their addresses and bindings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from futago.contract.report import NodeFacts
from futago.controller import device_owners
from futago.controller.resources import (
    addressing_errors,
    dns,
    errors,
    floating_rows,
    lookup,
    network,
    parse,
    port_errors,
    qos_policy,
    schema,
    security_group,
    security_group_errors,
    sharing,
    trunk_rows,
)
from futago.controller.resources.definition import (
    ABSENT,
    REQUIRED,
    STANDARD,
    Absent,
    Field,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    chosen,
    standard,
)
from futago.controller.resources.port_addresses import fixed_ips, give_asked, renew_automatic
from futago.controller.resources.port_options import address_pairs, dhcp_options, merged
from futago.controller.resources.port_readdress import readdress
from futago.controller.resources.schema import described
from futago.controller.resources.service_ports import add_port, free_mac, remove_port
from futago.controller.store.database import Transaction
from futago.controller.store.rows import FixedIp, Network, Node, Port, SecurityGroup

_COLUMNS: Final = {
    "name": "name",
    "description": "description",
    "tags": "tags",
    "admin_state_up": "admin_state_up",
    "device_id": "device_id",
    "device_owner": "device_owner",
    "binding:host_id": "host_id",
    "binding:vnic_type": "vnic_type",
    "binding:profile": "profile",
    "allowed_address_pairs": "allowed_address_pairs",
    "port_security_enabled": "port_security_enabled",
    "dns_name": "dns_name",
    "dns_domain": "dns_domain",
    "propagate_uplink_status": "propagate_uplink_status",
    "data_plane_status": "data_plane_status",
    "numa_affinity_policy": "numa_affinity_policy",
    "device_profile": "device_profile",
}
_NUMA_POLICIES: Final = ("required", "preferred", "legacy", "socket")


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[Port]:
    """A project sees its ports, and everybody's on its networks."""
    return lookup.rows(reading, Port, wanted, lookup.under_own(Port, "network_id", Network))


def create(writing: Writing, values: Values) -> Port:
    """Make a port with the addresses asked for, or one of any subnet with free ones."""
    parent = lookup.one(writing.reading, network.NETWORKS, values["network_id"])
    _check_may_plug(writing, parent, values["project_id"])
    _check_not_of_service("create", values["device_owner"], "")
    dns.check_name(writing.config, values["dns_name"])
    port = add_port(
        writing.txn,
        network=parent,
        project_id=values["project_id"],
        device_owner=values["device_owner"],
        device_id=values["device_id"],
        addresses=(),
        mac=values["mac_address"] or None,
    )
    columns = chosen(values, _COLUMNS)
    host = columns.get("host_id", "")
    columns["ip_allocation"] = give_asked(writing.txn, parent, port, values["fixed_ips"], host)
    columns.setdefault("port_security_enabled", parent.port_security_enabled)
    policy_id = qos_policy.given(writing, None, values)
    options = merged((), values["extra_dhcp_opts"] or ())
    changed = replace(port, **columns, extra_dhcp_opts=options, qos_policy_id=policy_id)
    groups = _groups(writing, changed, values["security_groups"])
    return writing.txn.replace(port, _checked(replace(changed, security_group_ids=groups)))


def update(writing: Writing, port: Port, values: Values) -> Port:
    """Change a port."""
    parent = writing.txn.get(Network, id=port.network_id)
    assert parent is not None, "a port has its network"
    _check_kept_by_service(port, values)
    dns.check_name(writing.config, values.get("dns_name", ""))
    columns = chosen(values, _COLUMNS)
    options = merged(port.extra_dhcp_opts, values.get("extra_dhcp_opts") or ())
    policy_id = qos_policy.given(writing, port.qos_policy_id, values)
    changed = replace(port, **columns, extra_dhcp_opts=options, qos_policy_id=policy_id)
    mac = values.get("mac_address")
    if "mac_address" in values and mac is None:
        changed = replace(changed, mac_address=free_mac(writing.txn, port.network_id))
    elif mac and mac != port.mac_address:
        if writing.txn.count(Port, network_id=port.network_id, mac_address=mac):
            raise errors.MacAddressInUse(mac=mac, network_id=port.network_id)
        changed = replace(changed, mac_address=mac)
    if not isinstance(values.get("security_groups", ABSENT), Absent):
        changed = replace(changed, security_group_ids=_groups(writing, changed, values["security_groups"]))
    elif not changed.port_security_enabled and port.port_security_enabled and changed.security_group_ids:
        raise errors.PortSecurityPortHasSecurityGroup
    if port.host_id != changed.host_id:
        changed = replace(changed, up=False)
        trunk_rows.follow(writing.txn, changed)
    asked = values.get("fixed_ips", ABSENT)
    held = () if asked is ABSENT else writing.txn.find(FixedIp, port_id=port.id)
    changed = replace(changed, ip_allocation=readdress(writing.txn, parent, port, asked, changed.host_id))
    if asked is not ABSENT and writing.txn.find(FixedIp, port_id=port.id) != held:
        changed = replace(changed, updated_at="")  # it counts as a change of the port
    _check_bound(port, changed)
    if changed.mac_address != port.mac_address:
        renew_automatic(writing.txn, changed)
    return writing.txn.replace(port, _checked(changed))


def delete(writing: Writing, port: Port) -> None:
    """Delete a port that belongs to no router, floating IP or DHCP server."""
    if port.device_owner in device_owners.KEPT:
        raise errors.ServicePortInUse(port_id=port.id, reason=f"has device owner {port.device_owner}")
    trunk_rows.check_free(writing.txn, port.id)
    floating_rows.let_go_of(writing.txn, port.id)
    remove_port(writing.txn, port)


def render(reading: Reading, ports: Sequence[Port]) -> list[Rendered]:
    """Ports as Neutron shows them."""
    found = lookup.among(reading.view, FixedIp, "port_id", [port.id for port in ports])
    addresses = lookup.grouped(sorted(found, key=lambda fixed_ip: fixed_ip.position), "port_id")
    nodes = lookup.among(reading.view, Node, "name", {port.host_id for port in ports if port.host_id})
    facts = {node.name: node.facts for node in nodes}
    parents = lookup.among(reading.view, Network, "id", {port.network_id for port in ports})
    policies = {parent.id: parent.qos_policy_id for parent in parents}
    trunks = trunk_rows.details(reading.view, [port.id for port in ports])
    domain = dns.domain(reading.config)
    shown = []
    for port in ports:
        item = _render(port, addresses.get(port.id, []), facts.get(port.host_id), domain)
        item["qos_network_policy_id"] = policies[port.network_id]
        if port.id in trunks:
            item["trunk_details"] = trunks[port.id]
        shown.append(item)
    return shown


def status(port: Port) -> str:
    """ACTIVE once a node has wired it."""
    return "ACTIVE" if port.up else "DOWN"


def _render(port: Port, addresses: Sequence[FixedIp], facts: NodeFacts | None, domain: str) -> Rendered:
    """Lists have thousands of them: what is made for each is made once."""
    texts = [(fixed_ip.subnet_id, str(fixed_ip.ip_address)) for fixed_ip in addresses]
    shown = standard(port)
    shown |= {
        "network_id": port.network_id,
        "mac_address": port.mac_address,
        "admin_state_up": port.admin_state_up,
        "status": status(port),
        "device_id": port.device_id,
        "device_owner": port.device_owner,
        "fixed_ips": [{"subnet_id": subnet_id, "ip_address": text} for subnet_id, text in texts],
        "allowed_address_pairs": list(port.allowed_address_pairs),
        "extra_dhcp_opts": list(port.extra_dhcp_opts),
        "security_groups": list(port.security_group_ids),
        "port_security_enabled": port.port_security_enabled,
        "propagate_uplink_status": port.propagate_uplink_status,
        "dns_name": port.dns_name,
        "dns_domain": port.dns_domain,
        "dns_assignment": [dns.assignment(port, text, domain) for _, text in texts],
        "ip_allocation": port.ip_allocation,
        "qos_policy_id": port.qos_policy_id,
        "data_plane_status": port.data_plane_status,
        "numa_affinity_policy": port.numa_affinity_policy,
        "device_profile": port.device_profile,
        "binding:vnic_type": port.vnic_type,
        "binding:profile": port.profile,
        "binding:host_id": port.host_id,
        "binding:vif_type": "ovs" if port.host_id else "unbound",
        "binding:vif_details": _vif_details(facts) if port.host_id else {},
    }
    return shown


def _vif_details(facts: NodeFacts | None) -> Rendered:
    return {
        "port_filter": facts is None or facts.firewall_driver != "noop",
        "ovs_hybrid_plug": facts is not None and facts.firewall_driver == "iptables_hybrid",
        "bridge_name": "br-int",
        "datapath_type": "system" if facts is None else facts.datapath_type,
        "connectivity": "l2",
    }


def _check_may_plug(writing: Writing, parent: Network, project_id: str) -> None:
    """Whoever sees a network because it leads outside may not be on it for that."""
    if writing.caller.admin or project_id == parent.project_id:
        return
    if parent.id not in sharing.shared_among(writing.reading, [parent.id]):
        raise addressing_errors.HTTPForbidden(project_id=project_id, resource="port")


def _check_kept_by_service(port: Port, values: Values) -> None:
    """What belongs to a router or to the service keeps its owner, device, node and addresses."""
    owner = values.get("device_owner", port.device_owner)
    device = values.get("device_id", port.device_id)
    if (owner, device) != (port.device_owner, port.device_id):
        _check_not_of_service("update", port.device_owner, port.id)
        _check_not_of_service("update", owner, port.id)
    addressed = not isinstance(values.get("fixed_ips", ABSENT), Absent)
    bound = values.get("binding:host_id", port.host_id) != port.host_id
    untouched = device_owners.KEPT if bound else device_owners.KEPT - device_owners.LEGS
    if (bound or addressed) and port.device_owner in untouched:
        raise errors.UnsupportedPortDeviceOwner(operation="update", device_owner=port.device_owner, port_id=port.id)


def _check_bound(port: Port, changed: Port) -> None:
    """What the host of an instance has been told already stays as it is."""
    if not port.host_id:
        return
    if changed.mac_address != port.mac_address:
        raise port_errors.PortBound(
            port_id=port.id, vif_type="ovs", old_mac=port.mac_address, new_mac=changed.mac_address
        )
    if changed.numa_affinity_policy != port.numa_affinity_policy:
        given = changed.numa_affinity_policy
        raise port_errors.PortBoundNUMAAffinityPolicy(port_id=port.id, host_id=port.host_id, numa_affinity_policy=given)


def _check_not_of_service(operation: str, owner: str, port_id: str) -> None:
    """Or anybody could put a leg on anybody's router."""
    if owner in device_owners.KEPT:
        raise errors.UnsupportedPortDeviceOwner(operation=operation, device_owner=owner, port_id=port_id)


def _groups(writing: Writing, port: Port, asked: Sequence[str] | Absent) -> tuple[str, ...]:
    if isinstance(asked, Absent):
        default = port.port_security_enabled and not port.device_owner.startswith(device_owners.SERVICE)
        return (security_group.ensure_default(writing, port.project_id),) if default else ()
    if asked and not port.port_security_enabled:
        raise errors.PortSecurityAndIPRequiredForSecurityGroups
    if len({_group(writing.txn, writing.reading, group_id).stateful for group_id in asked}) > 1:
        reason = "cannot apply both stateful and stateless security groups on the same port at the same time"
        raise security_group_errors.SecurityGroupConflict(reason=reason)
    return tuple(asked)


def _group(txn: Transaction, reading: Reading, group_id: str) -> SecurityGroup:
    group = txn.get(SecurityGroup, id=group_id)
    if group is None or not sharing.usable(reading, group):
        raise security_group_errors.SecurityGroupNotFound(security_group_id=group_id)
    return group


def _checked(port: Port) -> Port:
    if port.allowed_address_pairs and not port.port_security_enabled:
        raise errors.AddressPairAndPortSecurityRequired
    pairs = tuple({"mac_address": port.mac_address, **pair} for pair in port.allowed_address_pairs)
    return replace(port, allowed_address_pairs=pairs)


def _binding_field(name: str, convert: Callable[[Any], Any], *, filterable: bool) -> Field:
    return Field(
        name=f"binding:{name}",
        parse=convert,
        post=True,
        put=True,
        filterable=filterable,
        sortable=False,
        admin_sets=True,
        admin_sees=True,
    )


@described(schema.text(255))
def _host(value: Any) -> str:
    return "" if value is None else parse.text(255)(value)


@described(schema.OBJECT)
def _profile(value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise parse.Unfit(f"'{value}' is not a dictionary")
    return value or {}


def _said(name: str, convert: Callable[[Any], str], **more: Any) -> Field:
    """What is kept for others to read, and may be unsaid."""
    return Field(name=name, parse=parse.nullable(convert), filterable=False, sortable=False, **more)


PORTS: Final = Resource(
    name="port",
    collection="ports",
    kind=Port,
    fields=(
        *(field for field in STANDARD if field.name != "tags"),
        Field(name="tags", parse=parse.tags, default=(), post=True, sortable=False),
        Field(name="network_id", parse=parse.identifier, default=REQUIRED, post=True),
        Field(name="admin_state_up", parse=parse.boolean, default=True, post=True, put=True),
        Field(name="mac_address", parse=parse.nullable(parse.mac), post=True, put=True),
        Field(name="fixed_ips", parse=fixed_ips, post=True, put=True, pairs=True, sortable=False),
        Field(name="device_id", parse=parse.text(255), default="", post=True, put=True),
        Field(name="device_owner", parse=parse.text(255), default="", post=True, put=True),
        Field(name="security_groups", parse=parse.list_of(parse.identifier), post=True, put=True, sortable=False),
        Field(name="allowed_address_pairs", parse=address_pairs, post=True, put=True, filterable=False, sortable=False),
        Field(
            name="extra_dhcp_opts",
            parse=dhcp_options,
            default=None,
            post=True,
            put=True,
            filterable=False,
            sortable=False,
        ),
        Field(name="port_security_enabled", parse=parse.boolean, post=True, put=True, filterable=False, sortable=False),
        Field(
            name="propagate_uplink_status",
            parse=parse.boolean,
            default=True,
            post=True,
            put=True,
            filterable=False,
            sortable=False,
        ),
        Field(
            name="dns_name",
            parse=parse.hostname,
            default="",
            post=True,
            put=True,
            filterable=False,
            sortable=False,
        ),
        Field(
            name="binding:vnic_type",
            parse=parse.one_of("normal"),
            default="normal",
            post=True,
            put=True,
            filterable=False,
            sortable=False,
        ),
        Field(name="dns_domain", parse=parse.domain, default="", post=True, put=True, filterable=False, sortable=False),
        _binding_field("host_id", _host, filterable=True),
        _binding_field("profile", _profile, filterable=False),
        Field(name="binding:vif_type", admin_sees=True, filterable=False, sortable=False),
        Field(name="binding:vif_details", admin_sees=True, filterable=False, sortable=False),
        Field(name="dns_assignment", filterable=False, sortable=False),
        Field(name="ip_allocation"),
        qos_policy.POLICY_FIELD,
        _said("data_plane_status", parse.one_of("ACTIVE", "DOWN"), put=True, admin_sets=True),
        _said("numa_affinity_policy", parse.one_of(*_NUMA_POLICIES), default=None, post=True, put=True),
        _said("device_profile", parse.text(255), default=None, post=True),
        Field(name="qos_network_policy_id", filterable=False, sortable=False),
        Field(name="trunk_details", filterable=False, sortable=False),
        Field(name="status"),
    ),
    not_found=lambda port_id: errors.PortNotFound(port_id=port_id),
    columns=("id", "name", "project_id", "network_id", "device_id", "device_owner"),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
    tagged=True,
    limited=True,
)
