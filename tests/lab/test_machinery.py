"""The lab itself: hosts that lose power, cables that are cut, and what is left afterwards. Futago does not run here."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from futago.config import Profile
from futago.lab import lab as labs
from futago.lab import namespaces, state, status
from futago.lab.api import Api, InsideTransport, connect, wait_for
from futago.lab.errors import CommandFailed, LabError
from futago.lab.lab import Lab

NAME = "tests-bare"


@pytest.fixture
def bare() -> Iterator[Lab]:
    labs.down(NAME)
    try:
        yield labs.up(NAME, futago=False)
    finally:
        labs.down(NAME)


def reaches(lab: Lab, host: str, address: str) -> bool:
    return lab.exec(host, ["ping", "-n", "-c", "1", "-W", "1", address], check=False).returncode == 0


def test_hosts_reach_each_other_over_the_underlay_and_the_outside_over_the_external_network(bare: Lab) -> None:
    assert reaches(bare, "controller", "172.31.0.22")
    assert reaches(bare, "net1", "172.31.0.12")
    assert not reaches(bare, "ext", "172.31.0.10")


def test_a_frame_is_answered_once(bare: Lab) -> None:
    """A card in a userspace bridge must not be heard by the kernel as well."""
    out = bare.exec("net1", ["ping", "-n", "-c", "3", "-i", "0.1", "172.31.0.21"]).stdout
    assert "DUP" not in out
    assert "3 received" in out


def test_each_host_has_a_name_a_process_tree_and_a_run_directory_of_its_own(bare: Lab) -> None:
    assert bare.exec("net1", ["hostname"]).stdout == "net1\n"
    bare.exec("net1", ["ip", "netns", "add", "here"])
    assert bare.exec("net2", ["ip", "netns"]).stdout == ""
    assert "compute1" not in bare.exec("net1", ["ps", "ax"]).stdout


def test_a_power_cut_ends_every_process_and_keeps_the_disk(bare: Lab) -> None:
    bare.exec("net1", ["sh", "-c", "echo kept > /var/lib/futago/note; echo lost > /run/note"])
    with_it = bare.spawn("net1", ["sleep", "1000"])
    bare.power_off("net1")
    with_it.wait(10)
    assert bare.powered == ("controller", "net2", "compute1", "compute2", "ext")
    bare.start_host("net1")
    assert bare.exec("net1", ["cat", "/var/lib/futago/note"]).stdout == "kept\n"
    assert bare.exec("net1", ["cat", "/run/note"], check=False).returncode != 0
    assert reaches(bare, "net1", "172.31.0.21")


def test_open_vswitch_comes_back_with_its_bridges(bare: Lab) -> None:
    bare.power_off("net2")
    bare.start_host("net2")
    assert bare.exec("net2", ["ovs-vsctl", "list-br"]).stdout.split() == ["br-ex1", "br-phy"]


def test_a_cut_cable_takes_the_carrier_and_a_restored_one_brings_it_back(bare: Lab) -> None:
    bare.cut("compute1", "underlay")
    carrier = Path("/sys/class/net/eth0/carrier")
    assert bare.exec("compute1", ["cat", str(carrier)]).stdout == "0\n"
    assert not reaches(bare, "controller", "172.31.0.21")
    bare.restore("compute1", "underlay")
    wait_for("compute1 answers again", lambda: reaches(bare, "controller", "172.31.0.21"), seconds=20)


def test_a_lab_that_is_up_is_found_by_its_name(bare: Lab) -> None:
    assert labs.is_up(NAME)
    assert labs.up(NAME, futago=False).process("net1") == bare.process("net1")


def test_down_takes_everything_away_and_may_be_said_twice(bare: Lab) -> None:
    assert labs.down(NAME)
    assert namespaces.find(NAME) == {}
    assert not state.directory(NAME).exists()
    assert not labs.down(NAME)


def test_a_lab_whose_state_was_lost_is_swept_all_the_same(bare: Lab) -> None:
    (state.directory(NAME) / "state.json").unlink()
    assert set(namespaces.find(NAME)) == {"fabric", *bare.plans}
    assert labs.down(NAME)
    assert namespaces.find(NAME) == {}


def test_the_last_of_several_labs_takes_the_mount_points_away(bare: Lab, tmp_path: Path) -> None:
    """Whichever lab made them, and also when that one has lost its state."""
    made = tmp_path / "etc" / "made"
    state.make_directory(made)
    labs.up("tests-second", futago=False)
    (state.directory(NAME) / "state.json").unlink()
    labs.down(NAME)
    assert made.is_dir()
    labs.down("tests-second")
    assert state.names() or not made.parent.exists()


def test_a_lab_with_a_dead_host_is_built_anew(bare: Lab) -> None:
    os.kill(bare.process("net1").pid, signal.SIGKILL)
    wait_for("net1 is dead", lambda: "net1" not in bare.powered, seconds=10)
    assert not labs.is_up(NAME)
    assert labs.up(NAME, futago=False).powered == tuple(bare.plans)


def test_a_process_with_a_reused_number_is_not_taken_for_the_host() -> None:
    me = state.Process(pid=os.getpid(), started=1)
    assert not state.alive(me)
    namespaces.kill(me)


def test_the_machine_keeps_its_network(bare: Lab) -> None:
    links = subprocess.run(["ip", "-br", "link"], check=True, capture_output=True, text=True).stdout
    assert "underlay" not in links
    assert "net1-u" not in links


def test_an_unknown_host_is_refused_with_the_known_ones(bare: Lab) -> None:
    with pytest.raises(LabError, match="no host net9; the hosts are controller, net1"):
        bare.power_off("net9")


def test_a_lab_that_is_up_keeps_its_profile_and_its_powered_off_hosts(bare: Lab) -> None:
    """`up` never takes anything away that somebody works in."""
    with pytest.raises(LabError, match=r"is up with the profile default; .*lab down --name tests-bare"):
        labs.up(NAME, Profile.SEED)
    bare.power_off("net2")
    with pytest.raises(LabError, match=r"is up with net2 powered off; .*lab power-on net2"):
        labs.up(NAME)
    assert "net1" in bare.powered


def test_the_status_names_what_is_off_cut_and_down(bare: Lab) -> None:
    bare.power_off("net2")
    bare.cut("net1", "external1")
    shown = {line.split()[0]: line for line in status.lines(bare)}
    assert shown["net2"].endswith("off")
    assert shown["net1"].endswith(
        "!! vrrpd down, !! conntrackd down, !! metadata down, !! node down, !! cable to external1 cut"
    )
    assert "cable" not in shown["ext"] + shown["compute1"]
    bare.restore("net1", "external1")
    assert bare.cut_cables("net1") == ()


def test_cutting_the_cable_of_a_host_without_power_is_refused(bare: Lab) -> None:
    bare.power_off("net1")
    with pytest.raises(LabError, match=r"net1 is powered off; .*lab power-on net1"):
        bare.cut("net1", "underlay")


def test_ctrl_c_while_a_lab_is_built_takes_it_away_in_one_line() -> None:
    """The same for every verb: no traceback, and the status that a shell gives."""
    labs.down(NAME)
    heeds_ctrl_c = ["env", "--default-signal=INT"]  # whoever runs us may have told us to ignore it
    argv = [*heeds_ctrl_c, sys.executable, "-m", "futago", "lab", "up", "--name", NAME]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as building:
        wait_for("a host is on", lambda: state.up_names().count(NAME), seconds=20)
        building.send_signal(signal.SIGINT)
        _, said = building.communicate(timeout=60)
    assert (building.returncode, said) == (130, "futago: interrupted\n")
    assert not state.directory(NAME).exists()
    assert namespaces.find(NAME) == {}


def test_a_cable_that_is_not_there_is_refused(bare: Lab) -> None:
    with pytest.raises(LabError, match="compute1 has no cable to external1; it has: underlay"):
        bare.cut("compute1", "external1")


def test_a_host_without_power_is_refused_with_the_cure(bare: Lab) -> None:
    bare.power_off("ext")
    with pytest.raises(LabError, match="lab power-on ext"):
        bare.exec("ext", ["true"])


def test_a_command_that_fails_says_what_it_said(bare: Lab) -> None:
    with pytest.raises(CommandFailed, match=r"no such device|does not exist"):
        bare.exec("net1", ["ip", "link", "show", "nothing"])


def test_a_command_that_hangs_is_ended(bare: Lab) -> None:
    with pytest.raises(CommandFailed, match=r"still running after 0\.2 s"):
        bare.exec("net1", ["sleep", "1000"], timeout=0.2)
    assert "sleep 1000" not in bare.exec("net1", ["ps", "ax"]).stdout


def test_a_daemon_runs_until_it_is_stopped(bare: Lab) -> None:
    process, log = bare.process("net1"), bare.directory("net1") / "log" / "clock.log"
    namespaces.start_daemon(process, "clock", [sys.executable, "-c", "import time; time.sleep(1000)"], log)
    assert namespaces.daemon_alive(process, "clock")
    namespaces.stop_daemon(process, "clock", signal.SIGTERM)
    assert not namespaces.daemon_alive(process, "clock")


def test_the_external_host_tells_where_a_connection_comes_from(bare: Lab) -> None:
    bare.exec(
        "net1", ["sh", "-c", "ip addr add 10.0.80.55/24 dev br-ex1; ip link set br-ex1 up; ethtool -K br-ex1 tx off"]
    )
    argv = ["timeout", "5", "bash", "-c", "cat < /dev/tcp/10.0.80.1/7777"]
    assert bare.exec("net1", argv).stdout == "10.0.80.55\n"


def test_http_requests_from_outside_are_made_inside(bare: Lab) -> None:
    process, address = bare.process("controller"), ("172.31.0.10", 8000)
    argv = [sys.executable, "-m", "http.server", "8000", "--directory", "/run/lab"]
    namespaces.start_daemon(process, "web", argv, bare.directory("controller") / "log" / "web.log")
    wait_for("the server listens", lambda: listens(bare, address), seconds=20)
    with httpx.Client(transport=InsideTransport(process)) as client:
        assert client.get("http://172.31.0.10:8000/sshd_config").text.startswith("\nPort 22")
        assert client.get("http://172.31.0.10:8000/nothing").status_code == 404


def test_an_api_that_does_not_answer_is_named(bare: Lab) -> None:
    with pytest.raises(LabError, match=r"GET /v2\.0/networks: the API does not answer: .*refused"):
        Api(bare.process("controller"), "secret").list("networks")


def listens(lab: Lab, address: tuple[str, int]) -> bool:
    try:
        connect(lab.process("controller"), address, 1).close()
    except ConnectionRefusedError:
        return False
    return True
