"""What a request about agents and what they carry can do wrong; more of `errors`."""

from futago.controller.resources.errors import InUse, NotFound


class AgentNotFound(NotFound):
    sentence = "Agent {agent_id} could not be found."


class AgentIsAlive(InUse):
    """Neutron would delete it, and it would come back at once under another id."""

    sentence = "Agent {agent_id} is alive: stop the node on {host} first."


class InvalidDHCPAgent(NotFound):
    sentence = "Agent {agent_id} is not a valid DHCP Agent or has been disabled."


class InvalidL3Agent(InUse):
    sentence = "Agent {agent_id} is not a L3 Agent or has been disabled"


class NetworkHostedByDHCPAgent(InUse):
    sentence = "The network {network_id} has been already hosted by the DHCP Agent {agent_id}."


class NetworkNotHostedByDhcpAgent(InUse):
    sentence = "The network {network_id} is not hosted by the DHCP Agent {agent_id}."


class RouterHostedByL3Agent(InUse):
    sentence = "The router {router_id} has been already hosted by the L3 Agent {agent_id}."


class RouterNotHostedByL3Agent(InUse):
    sentence = "The router {router_id} is not hosted by L3 agent {agent_id}."


class PriorityInUse(InUse):
    """Ours: Neutron's replicas all have the same priority."""

    sentence = "The priority {priority} of router {router_id} is that of the L3 Agent on host {host}."
