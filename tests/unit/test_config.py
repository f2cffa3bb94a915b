"""Settings: read, refused, explained."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from futago.config import BadConfig, ControllerConfig, NodeConfig, load


def test_a_file_is_read_and_overrides_stand_on_top(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('controller_urls = ["http://c:9696"]\nname = "net1"\nlocal_ip = "172.31.0.11"\n')
    config = load(file, NodeConfig, {"name": "net9"})
    assert (config.name, config.local_ip) == ("net9", IPv4Address("172.31.0.11"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("listen_prot = 1", r"no key `listen_prot` \(do you mean `listen_port`\?\)\. Known keys: .*listen_port"),
        ("zzz = 1", r"no key `zzz`\. Known keys: "),
        ('listen_port = "x"', r"Expected `int`, got `str` - at `\$\.listen_port`$"),
        ('profile = "quick"', "Invalid enum value 'quick'.*profile.*; allowed: default, fast, seed$"),
        ('l3_ha_net_cidr = "169.254.192.1/18"', "host bits"),
        ("region = 1\nlisten_port = \ntype_drivers = []", "Invalid value .*line 2"),
    ],
)
def test_a_mistake_is_named_with_the_file_and_the_key(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "controller.toml"
    file.write_text(text)
    with pytest.raises(BadConfig, match=says) as refused:
        load(file, ControllerConfig)
    assert str(file) in str(refused.value)


def test_a_missing_file_is_named_with_the_way_to_an_example(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"nowhere.toml does not exist; see `futago node --help`"):
        load(tmp_path / "nowhere.toml", NodeConfig)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('roles = ["l3", "dchp"]', "Invalid enum value 'dchp'.*roles.*; allowed: l3, dhcp, metadata$"),
        ('datapath_type = "user"', "Invalid enum value 'user'.*; allowed: .*netdev"),
    ],
)
def test_a_misspelt_word_stops_a_node_with_the_words_that_it_knows(tmp_path: Path, text: str, says: str) -> None:
    """A role that nobody knows would give a node that silently hosts nothing."""
    file = tmp_path / "node.toml"
    file.write_text(f'controller_urls = ["http://c:9696"]\n{text}\n')
    with pytest.raises(BadConfig, match=says):
        load(file, NodeConfig)


def test_a_node_without_controllers_is_sent_to_an_example(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text("")
    with pytest.raises(BadConfig, match="missing required field `controller_urls`; see `futago node --help`"):
        load(file, NodeConfig)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('type_drivers = ["flat", "geneve"]', "type_drivers: there is no type `geneve` here; allowed: flat, vlan, gre"),
        ('tenant_network_types = ["flat"]', "tenant_network_types: there is no type `flat` here; allowed: vlan, gre"),
        ('type_drivers = ["vxlan"]\nl3_ha_network_type = "gre"', "l3_ha_network_type: there is no type `gre` here"),
        ('vni_ranges = ["1000-2000"]', "vni_ranges: `1000-2000` is not a range; it is written first:last"),
        (
            'vni_ranges = ["2000:1000"]',
            "vni_ranges: `2000:1000` is not a range of vxlan ids, which run from 1 to 167",
        ),
        ('tunnel_id_ranges = ["0:9"]', "tunnel_id_ranges: `0:9` is not a range of gre ids"),
        ('network_vlan_ranges = ["p:1:4095"]', "network_vlan_ranges: `p:1:4095` is not a range of vlan ids"),
        ('network_vlan_ranges = ["p:1"]', "network_vlan_ranges: `p:1` is not a range"),
        ('network_vlan_ranges = [":1:2"]', "network_vlan_ranges: `:1:2` names no physical network"),
    ],
)
def test_segments_that_cannot_be_stop_the_start_with_the_key(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "controller.toml"
    file.write_text(text)
    with pytest.raises(BadConfig, match=says):
        load(file, ControllerConfig)
