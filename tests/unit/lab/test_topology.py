import tomllib
from itertools import combinations
from pathlib import Path

import pytest

from futago.config import ControllerConfig, NodeConfig, Profile, load
from futago.lab import programs, topology
from futago.lab.errors import LabError, require_programs
from futago.lab.topology import HostPlan

SEED = {plan.name: plan for plan in topology.seed()}
HOSTS = {plan.name: plan for plan in topology.standard()}


@pytest.mark.parametrize("hosts", [HOSTS, SEED], ids=["standard", "seed"])
def test_names_in_the_fabric_fit_into_the_kernels_15_characters_and_differ(hosts: dict[str, HostPlan]) -> None:
    names = [topology.fabric_end(plan.name, nic.network) for plan in hosts.values() for nic in plan.nics]
    assert max(map(len, names)) <= 15
    assert len(set(names)) == len(names)


def test_every_card_and_every_bridge_has_a_mac_of_its_own_that_is_unicast_and_local() -> None:
    devices = ["eth0", "eth1", "br-phy"]
    macs = [topology.mac_of(host, device) for host in HOSTS for device in devices]
    assert all(one != other for one, other in combinations(macs, 2))
    assert {mac[:2] for mac in macs} == {"02"}


def test_a_card_keeps_its_mac_over_a_power_cycle() -> None:
    assert topology.mac_of("net1", "eth0") == topology.mac_of("net1", "eth0")


def test_both_network_nodes_and_nobody_else_of_futago_reach_the_external_network() -> None:
    reached = {name for name, plan in HOSTS.items() if plan.nic(topology.EXTERNAL)}
    assert reached == {"net1", "net2", "ext"}


def test_the_election_runs_before_the_agent_on_a_network_node() -> None:
    assert HOSTS["net1"].programs == ("vrrpd", "conntrackd", "metadata", "node")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "etc-futago").mkdir()
    return tmp_path


def test_a_network_node_is_configured_as_an_operator_would(disk: Path) -> None:
    programs.configure(HOSTS["net2"], disk, Profile.DEFAULT)
    config = load(disk / "etc-futago" / "node.toml", NodeConfig)
    assert (config.name, config.roles, str(config.local_ip)) == ("net2", ("l3", "dhcp", "metadata"), "172.31.0.12")
    assert config.bridge_mappings == {"external1": "br-ex1"}


def test_in_the_seeds_topology_a_node_has_a_bridge_for_each_of_its_networks(disk: Path) -> None:
    programs.configure(SEED["net1"], disk, Profile.DEFAULT)
    config = load(disk / "etc-futago" / "node.toml", NodeConfig)
    assert config.bridge_mappings == {"vlan": "br-vlan"} | {f"external{n}": f"br-ex{n}" for n in (1, 2, 3)}
    assert SEED["compute1"].nic("vlan") is not None
    assert [str(nic.address) for nic in SEED["ext"].nics] == ["10.0.80.1/24", "10.0.81.1/24", "10.0.82.1/24"]


def test_a_compute_node_has_no_roles(disk: Path) -> None:
    programs.configure(HOSTS["compute1"], disk, Profile.DEFAULT)
    config = load(disk / "etc-futago" / "node.toml", NodeConfig)
    assert (config.roles, config.bridge_mappings) == ((), {})


def test_the_controller_gets_the_profile(disk: Path) -> None:
    programs.configure(HOSTS["controller"], disk, Profile.SEED)
    assert load(disk / "etc-futago" / "controller.toml", ControllerConfig).profile is Profile.SEED


def test_a_configuration_on_the_disk_is_kept(disk: Path) -> None:
    path = disk / "etc-futago" / "controller.toml"
    path.write_text("listen_port = 9999\n")
    programs.configure(HOSTS["controller"], disk, Profile.SEED)
    assert tomllib.loads(path.read_text()) == {"listen_port": 9999}


def test_a_program_on_the_wrong_host_is_refused_with_the_right_ones() -> None:
    with pytest.raises(LabError, match="compute1 has no vrrpd; the programs of a compute host are: node"):
        programs.check(HOSTS["compute1"], "vrrpd")


def test_a_missing_program_is_named_with_the_package_that_has_it() -> None:
    with pytest.raises(LabError, match=r"not installed: no-such-program.*apt-get install some-package"):
        require_programs({"no-such-program": "some-package", "sh": "dash"})
