"""Agents: how a node shows in the API, as one agent for each of its roles."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from futago.config import ControllerConfig
from futago.contract.report import NodeFacts
from futago.controller.agent_types import DHCP, L3, METADATA, OVS, ROLES
from futago.controller.resources import agent_errors, errors, parse
from futago.controller.resources.definition import Field, Reading, Rendered, Resource, Values, Writing
from futago.controller.resources.service_ports import remove_port
from futago.controller.store.database import Transaction, View
from futago.controller.store.rows import DhcpReplica, Node, Port, Replica, Row

_PROGRAMS: Final = {
    OVS: ("neutron-openvswitch-agent", "N/A"),
    L3: ("neutron-l3-agent", "l3_agent"),
    DHCP: ("neutron-dhcp-agent", "dhcp_agent"),
    METADATA: ("neutron-metadata-agent", "N/A"),
}
"""Clients know agents by Neutron's binaries and topics."""
_TIMES: Final = ("created_at", "started_at", "heartbeat_timestamp")


class Agent(Row, frozen=True, kw_only=True):
    """One role of a node."""

    agent_type: str
    node: Node

    @property
    def id(self) -> str:
        """The id under which the API shows it."""
        return self.node.agent_ids[self.agent_type]

    @property
    def enabled(self) -> bool:
        """Whether it takes new work."""
        return self.node.admin_state_up.get(self.agent_type, True)


def of_node(node: Node) -> list[Agent]:
    """The agents as which a node shows, once it has said what it is."""
    if node.facts is None:
        return []
    roles = node.facts.roles
    return [
        Agent(agent_type=agent_type, node=node)
        for agent_type in node.agent_ids
        if agent_type == OVS or ROLES.get(agent_type) in roles
    ]


def everyone(view: View) -> list[Agent]:
    """All agents, in a steady order."""
    nodes = sorted(view.find(Node), key=lambda node: node.name)
    return [agent for node in nodes for agent in of_node(node)]


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[Agent]:
    """All of them; the rules say who sees them."""
    ids = wanted.get("id")
    return [agent for agent in everyone(reading.view) if ids is None or agent.id in ids]


def update(writing: Writing, agent: Agent, values: Values) -> Agent:
    """Enable or disable an agent: a disabled one gets no more work, and an L3 agent leaves its routers to others."""
    node = agent.node
    if "admin_state_up" in values:
        node = replace(node, admin_state_up={**node.admin_state_up, agent.agent_type: values["admin_state_up"]})
    if "description" in values:
        node = replace(node, agent_descriptions={**node.agent_descriptions, agent.agent_type: values["description"]})
    return Agent(agent_type=agent.agent_type, node=writing.txn.replace(agent.node, node))


def delete(writing: Writing, agent: Agent) -> None:
    """Forget an agent that is gone, with what it has carried; with its last agent a node is forgotten, too.

    A node that comes back shows as all of its agents again; one that was forgotten needs the join token for that.

    Raises:
        agent_errors.AgentIsAlive: it would come back at once.

    """
    txn, node = writing.txn, agent.node
    if alive(writing.config, node):
        raise agent_errors.AgentIsAlive(agent_id=agent.id, host=node.name)
    _unload(txn, agent.agent_type, node.name)
    ids = {agent_type: one for agent_type, one in node.agent_ids.items() if agent_type != agent.agent_type}
    left = txn.replace(node, replace(node, agent_ids=ids))
    if not of_node(left):
        for agent_type in (L3, DHCP):
            _unload(txn, agent_type, node.name)
        txn.remove(left)


def _unload(txn: Transaction, agent_type: str, node: str) -> None:
    """Take all that it carries off an agent."""
    carried: list[tuple[Row, str | None]] = []
    if agent_type == L3:
        carried = [(replica, replica.ha_port_id) for replica in txn.find(Replica, node=node)]
    elif agent_type == DHCP:
        carried = [(replica, replica.port_id) for replica in txn.find(DhcpReplica, node=node)]
    for row, port_id in carried:
        txn.remove(row)
        port = txn.get(Port, id=port_id) if port_id is not None else None
        if port is not None:
            remove_port(txn, port)


