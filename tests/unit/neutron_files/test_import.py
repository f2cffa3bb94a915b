"""Neutron's files: read in their dialect, used where they mean something, and explained where not."""

import contextlib
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from futago.__main__ import app
from futago.config import BadConfig, ControllerConfig, NodeConfig, Profile, parse
from futago.controller.vrrp_settings import vrrp_settings
from futago.neutron_files.convert import Conversion, convert
from futago.neutron_files.ini import BadFile, read
from futago.neutron_files.options import FILES
from futago.neutron_files.rules import Fate
from futago.values import Millis

SEED = Path(__file__).parents[2] / "seed_files"
HOSTS = [SEED / name for name in ("controller", "network", "compute")]
URL = "http://172.31.0.10:9696"


def converted(*directories: Path) -> Conversion:
    return convert(directories, [URL])


def made(directory: Path, **files: str) -> Path:
    """A host's directory with these files, whose names are written with `_` for `.`."""
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        head, _, end = name.rpartition("_")
        (directory / f"{head}.{end}").write_text(text)
    return directory


def test_the_seeds_files_make_the_seeds_controller() -> None:
    done = converted(*HOSTS)
    config = parse(done.controller.values, ControllerConfig, "seed")
    assert config == ControllerConfig(
        l3_ha=True,
        max_l3_agents_per_router=3,
        min_l3_agents_per_router=2,
        dhcp_agents_per_network=2,
        profile=Profile.SEED,
        ha_vrrp_auth_password="openstack",
        ha_vrrp_advert_int_ms=Millis(2000),
        type_drivers=("flat", "vlan", "gre", "vxlan"),
        tenant_network_types=("vlan", "gre", "vxlan"),
        flat_networks=("external1", "external2", "external3"),
        network_vlan_ranges=("external1", "external2", "external3", "vlan:1000:2999"),
        tunnel_id_ranges=("1:1000",),
        vni_ranges=("1000:2000",),
        vxlan_group="239.1.1.1",
    )
    vrrp = vrrp_settings(config)
    assert (vrrp.version, vrrp.advert_interval, vrrp.password) == (2, 2000, "openstac")


def test_the_seeds_files_make_the_seeds_nodes() -> None:
    done = converted(*HOSTS)
    network, compute = (parse(done.nodes[name].values, NodeConfig, name) for name in ("network", "compute"))
    assert network.controller_urls == (URL,)
    assert {"l3", "dhcp"} <= set(network.roles)
    assert compute.roles == ()
    assert str(network.local_ip) == "172.31.0.11"
    assert network.bridge_mappings == {"vlan": "br-vlan"} | {f"external{n}": f"br-ex{n}" for n in (1, 2, 3)}
    assert compute.bridge_mappings == {"vlan": "br-vlan"}
    assert network.tunnel_types == compute.tunnel_types == ("gre", "vxlan")


def test_every_option_of_the_seed_is_used_or_named_with_a_reason() -> None:
    notes = converted(*HOSTS).notes
    written = sum(len(read(path)) for host in HOSTS for path in host.iterdir())
    assert len(notes) == written == 51
    assert all(note.outcome.text for note in notes)
    assert Fate.UNKNOWN not in Counter(note.outcome.fate for note in notes)


def test_a_file_is_found_wherever_it_is_below_the_directory(tmp_path: Path) -> None:
    below = tmp_path / "etc" / "plugins" / "ml2"
    below.mkdir(parents=True)
    made(below, ml2_conf_ini="[ml2_type_vxlan]\nvni_ranges = 5:6\n")
    assert converted(tmp_path / "etc").controller.values == {"vni_ranges": ("5:6",)}


def test_the_dialect_of_the_files(tmp_path: Path) -> None:
    text = """# a comment
; another
[ml2_type_vlan]
network_vlan_ranges = a:1:2,
    b:3:4   # is part of the value
network_vlan_ranges: c
[ml2]
Type_Drivers = x
[DEFAULT]
empty =
percent = %(nothing)s
"""
    made(tmp_path, f_ini=text)
    assert read(tmp_path / "f.ini") == {
        ("ml2_type_vlan", "network_vlan_ranges"): "a:1:2,\nb:3:4   # is part of the value\nc",
        ("ml2", "Type_Drivers"): "x",
        ("DEFAULT", "empty"): "",
        ("DEFAULT", "percent"): "%(nothing)s",
    }


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"ml2_conf_ini": "vni_ranges = 1:2\n"}, "File contains no section headers"),
        ({"ml2_conf_ini": "[ml2]\nnonsense\n"}, "nonsense"),
        ({"neutron_conf": "[DEFAULT]\nl3_ha = perhaps\n"}, r"\[DEFAULT\] l3_ha: `perhaps` is neither true nor false"),
        ({"neutron_conf": "[DEFAULT]\nmax_l3_agents_per_router = many\n"}, r"max_l3_agents_per_router: .*'many'"),
        ({"other_conf": ""}, "has none of neutron.conf, ml2_conf.ini"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, files: dict[str, str], says: str) -> None:
    with pytest.raises(BadFile, match=says):
        converted(made(tmp_path / "host", **files))


