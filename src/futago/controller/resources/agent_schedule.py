"""Which agents carry which routers and networks, and moving them by hand."""

from typing import Any, Final

from futago.controller.agent_types import DHCP, L3
from futago.controller.resources import agent_errors, dhcp, errors, ha, lookup, schema
from futago.controller.resources import router as routers
from futago.controller.resources.agent import AGENTS, admin_only, everyone
from futago.controller.resources.definition import Action, Params, Reading, Rendered, Writing
from futago.controller.resources.network import NETWORKS
from futago.controller.resources.router import ROUTERS
from futago.controller.store.rows import DhcpReplica, Network, Replica, Router


def routers_of_l3_agent(reading: Reading, params: Params) -> Rendered:
    """What an L3 agent carries."""
    admin_only(reading, "get_l3-routers")
    agent = lookup.one(reading, AGENTS, params["agent_id"])
    ids = [replica.router_id for replica in reading.view.find(Replica, node=agent.node.name)]
    held = lookup.among(reading.view, Router, "id", ids) if agent.agent_type == L3 else []
    return {"routers": routers.render(reading, held)}


def add_router(writing: Writing, params: Params, body: Any) -> None:
    """Put a router on an agent."""
    admin_only(writing.reading, "create_l3-router")
    agent = lookup.one(writing.reading, AGENTS, params["agent_id"])
    router = lookup.one(writing.reading, ROUTERS, _named(body, "router_id"))
    if agent.agent_type != L3 or not agent.enabled:
        raise agent_errors.InvalidL3Agent(agent_id=agent.id)
    placed = writing.txn.find(Replica, router_id=router.id)
    if any(replica.node == agent.node.name for replica in placed) or (placed and not router.ha):
        raise agent_errors.RouterHostedByL3Agent(router_id=router.id, agent_id=agent.id)
    ha.add_replica(writing.txn, router, agent.node.name)


def remove_router(writing: Writing, params: Params, _body: Any) -> None:
    """Take a router off an agent."""
    admin_only(writing.reading, "delete_l3-router")
    agent = lookup.one(writing.reading, AGENTS, params["agent_id"])
    replica = writing.txn.get(Replica, router_id=params["router_id"], node=agent.node.name)
    if agent.agent_type != L3 or replica is None:
        raise agent_errors.RouterNotHostedByL3Agent(router_id=params["router_id"], agent_id=agent.id)
    ha.remove_replica(writing.txn, replica)


def dhcp_agents_of_network(reading: Reading, params: Params) -> Rendered:
    """Where a network's DHCP servers are."""
    admin_only(reading, "get_dhcp-agents")
    network = lookup.one(reading, NETWORKS, params["network_id"])
    nodes = {replica.node for replica in reading.view.find(DhcpReplica, network_id=network.id)}
    agents = [agent for agent in everyone(reading.view) if agent.agent_type == DHCP and agent.node.name in nodes]
    return {"agents": AGENTS.render(reading, agents)}


def networks_of_dhcp_agent(reading: Reading, params: Params) -> Rendered:
    """What a DHCP agent serves."""
    admin_only(reading, "get_dhcp-networks")
    agent = lookup.one(reading, AGENTS, params["agent_id"])
    ids = [replica.network_id for replica in reading.view.find(DhcpReplica, node=agent.node.name)]
    held = lookup.among(reading.view, Network, "id", ids) if agent.agent_type == DHCP else []
    return {"networks": NETWORKS.render(reading, held)}


def add_network(writing: Writing, params: Params, body: Any) -> None:
    """Have a DHCP agent serve a network."""
    admin_only(writing.reading, "create_dhcp-network")
    agent = lookup.one(writing.reading, AGENTS, params["agent_id"])
    network = lookup.one(writing.reading, NETWORKS, _named(body, "network_id"))
    if agent.agent_type != DHCP or not agent.enabled:
        raise agent_errors.InvalidDHCPAgent(agent_id=agent.id)
    if writing.txn.count(DhcpReplica, network_id=network.id, node=agent.node.name):
        raise agent_errors.NetworkHostedByDHCPAgent(network_id=network.id, agent_id=agent.id)
    dhcp.add_replica(writing.txn, network.id, agent.node.name)
    dhcp.place(writing.txn, writing.config, network.id)
    if not writing.txn.count(DhcpReplica, network_id=network.id, node=agent.node.name):
        raise errors.IpAddressGenerationFailure(network_id=network.id)


def remove_network(writing: Writing, params: Params, _body: Any) -> None:
    """Have a DHCP agent serve a network no more."""
    admin_only(writing.reading, "delete_dhcp-network")
    agent = lookup.one(writing.reading, AGENTS, params["agent_id"])
    replica = writing.txn.get(DhcpReplica, network_id=params["network_id"], node=agent.node.name)
    if agent.agent_type != DHCP or replica is None:
        raise agent_errors.NetworkNotHostedByDhcpAgent(network_id=params["network_id"], agent_id=agent.id)
    dhcp.remove_replica(writing.txn, replica)


def _named(body: Any, name: str) -> str:
    wanted = body.get(name) if isinstance(body, dict) else None
    if not isinstance(wanted, str):
        raise errors.HTTPBadRequest(message=f"Invalid input: the body must name a {name}.")
    return wanted


_ROUTER: Final = schema.enveloped("router_id", schema.UUID)
_NETWORK: Final = schema.enveloped("network_id", schema.UUID)
ACTIONS: Final = (
    Action("GET", "/agents/{agent_id}/l3-routers", read=routers_of_l3_agent),
    Action("POST", "/agents/{agent_id}/l3-routers", write=add_router, status=201, takes=_ROUTER),
    Action("DELETE", "/agents/{agent_id}/l3-routers/{router_id}", write=remove_router, status=204),
    Action("GET", "/networks/{network_id}/dhcp-agents", read=dhcp_agents_of_network),
    Action("GET", "/agents/{agent_id}/dhcp-networks", read=networks_of_dhcp_agent),
    Action("POST", "/agents/{agent_id}/dhcp-networks", write=add_network, status=201, takes=_NETWORK),
    Action("DELETE", "/agents/{agent_id}/dhcp-networks/{network_id}", write=remove_network, status=204),
)
