"""The same walk by the current `openstack`, out of the clouds.yaml of the first start, as two users."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from compat_kit.clients import Result, once_elected, run
from compat_kit.controller import Controller

Openstack = Callable[..., Result]


@dataclass(frozen=True, slots=True)
class Walk:
    """What each command of the walk printed."""

    external_network: Result
    external_subnet: Result
    network: Result
    subnet: Result
    router: Result
    interface: Result
    gateway: Result
    agents: Result


@pytest.fixture(scope="module")
def run_openstack(controller: Controller, openstack: Path) -> Openstack:
    """Runs a line as it would be typed; `cloud` names one of clouds.yaml."""

    def typed(line: str, *, cloud: str = "futago") -> Result:
        return run(openstack, line.split()[1:], controller.cloud(cloud))

    return typed


@pytest.fixture(scope="module")
def walk(run_openstack: Openstack) -> Walk:
    """The walk, once; each test looks at one part of it."""
    subnet = "--subnet-range 10.0.81.0/24 --no-dhcp --gateway 10.0.81.1"
    return Walk(
        external_network=run_openstack(
            "openstack network create --external --provider-physical-network external2"
            " --provider-network-type flat ext-net81"
        ),
        external_subnet=run_openstack(
            f"openstack subnet create --network ext-net81 {subnet}"
            " --allocation-pool start=10.0.81.101,end=10.0.81.200 ext-subnet81"
        ),
        network=run_openstack("openstack network create --project service --provider-network-type vxlan vxlan-net81"),
        subnet=run_openstack(
            "openstack subnet create --network vxlan-net81 --project service --subnet-range 192.168.81.0/24"
            " --gateway 192.168.81.1 vxlan-subnet81"
        ),
        router=run_openstack("openstack router create --ha router81"),
        interface=run_openstack("openstack router add subnet router81 vxlan-subnet81"),
        gateway=run_openstack("openstack router set --external-gateway ext-net81 router81"),
        agents=once_elected(lambda: run_openstack("openstack network agent list --router router81 --long")),
    )


def test_the_external_network_is_flat_on_external2(walk: Walk) -> None:
    assert walk.external_network.status == 0, walk.external_network
    fields = walk.external_network.fields()
    assert fields["router:external"] == "External"
    assert (fields["provider:network_type"], fields["provider:physical_network"]) == ("flat", "external2")


def test_the_external_subnet_has_the_pool_and_no_dhcp(walk: Walk) -> None:
    assert walk.external_subnet.status == 0, walk.external_subnet
    fields = walk.external_subnet.fields()
    assert fields["allocation_pools"] == "10.0.81.101-10.0.81.200"
    assert (fields["enable_dhcp"], fields["gateway_ip"]) == ("False", "10.0.81.1")


def test_the_project_network_is_vxlan_and_the_service_projects(walk: Walk, run_openstack: Openstack) -> None:
    assert walk.network.status == 0, walk.network
    fields = walk.network.fields()
    service = run_openstack("openstack project show service").fields()
    assert fields["project_id"] == service["id"]
    assert (fields["provider:network_type"], fields["mtu"]) == ("vxlan", "1450")


def test_the_project_subnet_has_its_gateway_outside_its_pool(walk: Walk) -> None:
    assert walk.subnet.status == 0, walk.subnet
    fields = walk.subnet.fields()
    assert (fields["gateway_ip"], fields["allocation_pools"]) == ("192.168.81.1", "192.168.81.2-192.168.81.254")


def test_the_router_is_highly_available(walk: Walk) -> None:
    assert walk.router.status == 0, walk.router
    assert walk.router.fields()["ha"] == "True"


def test_the_interface_and_the_gateway_are_taken_in_silence(walk: Walk) -> None:
    assert (walk.interface.status, walk.interface.out) == (0, ""), walk.interface
    assert (walk.gateway.status, walk.gateway.out) == (0, ""), walk.gateway


def test_two_living_agents_host_the_router_one_active_one_standby(walk: Walk) -> None:
    columns = ["ID", "Agent Type", "Host", "Availability Zone", "Alive", "State", "Binary", "HA State"]
    assert walk.agents.columns() == columns
    seen = {(row["Agent Type"], row["Host"], row["Alive"], row["State"], row["HA State"]) for row in walk.agents.rows()}
    assert seen == {
        ("L3 agent", "server7", ":-)", "UP", "active"),
        ("L3 agent", "server8", ":-)", "UP", "standby"),
    }


def test_a_floating_ip_is_made_and_given_to_a_port(walk: Walk, run_openstack: Openstack) -> None:
    assert walk.gateway.status == 0
    port = run_openstack(
        "openstack port create --network vxlan-net81 --fixed-ip subnet=vxlan-subnet81,ip-address=192.168.81.50 vm81"
    )
    assert port.status == 0, port
    floating = run_openstack("openstack floating ip create ext-net81").fields()
    given = run_openstack(f"openstack floating ip set --port vm81 {floating['id']}")
    assert given.status == 0, given
    shown = run_openstack(f"openstack floating ip show {floating['id']}").fields()
    assert (shown["fixed_ip_address"], shown["port_id"]) == ("192.168.81.50", port.fields()["id"])


def test_dhcp_is_told_to_tell_a_port_more(walk: Walk, run_openstack: Openstack) -> None:
    assert walk.subnet.status == 0
    made = run_openstack(
        "openstack port create --network vxlan-net81"
        " --extra-dhcp-option name=bootfile-name,value=pxe.0,ip-version=4 boot81"
    )
    assert made.status == 0, made
    assert made.fields()["extra_dhcp_opts"] == "ip_version='4', opt_name='bootfile-name', opt_value='pxe.0'"


def test_ssh_is_let_in(run_openstack: Openstack) -> None:
    made = run_openstack("openstack security group create sg81")
    assert made.status == 0, made
    rule = run_openstack("openstack security group rule create --protocol tcp --dst-port 22 --remote-ip 0.0.0.0/0 sg81")
    assert rule.status == 0, rule
    fields = rule.fields()
    assert (fields["direction"], fields["port_range_min"], fields["remote_ip_prefix"]) == ("ingress", "22", "0.0.0.0/0")


def test_what_the_client_asks_for_by_names_of_its_own_is_there(run_openstack: Openstack) -> None:
    """It looks for an extension by its name, and for segment ranges by another path than Neutron's manual has."""
    zones = run_openstack("openstack availability zone list --network --long").rows()
    assert {(row["Zone Name"], row["Zone Resource"]) for row in zones} == {("nova", "network"), ("nova", "router")}
    ranges = run_openstack("openstack network segment range list --long").rows()
    assert {row["Network Type"] for row in ranges} >= {"vxlan"}