def test_two_directories_of_one_name_are_not_taken_for_one_host(tmp_path: Path) -> None:
    for host in ("net1", "net2"):
        (tmp_path / host).mkdir()
    both = [made(tmp_path / host / "neutron", l3_agent_ini="[DEFAULT]\n") for host in ("net1", "net2")]
    with pytest.raises(BadFile, match="two directories are called neutron"):
        converted(*both)


def test_settings_that_contradict_each_other_are_refused_as_in_a_file_of_our_own(tmp_path: Path) -> None:
    text = "[ml2]\ntype_drivers = flat\ntenant_network_types = vxlan\n"
    with pytest.raises(BadConfig, match="tenant_network_types: there is no type `vxlan`"):
        converted(made(tmp_path / "c", ml2_conf_ini=text))


@pytest.mark.parametrize(
    ("files", "fate", "says"),
    [
        ({"ml2_conf_ini": "[ml2]\ntype_drivers = flat,vxlan,geneve\n"}, Fate.REFUSED, "geneve: there are flat"),
        ({"ml2_conf_ini": "[ml2]\nmechanism_drivers = sriovnicswitch\n"}, Fate.REFUSED, "sriovnicswitch"),
        ({"ml2_conf_ini": "[ml2]\nmechanism_drivers = openvswitch,l2population\n"}, Fate.USED, "l2_population"),
        ({"neutron_conf": "[DEFAULT]\nservice_plugins = router,qos,bgp\n"}, Fate.REFUSED, "bgp: this version"),
        ({"neutron_conf": "[DEFAULT]\nservice_plugins = router,qos,segments,trunk\n"}, Fate.NEEDLESS, "always there"),
        ({"neutron_conf": "[DEFAULT]\nrouter_distributed = True\n"}, Fate.REFUSED, "centralized routers only"),
        ({"neutron_conf": "[DEFAULT]\nwhat_is_this = 1\n"}, Fate.UNKNOWN, "no option that we know"),
        ({"neutron_conf": "[DEFAULT]\nhost = net1\n"}, Fate.REFUSED, "becomes no node"),
        ({"neutron_conf": "[database]\nconnection = mysql://a:b@c\n"}, Fate.NEEDLESS, "the store is Futago's own"),
        ({"neutron_conf": "[DEFAULT]\ndns_domain = $other\n"}, Fate.REFUSED, "with \\$ in it is not filled in"),
        ({"l3_agent_ini": "[DEFAULT]\nexternal_network_bridge = br-ex\n"}, Fate.REFUSED, "bridge_mappings"),
        ({"l3_agent_ini": "[DEFAULT]\nha_vrrp_auth_type = AH\n"}, Fate.REFUSED, "RFC 3768"),
        ({"openvswitch_agent_ini": "[agent]\nl2_population = True\n"}, Fate.USED, "controller.toml"),
    ],
)
def test_what_cannot_be_followed_is_said(tmp_path: Path, files: dict[str, str], fate: Fate, says: str) -> None:
    (note,) = converted(made(tmp_path / "host", **files)).notes
    assert note.outcome.fate is fate
    assert says.replace("\\", "") in note.outcome.text


def test_two_hosts_that_differ_about_a_controllers_setting_are_told_of(tmp_path: Path) -> None:
    hosts = [
        made(tmp_path / name, l3_agent_ini=f"[DEFAULT]\nha_vrrp_advert_int = {seconds}\n")
        for name, seconds in (("net1", 2), ("net2", 3))
    ]
    done = converted(*hosts)
    assert done.controller.values == {"ha_vrrp_advert_int_ms": 2000}
    assert [note.outcome.fate for note in done.notes] == [Fate.USED, Fate.REFUSED]
    assert "net1: l3_agent.ini [DEFAULT] ha_vrrp_advert_int says otherwise" in done.notes[1].outcome.text


def test_no_password_is_printed(tmp_path: Path) -> None:
    text = "[DEFAULT]\nha_vrrp_auth_password = openstack\n"
    (note,) = converted(made(tmp_path / "net1", l3_agent_ini=text)).notes
    assert "openstack" not in str(note)


@pytest.mark.parametrize("name", FILES)
def test_every_rule_says_something_of_a_value_or_refuses_it(name: str) -> None:
    for rule in FILES[name].values():
        for value in ("", "1", "a:1", "True"):
            with contextlib.suppress(ValueError):
                assert rule(value).text


def test_the_command_writes_what_it_says_and_nothing_over_what_is_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["config", "import", *map(str, HOSTS), "--out", str(out), "--controller-url", URL]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.toml")) == [
        "compute/node.toml",
        "controller/controller.toml",
        "network/node.toml",
    ]
    assert (out / "controller" / "controller.toml").stat().st_mode & 0o777 == 0o600
    assert tomllib.loads((out / "network" / "node.toml").read_text())["local_ip"] == "172.31.0.11"
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 2
    assert "there already; --force" in again.output
    assert CliRunner().invoke(app, [*command, "--force"]).exit_code == 0
