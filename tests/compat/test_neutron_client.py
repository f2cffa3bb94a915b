"""The walkthrough's commands, verbatim, by the real `neutron` 9.0.0: what it prints is what its author saw."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from compat_kit.clients import Result, once_elected, run
from compat_kit.controller import Controller

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Neutron = Callable[[str], Result]


@dataclass(frozen=True, slots=True)
class Walk:
    """What each command of the walkthrough printed."""

    misspelt: Result
    external_network: Result
    external_subnet: Result
    service_project: Result
    network: Result
    subnet: Result
    router: Result
    interface: Result
    gateway: Result
    agents: Result


@pytest.fixture(scope="module")
def run_neutron(controller: Controller, neutron: Path) -> Neutron:
    """Runs a line as it would be typed, after `source admin-openrc`."""

    def typed(line: str) -> Result:
        return run(neutron, line.split()[1:], controller.openrc())

    return typed


@pytest.fixture(scope="module")
def walk(controller: Controller, run_neutron: Neutron, openstack: Path) -> Walk:
    """The walkthrough, once; each test looks at one part of it."""
    external = "--provider:physical_network external1 --provider:network_type flat"
    pool = "--allocation-pool start=10.0.80.101,end=10.0.80.200 --disable-dhcp --gateway 10.0.80.1"
    misspelt = run_neutron(f"neutron net-create ext-net80 --router:external1 True {external}")
    external_network = run_neutron(f"neutron net-create ext-net80 --router:external True {external}")
    external_subnet = run_neutron(f"neutron subnet-create ext-net80 10.0.80.0/24 --name ext-subnet80 {pool}")
    service = run(openstack, ["project", "show", "service"], controller.openrc())
    owner = service.fields()["id"]
    return Walk(
        misspelt=misspelt,
        external_network=external_network,
        external_subnet=external_subnet,
        service_project=service,
        network=run_neutron(f"neutron net-create vxlan-net80 --tenant-id {owner} --provider:network_type vxlan"),
        subnet=run_neutron(
            "neutron subnet-create vxlan-net80 192.168.80.0/24 --name vxlan-subnet80 --gateway 192.168.80.1"
        ),
        router=run_neutron("neutron router-create router80"),
        interface=run_neutron("neutron router-interface-add router80 vxlan-subnet80"),
        gateway=run_neutron("neutron router-gateway-set router80 ext-net80"),
        agents=once_elected(lambda: run_neutron("neutron l3-agent-list-hosting-router router80")),
    )


def test_the_line_as_first_printed_is_refused_and_makes_nothing(walk: Walk) -> None:
    """`--router:external1` is a slip that a real Neutron refuses, too."""
    assert walk.misspelt.status == 1
    assert "Unrecognized attribute(s) 'router:external1'" in walk.misspelt.err


def test_the_external_network_is_flat_on_external1(walk: Walk) -> None:
    assert walk.external_network.status == 0, walk.external_network
    assert walk.external_network.out.startswith("Created a new network:\n")
    fields = walk.external_network.fields()
    assert fields["name"] == "ext-net80"
    assert fields["router:external"] == "True"
    assert fields["provider:network_type"] == "flat"
    assert fields["provider:physical_network"] == "external1"
    assert fields["provider:segmentation_id"] == ""
    assert fields["mtu"] == "1500"
    assert fields["status"] == "ACTIVE"
    assert UUID.fullmatch(fields["id"])


def test_the_external_subnet_has_the_pool_and_no_dhcp(walk: Walk) -> None:
    assert walk.external_subnet.status == 0, walk.external_subnet
    fields = walk.external_subnet.fields()
    assert fields["allocation_pools"] == '{"start": "10.0.80.101", "end": "10.0.80.200"}'
    assert fields["cidr"] == "10.0.80.0/24"
    assert fields["enable_dhcp"] == "False"
    assert fields["gateway_ip"] == "10.0.80.1"
    assert fields["network_id"] == walk.external_network.fields()["id"]


def test_the_service_project_is_shown(walk: Walk) -> None:
    assert walk.service_project.status == 0, walk.service_project
    fields = walk.service_project.fields()
    assert (fields["name"], fields["enabled"]) == ("service", "True")
    assert re.fullmatch(r"[0-9a-f]{32}", fields["id"])


def test_the_project_network_is_vxlan_and_the_service_projects(walk: Walk) -> None:
    assert walk.network.status == 0, walk.network
    fields = walk.network.fields()
    assert fields["tenant_id"] == fields["project_id"] == walk.service_project.fields()["id"]
    assert fields["provider:network_type"] == "vxlan"
    assert 1000 <= int(fields["provider:segmentation_id"]) <= 2000
    assert fields["mtu"] == "1450"
    assert fields["router:external"] == "False"


def test_the_project_subnet_has_its_gateway_outside_its_pool(walk: Walk) -> None:
    assert walk.subnet.status == 0, walk.subnet
    fields = walk.subnet.fields()
    assert fields["gateway_ip"] == "192.168.80.1"
    assert fields["allocation_pools"] == '{"start": "192.168.80.2", "end": "192.168.80.254"}'
    assert fields["enable_dhcp"] == "True"


def test_the_router_is_highly_available_though_nobody_asked(walk: Walk) -> None:
    assert walk.router.status == 0, walk.router
    fields = walk.router.fields()
    assert (fields["name"], fields["ha"], fields["distributed"]) == ("router80", "True", "False")


def test_the_interface_and_the_gateway_are_confirmed(walk: Walk) -> None:
    assert re.fullmatch(rf"Added interface {UUID.pattern} to router router80\.\n", walk.interface.out), walk.interface
    assert walk.gateway.out == "Set gateway for router router80\n", walk.gateway


def test_two_living_agents_host_the_router_one_active_one_standby(walk: Walk) -> None:
    """The table of the original, column by column."""
    assert walk.agents.columns() == ["id", "host", "admin_state_up", "alive", "ha_state"]
    rows = walk.agents.rows()
    assert {(row["host"], row["admin_state_up"], row["alive"], row["ha_state"]) for row in rows} == {
        ("server7", "True", ":-)", "active"),
        ("server8", "True", ":-)", "standby"),
    }
    assert all(UUID.fullmatch(row["id"]) for row in rows)


def test_the_routers_outer_address_is_from_the_pool(walk: Walk, run_neutron: Neutron) -> None:
    assert walk.gateway.status == 0
    shown = run_neutron("neutron router-show router80").fields()["external_gateway_info"]
    assert 101 <= int(re.findall(r"10\.0\.80\.(\d+)", shown)[0]) <= 200
    assert '"enable_snat": true' in shown


def test_the_routers_ports_are_its_gateway_its_interface_and_one_ha_port_for_each_node(
    walk: Walk, run_neutron: Neutron
) -> None:
    assert walk.gateway.status == 0
    rows = run_neutron("neutron router-port-list router80 -c fixed_ips -c mac_address -c device_owner").rows()
    owners = sorted(row["device_owner"] for row in rows)
    assert owners == [
        "network:ha_router_replicated_interface",
        "network:router_gateway",
        "network:router_ha_interface",
        "network:router_ha_interface",
    ]
    addresses = {row["device_owner"]: row["fixed_ips"] for row in rows}
    assert '"192.168.80.1"' in addresses["network:ha_router_replicated_interface"]
    assert re.search(r'"169\.254\.(19[2-9]|2[0-5]\d)\.\d+"', addresses["network:router_ha_interface"])
    assert all(row["mac_address"].startswith("fa:16:3e:") for row in rows)


def test_agents_are_listed_with_smileys(walk: Walk, run_neutron: Neutron) -> None:
    assert walk.agents.status == 0
    rows = run_neutron("neutron agent-list").rows()
    kinds = {(row["host"], row["agent_type"]) for row in rows}
    assert {(host, kind) for host in ("server7", "server8") for kind in ("L3 agent", "DHCP agent")} <= kinds
    assert ("server3", "Open vSwitch agent") in kinds
    assert {row["alive"] for row in rows} == {":-)"}


def test_a_floating_ip_is_made_and_given_to_a_port(walk: Walk, run_neutron: Neutron) -> None:
    assert walk.gateway.status == 0
    floating = run_neutron("neutron floatingip-create ext-net80").fields()
    assert floating["floating_ip_address"].startswith("10.0.80.")
    port = run_neutron("neutron port-create vxlan-net80 --name vm1 --fixed-ip ip_address=192.168.80.50").fields()
    given = run_neutron(f"neutron floatingip-associate {floating['id']} {port['id']}")
    assert given.out == f"Associated floating IP {floating['id']}\n", given
    shown = run_neutron(f"neutron floatingip-show {floating['id']}").fields()
    assert (shown["fixed_ip_address"], shown["port_id"]) == ("192.168.80.50", port["id"])


def test_an_error_is_printed_in_neutrons_words_with_the_requests_id(walk: Walk, run_neutron: Neutron) -> None:
    assert walk.gateway.status == 0
    refused = run_neutron("neutron router-delete router80")
    assert refused.status == 1
    assert "still" in refused.err
    assert re.search(r"request_ids: \['req-[0-9a-f-]{36}'\]", refused.err)


def test_an_unknown_name_is_not_found(run_neutron: Neutron) -> None:
    missing = run_neutron("neutron router-show nosuchrouter")
    assert missing.status == 1
    assert "Unable to find router with name or id 'nosuchrouter'" in missing.err