def admin_only(reading: Reading, rule: str) -> None:
    """Refuse whom the rule does not let do what is an admin's business by default.

    Raises:
        errors.PolicyNotAuthorized: the rule does not hold.

    """
    asked = rule if rule in reading.policy.texts else "admin_only"
    if not reading.policy.allows(asked, reading.caller, {"project_id": reading.caller.project_id}):
        raise errors.PolicyNotAuthorized(rules=f"rule:{rule}")


def alive(config: ControllerConfig, node: Node) -> bool:
    """Whether the node has reported lately."""
    return node.heartbeat_at >= time.time() - config.agent_down_time


def render(reading: Reading, agents: Sequence[Agent]) -> list[Rendered]:
    """Agents as Neutron shows them."""
    routers = _carried([replica.node for replica in reading.view.find(Replica)])
    networks = _carried([replica.node for replica in reading.view.find(DhcpReplica)])
    return [
        {
            "id": agent.id,
            "agent_type": agent.agent_type,
            "binary": _PROGRAMS[agent.agent_type][0],
            "topic": _PROGRAMS[agent.agent_type][1],
            "host": agent.node.name,
            "admin_state_up": agent.enabled,
            "created_at": agent.node.created_at.replace("T", " ").removesuffix("Z"),
            "started_at": agent.node.started_at.replace("T", " ").removesuffix("Z"),
            "heartbeat_timestamp": datetime.fromtimestamp(agent.node.heartbeat_at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "description": agent.node.agent_descriptions.get(agent.agent_type),
            "availability_zone": _zone(agent),
            "alive": alive(reading.config, agent.node),
            "configurations": _configurations(reading.config, agent, routers, networks),
        }
        for agent in agents
    ]


def _zone(agent: Agent) -> str | None:
    assert agent.node.facts is not None, "a node without facts shows no agents"
    return agent.node.facts.availability_zone if agent.agent_type in {L3, DHCP} else None


def _carried(nodes: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in nodes:
        counts[node] = counts.get(node, 0) + 1
    return counts


def _configurations(
    config: ControllerConfig, agent: Agent, routers: Mapping[str, int], networks: Mapping[str, int]
) -> Rendered:
    facts = agent.node.facts
    assert facts is not None, "a node without facts shows no agents"
    if agent.agent_type == OVS:
        return _switching(config, facts)
    carried: Rendered = {}
    if agent.agent_type == L3:
        carried = {"agent_mode": "legacy", "routers": routers.get(agent.node.name, 0), "uplinks": _uplinks(agent.node)}
    elif agent.agent_type == DHCP:
        carried = {"networks": networks.get(agent.node.name, 0)}
    return {**carried, "version": facts.version}


def _uplinks(node: Node) -> list[Rendered]:
    """Ours alone: Neutron's agents do not look at their uplinks."""
    return [
        {
            "physical_network": one.physical_network,
            "network_id": one.network_id,
            "state": "up" if one.up else "down",
            "since": datetime.fromtimestamp(one.since, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "cause": one.cause,
            "probed": one.probed,
        }
        for one in node.uplinks
    ]


def _switching(config: ControllerConfig, facts: NodeFacts) -> Rendered:
    return {
        "tunnel_types": list(facts.tunnel_types),
        "tunneling_ip": None if facts.tunnel_address is None else str(facts.tunnel_address),
        "bridge_mappings": dict(facts.bridge_mappings),
        "datapath_type": facts.datapath_type,
        "l2_population": config.l2_population,
        "version": facts.version,
    }


def _agent_type(value: object) -> str:
    """In a filter it may be written in any case, as clients are used to."""
    return next((known for known in _PROGRAMS if known.lower() == str(value).lower()), str(value))


AGENTS: Final = Resource(
    name="agent",
    collection="agents",
    kind=Agent,
    fields=(
        Field(name="id"),
        Field(name="admin_state_up", parse=parse.boolean, put=True),
        Field(name="agent_type", parse=_agent_type),
        *(
            Field(name=name, filterable=name not in _TIMES, sortable=name != "availability_zone")
            for name in ("binary", "topic", "host", *_TIMES, "availability_zone", "alive")
        ),
        Field(name="description", parse=parse.nullable(parse.text(255)), put=True),
        Field(name="configurations", filterable=False, sortable=False),
    ),
    not_found=lambda agent_id: agent_errors.AgentNotFound(agent_id=agent_id),
    columns=("id",),
    find=find,
    render=render,
    update=update,
    delete=delete,
)
