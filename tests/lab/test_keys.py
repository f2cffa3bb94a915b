"""The key of authenticated advertisements is replaced in a running cloud."""

import re
import sys

from futago.lab import measure
from futago.lab.demo import looks
from futago.lab.traffic import Ping
from lab_kit.cloud import Cloud

KEYS = [sys.executable, "-m", "futago", "keys"]


def key_on_the_wire(cloud: Cloud) -> int:
    """By which key the next advertisement that the standby hears is made: the second byte of its trailer."""
    interface = looks.ha_interface(cloud.lab, cloud.standby(), cloud.router_id)
    command = ["timeout", "20", "tcpdump", "-lnxi", interface, "-c", "1", "ip proto 112"]
    out = cloud.lab.exec(cloud.standby(), command, netns=cloud.namespace).stdout
    data = bytes.fromhex("".join(re.findall(r"0x[0-9a-f]+:\s+((?:[0-9a-f]+ ?)+)", out)).replace(" ", ""))
    header_bytes, message_bytes = 20, 12
    return data[header_bytes + message_bytes + 1]


def test_a_rotation_loses_no_packet_and_changes_no_role(healthy: Cloud) -> None:
    active, before = healthy.active(), key_on_the_wire(healthy)
    with Ping(healthy.lab, "ext", healthy.floating_ip) as ping:
        ping.wait_for_replies(25, seconds=20)
        told = healthy.lab.exec("controller", [*KEYS, "rotate"]).stdout
        ping.wait_for_replies(25, seconds=20)
        assert measure.lost(ping.replies()) == ()
    assert "the old one is dropped" in told
    assert key_on_the_wire(healthy) == before + 1
    assert healthy.active() == active
    assert healthy.lab.exec("controller", [*KEYS, "list"]).stdout.startswith(f"key {before + 1} ")


def test_a_rotation_waits_for_a_node_that_is_down_and_goes_on_when_it_is_back(healthy: Cloud) -> None:
    """Dropped before it has heard of the new one, the old key would leave it alone with itself: a second active."""
    before, lost = key_on_the_wire(healthy), healthy.standby()
    healthy.lab.power_off(lost)
    waiting = healthy.lab.exec("controller", [*KEYS, "rotate", "--wait", "3"], check=False)
    assert waiting.returncode == 1
    assert lost in waiting.stderr
    assert "no rotation" not in healthy.lab.exec("controller", [*KEYS, "list"]).stdout
    healthy.lab.power_on(lost)
    healthy.lab.exec("controller", [*KEYS, "rotate"])
    healthy.heal()
    assert key_on_the_wire(healthy) == before + 1
