"""What the author of the walkthrough looked at, on a running cloud."""

import re
from ipaddress import IPv4Interface, IPv4Network

from futago.lab.demo import looks, walkthrough
from futago.lab.demo.story import source_seen_outside
from futago.lab.instances import ssh_command
from lab_kit.cloud import Cloud

HA_NETWORK = IPv4Network("169.254.192.0/18")


def addresses(cloud: Cloud, host: str) -> dict[str, list[IPv4Interface]]:
    """The IPv4 addresses by interface in the router's namespace."""
    text = cloud.lab.exec(host, ["ip", "-o", "-4", "addr"], netns=cloud.namespace).stdout
    found: dict[str, list[IPv4Interface]] = {name: [] for name in looks.interfaces(cloud.lab, host, cloud.router_id)}
    pairs = re.findall(r"^\d+: (\S+)\s+inet (\S+)", text, re.MULTILINE)
    for name, address in pairs:
        found.setdefault(name, []).append(IPv4Interface(address))
    return found


def by_prefix(names: dict[str, list[IPv4Interface]]) -> dict[str, list[IPv4Interface]]:
    return {name.partition("-")[0]: sorted(found) for name, found in names.items() if name != "lo"}


def link_facts(cloud: Cloud, host: str) -> dict[str, tuple[int, str]]:
    """MTU and MAC by interface in the router's namespace."""
    text = cloud.lab.exec(host, ["ip", "-o", "link"], netns=cloud.namespace).stdout
    facts = re.findall(r"^\d+: ([^:@]+)\S*: .* mtu (\d+) .*link/ether (\S+)", text, re.MULTILINE)
    return {name: (int(mtu), mac) for name, mtu, mac in facts}


def test_two_agents_host_the_router_one_active_one_standby(healthy: Cloud) -> None:
    agents = healthy.lab.api().list(f"routers/{healthy.router_id}/l3-agents")
    assert sorted(agent["host"] for agent in agents) == ["net1", "net2"]
    assert [(agent["admin_state_up"], agent["alive"]) for agent in agents] == [(True, True)] * 2
    assert sorted(agent["ha_state"] for agent in agents) == ["active", "standby"]
    assert len({agent["id"] for agent in agents}) == 2


def test_both_network_nodes_show_the_same_namespaces(healthy: Cloud) -> None:
    wanted = sorted([healthy.namespace, f"qdhcp-{healthy.network_id}", "futago-uplinks"])
    assert looks.namespaces_of(healthy.lab, "net1") == wanted
    assert looks.namespaces_of(healthy.lab, "net2") == wanted


def test_each_replica_has_an_address_of_its_own_on_the_ha_network(healthy: Cloud) -> None:
    own = [by_prefix(addresses(healthy, host))["ha"] for host in healthy.nodes]
    flat = [address for found in own for address in found]
    assert all(address.ip in HA_NETWORK for address in flat)
    assert len(set(flat)) == len(flat) == 2


def test_the_routers_addresses_are_on_the_active_node_only(healthy: Cloud) -> None:
    active = by_prefix(addresses(healthy, healthy.active()))
    standby = by_prefix(addresses(healthy, healthy.standby()))
    assert active["qr"] == [IPv4Interface("192.168.80.1/24")]
    assert IPv4Interface(f"{healthy.outside}/24") in active["qg"]
    assert (standby["qr"], standby["qg"]) == ([], [])


def test_interfaces_are_named_by_their_ports_and_have_their_mtu_and_mac(healthy: Cloud) -> None:
    ports = healthy.lab.api().list("ports", device_id=healthy.router_id)
    prefixes = {"network:router_gateway": "qg-", "network:ha_router_replicated_interface": "qr-"}
    wanted = {
        prefixes[port["device_owner"]] + port["id"][:11]: port["mac_address"]
        for port in ports
        if port["device_owner"] in prefixes
    }
    facts = [link_facts(healthy, host) for host in healthy.nodes]
    assert [{name: fact[name][1] for name in wanted} for fact in facts] == [wanted, wanted]
    mtus = [{name[:2]: mtu for name, (mtu, _) in fact.items()} for fact in facts]
    assert mtus == [{"ha": 1450, "qr": 1450, "qg": 1500}] * 2
    assert all(mac.startswith("fa:16:3e:") for fact in facts for _, mac in fact.values())


def test_an_advertisement_is_heard_on_the_standby(healthy: Cloud) -> None:
    heard = looks.ADVERTISEMENT.search(looks.advertisement(healthy.lab, healthy.standby(), healthy.router_id))
    assert heard is not None
    own = by_prefix(addresses(healthy, healthy.active()))["ha"]
    assert heard["source"] in {str(address.ip) for address in own}
    assert heard["what"].startswith("VRRPv3, Advertisement, vrid 1, prio ")


def test_ssh_reaches_the_instance_through_its_floating_ip(healthy: Cloud) -> None:
    assert healthy.lab.exec("ext", ssh_command(healthy.floating_ip, "hostname")).stdout == "vm1\n"


def test_an_instance_is_seen_outside_as_its_floating_ip_or_as_the_router(healthy: Cloud) -> None:
    assert source_seen_outside(healthy.lab, "vm1", healthy.floating_ip) == healthy.floating_ip
    assert source_seen_outside(healthy.lab, "vm2", healthy.outside) == healthy.outside


def test_instances_get_address_mtu_and_gateway_by_dhcp(healthy: Cloud) -> None:
    link = healthy.lab.exec("compute2", ["ip", "addr", "show", "eth0"], netns=healthy.vm2.netns).stdout
    routes = healthy.lab.exec("compute2", ["ip", "route"], netns=healthy.vm2.netns).stdout
    assert "mtu 1450" in link
    assert f"inet {healthy.vm2.address}/24" in link
    assert f"default via {walkthrough.GATEWAY}" in routes


def test_instances_on_two_hosts_reach_each_other_with_full_frames(healthy: Cloud) -> None:
    argv = ["ping", "-n", "-c", "3", "-i", "0.2", "-M", "do", "-s", "1422", healthy.vm2.address]
    out = healthy.lab.exec("compute1", argv, netns=healthy.vm1.netns).stdout
    assert "3 received" in out
    assert "DUP" not in out
