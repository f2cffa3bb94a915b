"""`futago trace` says of a packet what really becomes of it."""

import subprocess
import sys

from lab_kit.cloud import Cloud

OUTSIDE = "10.0.80.1"


FUTAGO = (sys.executable, "-m", "futago")


def traced(cloud: Cloud, *words: str, arrives: bool, where: tuple[str, ...] = ()) -> str:
    """What the command prints; its exit status says whether the packet arrives."""
    argv = [*FUTAGO, "trace", *words, *(where or ("--lab", cloud.lab.name))]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == (0 if arrives else 1), done.stdout + done.stderr
    return done.stdout


def test_the_way_outside_leads_through_the_active_router_and_the_floating_ip(healthy: Cloud) -> None:
    said = traced(healthy, "vm1", OUTSIDE, arrives=True)
    assert f"out through the tunnel to {healthy.active()}" in said
    assert f"{healthy.vm1.address} becomes {healthy.floating_ip} (floating IP)" in said
    assert "by eth1: it leaves the cloud into ext-net80" in said


def test_an_instance_without_a_floating_ip_goes_out_as_the_router(healthy: Cloud) -> None:
    said = traced(healthy, "vm2", OUTSIDE, arrives=True)
    assert f"{healthy.vm2.address} becomes {healthy.outside} (SNAT)" in said


def test_the_way_to_a_neighbour_needs_no_router(healthy: Cloud) -> None:
    said = traced(healthy, "vm1", healthy.vm2.address, "--protocol", "tcp", "--port", "22", arrives=True)
    assert "vm2 gets it" in said
    assert "router" not in said


def test_the_way_to_a_floating_ip_from_inside_comes_back_in(healthy: Cloud) -> None:
    said = traced(healthy, "vm2", healthy.floating_ip, arrives=True)
    assert f"floating IP {healthy.floating_ip} is {healthy.vm1.address}" in said
    assert "vm1 gets it" in said


def test_without_a_lab_nodes_are_reached_by_a_command(healthy: Cloud) -> None:
    """As on a controller's host, where it is ssh."""
    state = healthy.lab.directory("controller") / "disk" / "var-lib-futago" / "controller"
    reach = " ".join([*FUTAGO, "lab", "exec", "--name", healthy.lab.name, "{}", "--"])
    said = traced(healthy, "vm1", OUTSIDE, arrives=True, where=("--state", str(state), "--reach", reach))
    assert "by eth1: it leaves the cloud into ext-net80" in said


def test_where_a_packet_ends_is_said(healthy: Cloud) -> None:
    said = traced(healthy, "vm1", "192.168.80.250", arrives=False)
    assert "nobody in vxlan-net80 has the address 192.168.80.250" in said


def test_what_a_flow_drops_is_said_with_the_flow(healthy: Cloud) -> None:
    api = healthy.lab.api()
    api.update("ports", healthy.vm2.port_id, admin_state_up=False)
    try:
        healthy.eventually("its port is dead", lambda: not pings(healthy))
        said = traced(healthy, "vm2", healthy.vm1.address, arrives=False)
        assert "compute2     dropped in br-" in said
        assert "by the flow `priority 0" in said
    finally:
        api.update("ports", healthy.vm2.port_id, admin_state_up=True)
        healthy.eventually("its port is alive", lambda: pings(healthy))


def pings(cloud: Cloud) -> bool:
    argv = ["ping", "-n", "-c", "1", "-W", "1", cloud.vm2.address]
    return cloud.lab.exec("compute1", argv, netns=cloud.vm1.netns, check=False).returncode == 0
