"""The networks and the router of the walkthrough: the calls that an operator makes, in their order."""

from typing import Final

from futago.lab.api import Api, Body

EXTERNAL_NETWORK: Final = "ext-net80"
PROJECT_NETWORK: Final = "vxlan-net80"
ROUTER: Final = "router80"
SSH: Final = 22
GATEWAY: Final = "192.168.80.1"


def external_network(api: Api) -> Body:
    """`ext-net80`, flat on external1, with the pool that floating IPs come from."""
    network = api.create(
        "networks",
        **{
            "name": EXTERNAL_NETWORK,
            "router:external": True,
            "provider:network_type": "flat",
            "provider:physical_network": "external1",
        },
    )
    api.create(
        "subnets",
        name="ext-subnet80",
        network_id=network["id"],
        ip_version=4,
        cidr="10.0.80.0/24",
        gateway_ip="10.0.80.1",
        allocation_pools=[{"start": "10.0.80.101", "end": "10.0.80.200"}],
        enable_dhcp=False,
    )
    return network


def project_network(api: Api) -> Body:
    """`vxlan-net80` in the project "service"; returns its subnet."""
    project = api.project_id("service")
    network = api.create(
        "networks", **{"name": PROJECT_NETWORK, "tenant_id": project, "provider:network_type": "vxlan"}
    )
    return api.create(
        "subnets",
        name="vxlan-subnet80",
        network_id=network["id"],
        tenant_id=project,
        ip_version=4,
        cidr="192.168.80.0/24",
        gateway_ip=GATEWAY,
    )


def router(api: Api) -> Body:
    return api.create("routers", name=ROUTER)


def set_gateway(api: Api, router_id: str, network_id: str) -> Body:
    return api.update("routers", router_id, external_gateway_info={"network_id": network_id})


def let_in(api: Api, protocol: str, port: int | None = None, *, ethertype: str = "IPv4") -> None:
    """A rule of the administrator's default security group, which the instances have, for one family from anywhere."""
    project = api.project_id("admin")
    ports = {"port_range_min": port, "port_range_max": port}
    wanted = {"ethertype": ethertype, "protocol": protocol, "remote_group_id": None, **ports}
    for group in api.list("security-groups", name="default", project_id=project):
        rules = [rule for rule in group["security_group_rules"] if rule["direction"] == "ingress"]
        if not any(wanted.items() <= rule.items() for rule in rules):
            api.create("security-group-rules", security_group_id=group["id"], direction="ingress", **wanted)


def floating_ip(api: Api, network_id: str, port_id: str) -> str:
    """A floating IP for a port; returns the address."""
    made = api.create("floatingips", floating_network_id=network_id, port_id=port_id)
    return str(made["floating_ip_address"])


def outside_address(router_body: Body) -> str:
    """The router's own address on its external network: the source of what it translates."""
    return str(router_body["external_gateway_info"]["external_fixed_ips"][0]["ip_address"])
