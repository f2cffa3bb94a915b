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
        ("listen_prot = 1", "unknown field `listen_prot`.*Known keys: .*listen_port"),
        ('listen_port = "x"', "Expected `int`"),
        ('profile = "fast"', "Invalid enum value 'fast'"),
        ('l3_ha_net_cidr = "169.254.192.1/18"', "host bits"),
        ("listen_port = ", "Invalid value"),
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