def test_the_catalog_names_this_controller(controller: Controller, run_openstack: Openstack) -> None:
    rows = run_openstack("openstack endpoint list").rows()
    assert {row["Service Type"]: row["URL"] for row in rows} == {
        "network": controller.url,
        "identity": f"{controller.url}/identity/v3",
    }


def test_a_member_makes_a_router_of_its_own_but_does_not_see_others(walk: Walk, run_openstack: Openstack) -> None:
    assert walk.router.status == 0
    made = run_openstack("openstack router create mine", cloud="futago-demo")
    assert made.status == 0, made
    rows = run_openstack("openstack router list", cloud="futago-demo").rows()
    assert [row["Name"] for row in rows] == ["mine"]


def test_a_member_may_not_make_an_external_network(run_openstack: Openstack) -> None:
    refused = run_openstack("openstack network create --external theirs", cloud="futago-demo")
    assert refused.status == 1
    assert re.search(r"ForbiddenException: 403.*disallowed by policy", refused.err), refused


def test_a_user_and_a_project_are_made_and_used_at_once(controller: Controller, run_openstack: Openstack) -> None:
    """What an operator does on the second day."""
    for line in (
        "openstack project create --description Blue blue",
        "openstack user create --project blue --password secret ann",
        "openstack role add --project blue --user ann member",
    ):
        done = run_openstack(line)
        assert done.status == 0, done
    listed = run_openstack("openstack role assignment list --names --user ann").rows()
    assert [(row["Role"], row["User"], row["Project"]) for row in listed] == [("member", "ann@Default", "blue@Default")]
    ann = "--os-username ann --os-password secret --os-project-name blue"
    issued = run_openstack(f"openstack {ann} token issue -f value -c user_id")
    assert issued.status == 0, issued


def test_an_ipv6_subnet_is_made_with_its_modes_and_joined_to_a_router(walk: Walk, run_openstack: Openstack) -> None:
    modes = "--ip-version 6 --ipv6-ra-mode slaac --ipv6-address-mode slaac"
    made = run_openstack(
        f"openstack subnet create --network vxlan-net81 --project service {modes}"
        " --subnet-range 2001:db8:81::/64 --dns-nameserver 2001:db8::53 vxlan-subnet81-v6"
    )
    assert made.status == 0, made
    fields = made.fields()
    assert (fields["ip_version"], fields["gateway_ip"]) == ("6", "2001:db8:81::1")
    assert (fields["ipv6_ra_mode"], fields["ipv6_address_mode"]) == ("slaac", "slaac")
    assert run_openstack("openstack router add subnet router81 vxlan-subnet81-v6").status == 0
    assert "2001:db8:81::1" in run_openstack("openstack port list --router router81").out


def test_a_network_gets_a_further_segment_that_a_subnet_is_on(run_openstack: Openstack) -> None:
    for line in (
        "network create --provider-network-type vxlan racks82",
        "network segment create --network racks82 --network-type vxlan --segment 8201 --description two second82",
        "network segment set --name renamed82 second82",
    ):
        done = run_openstack(f"openstack {line}")
        assert done.status == 0, done
    rows = run_openstack("openstack network segment list --network racks82").rows()
    assert [(row["Name"], row["Network Type"]) for row in rows] == [("None", "vxlan"), ("renamed82", "vxlan")]
    fields = run_openstack("openstack network segment show renamed82").fields()
    assert (fields["segmentation_id"], fields["description"]) == ("8201", "two")
    subnet = "subnet create --network racks82 --subnet-range 10.0.82.0/24 --network-segment renamed82 subnet82"
    assert run_openstack(f"openstack {subnet}").fields()["segment_id"] == fields["id"]
    refused = run_openstack("openstack network segment delete renamed82")
    assert "The segment is still associated with subnet(s)" in refused.err
    assert run_openstack("openstack subnet delete subnet82").status == 0
    assert run_openstack("openstack network segment delete renamed82").status == 0
