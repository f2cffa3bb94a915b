"""What instances are told of themselves: how it is set, and to which nodes it goes."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from futago.contract.report import NodeFacts
from futago.contract.specs import InstanceSpec, NodeSpecs
from futago.controller import instance_data
from futago.controller.instance_data import Change, DataRefused
from futago.controller.nodes import membership
from futago.controller.nodes.feed import Feed
from futago.controller.resources.service_ports import remove_port
from futago.controller.store.rows import InstanceData, Port
from unit.controller.cloud import Cloud

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9 somebody@somewhere"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """Two network nodes, of which one answers instances."""
    cloud = Cloud(tmp_path)
    cloud.node("net1", "l3", "dhcp", "metadata", tunnel="172.31.0.11")
    cloud.node("net2", "l3", "dhcp", tunnel="172.31.0.12")
    cloud.node("compute1", tunnel="172.31.0.21")
    return cloud


@pytest.fixture
def port(cloud: Cloud) -> Port:
    blue = cloud.network("blue", vni=1000)
    return cloud.instance(blue, cloud.subnet(blue, "192.168.80.0/24"), "compute1")


def told(cloud: Cloud, node: str, feed: Feed | None = None) -> list[InstanceSpec]:
    specs = NodeSpecs().after((feed or Feed(cloud.database, cloud.config)).changes(node, 0))
    return [spec for spec in specs.specs.values() if isinstance(spec, InstanceSpec)]


def set_data(cloud: Cloud, port: Port, change: Change) -> None:
    with cloud.database.write() as txn:
        instance_data.change(txn, port, change)


def test_an_instance_of_which_nothing_was_said_is_named_by_its_address(cloud: Cloud, port: Port) -> None:
    (spec,) = told(cloud, "net1")
    (address,) = (str(one.address.ip) for one in spec.addresses)
    assert spec.name == f"host-{address.replace('.', '-')}"
    assert spec.hostname == f"{spec.name}.openstacklocal"
    assert (spec.instance_id, spec.project_id) == (port.device_id, "p")


def test_only_nodes_that_instances_ask_are_told(cloud: Cloud, port: Port) -> None:
    assert len(told(cloud, "net1")) == 1
    assert told(cloud, "net2") == []
    assert told(cloud, "compute1") == []


def test_a_node_that_begins_to_answer_is_told(cloud: Cloud, port: Port) -> None:
    feed = Feed(cloud.database, cloud.config)
    assert told(cloud, "net2", feed) == []
    facts = NodeFacts(
        roles=("l3", "dhcp", "metadata"),
        tunnel_address=None,
        tunnel_types=(),
        bridge_mappings={},
        datapath_type="netdev",
        version="0",
    )
    membership.introduce(cloud.database, cloud.config, "net2", facts)
    assert len(told(cloud, "net2", feed)) == 1


def test_what_is_set_is_told_and_what_is_not_named_stays(cloud: Cloud, port: Port) -> None:
    set_data(cloud, port, Change(name="Web One!", ssh_keys=[KEY], user_data=b"\x1f\x8b\xff"))
    set_data(cloud, port, Change(meta={"role": "web"}, vendor_data='{"cloud-init": "#cloud-config"}'))
    (spec,) = told(cloud, "net1")
    assert (spec.name, spec.hostname) == ("Web One!", "web-one.openstacklocal")
    assert (spec.ssh_keys, spec.user_data, spec.meta) == ((KEY,), b"\x1f\x8b\xff", (("role", "web"),))


def test_a_change_touches_this_instance_only(cloud: Cloud, port: Port) -> None:
    blue = cloud.network("red", vni=1001)
    cloud.instance(blue, cloud.subnet(blue, "192.168.81.0/24"), "compute1")
    feed = Feed(cloud.database, cloud.config)
    before = feed.changes("net1", 0)
    set_data(cloud, port, Change(name="web"))
    after = feed.changes("net1", before.revision, before.origin)
    assert [spec.key for spec in after.put] == [f"instance/{port.id}"]


def test_what_was_set_can_be_forgotten_and_goes_with_the_port(cloud: Cloud, port: Port) -> None:
    set_data(cloud, port, Change(name="web"))
    with cloud.database.write() as txn:
        instance_data.forget(txn, port)
    (spec,) = told(cloud, "net1")
    assert spec.name.startswith("host-")
    set_data(cloud, port, Change(name="web"))
    with cloud.database.write() as txn:
        remove_port(txn, port)
        assert txn.find(InstanceData) == []
    assert told(cloud, "net1") == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(ssh_keys=["not a key\nat all"]), "no public key"),
        (Change(user_data=b"x" * 65537), "65536 bytes at most"),
        (Change(vendor_data="[1]"), "JSON object"),
        (Change(vendor_data="{"), "no JSON"),
        (Change(meta={"a": "x" * 256}), "longer than"),
    ],
)
def test_what_cannot_be_told_is_refused(cloud: Cloud, port: Port, change: Change, words: str) -> None:
    with pytest.raises(DataRefused, match=words):
        set_data(cloud, port, change)


def test_a_port_is_found_by_id_name_address_and_the_beginning_of_its_id(cloud: Cloud, port: Port) -> None:
    with cloud.database.write() as txn:
        named = txn.replace(port, replace(port, name="vm1"))
    (spec,) = told(cloud, "net1")
    with cloud.database.read() as view:
        names = [named.id, "vm1", named.id[:13], str(spec.addresses[0].address.ip)]
        assert {instance_data.port_named(view, name).id for name in names} == {named.id}
        with pytest.raises(DataRefused, match="there is no port"):
            instance_data.port_named(view, "vm2")
        server = next(one for one in view.find(Port) if one.device_owner == "network:dhcp")
        with pytest.raises(DataRefused, match="not to an instance"):
            instance_data.port_named(view, server.id)
