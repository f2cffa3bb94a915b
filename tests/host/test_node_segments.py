"""A network with a VLAN in each of two racks: what the plan says of it, on two hosts with real switches."""

from pathlib import Path

from msgspec.structs import replace

from futago.contract.specs import Spec
from futago.controller.nodes.feed import Feed
from futago.controller.store.rows import Port
from futago.values import NetworkType
from host.node_kit import FUTAGO, Hosts, ThrowAwayHost, wait_until
from unit.controller.cloud import Cloud

RACKS = {"one": ("rack1", 5), "two": ("rack2", 6)}
ROUTER, ADDRESSES = "10.0.0.1", {"one": "10.0.0.2", "two": "10.0.0.3"}


def planned(directory: Path) -> tuple[dict[str, Port], dict[str, tuple[Spec, ...]]]:
    """An instance in each rack, and what the controller tells the two hosts."""
    cloud = Cloud(directory)
    for number, (name, (rack, _)) in enumerate(RACKS.items(), start=1):
        cloud.node(name, tunnel=f"192.0.2.{number}", reaching=(rack,))
    network = cloud.network("11111111-aaaa-4000-8000-000000000001", vni=1)
    cloud.segments(network, *((NetworkType.VLAN, rack, vlan) for rack, vlan in RACKS.values()))
    subnet = cloud.subnet(network, "10.0.0.0/24", enable_dhcp=False)
    ports = {name: cloud.instance(network, subnet, name) for name in RACKS}
    with cloud.database.write() as txn:
        for port in ports.values():
            txn.replace(port, replace(port, port_security_enabled=False))
    feed = Feed(cloud.database, cloud.config)
    specs = {name: feed.changes(name, 0).put for name in RACKS}
    cloud.database.close()
    return ports, specs


def wire(host: ThrowAwayHost, port: Port, specs: tuple[Spec, ...]) -> None:
    """The host in its rack, whose router is on the rack's VLAN, and the instance on the host."""
    rack, vlan = RACKS[host.name]
    host.add_provider("br-rack", "router", f"{ROUTER}/24")
    host.run(f"ovs-vsctl set port router tag={vlan}")
    host.write_config(bridge_mappings=f'{{{rack} = "br-rack"}}')
    host.save_specs(specs)
    host.start_agent()
    wait_until(lambda: host.succeeds("ovs-vsctl br-exists br-int"), "the host has its bridge")
    host.run("ip netns add vm")
    host.run(f"{FUTAGO} port plug {port.id} --netns vm --ifname eth0 --mac {port.mac_address} --mtu 1450")
    host.run(f"ip -n vm addr add {ADDRESSES[host.name]}/24 dev eth0")


def test_each_host_carries_the_network_on_the_vlan_of_its_own_rack(tmp_path: Path) -> None:
    ports, specs = planned(tmp_path)
    with Hosts(*RACKS) as (one, two):
        for host in (one, two):
            wire(host, ports[host.name], specs[host.name])
        for host in (one, two):
            wait_until(
                lambda host=host: host.succeeds(f"ip netns exec vm ping -c1 -W1 {ROUTER}"),
                f"the instance in rack {host.name} reaches the router there",
            )
            _, vlan = RACKS[host.name]
            assert f"set_field:{4096 + vlan}->vlan_vid" in host.run("ovs-ofctl -O OpenFlow14 dump-flows br-rack")
        macs = {
            host.name: host.run("ip netns exec router cat /sys/class/net/eth0/address").strip() for host in (one, two)
        }
        for host in (one, two):
            assert macs[host.name] in host.run(f"ip -n vm neighbour show {ROUTER}"), "it is its own rack's router"
        assert not one.succeeds(f"ip netns exec vm ping -c2 -W1 {ADDRESSES['two']}"), "no host joins the two"
