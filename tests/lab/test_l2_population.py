"""With L2 population a failover is as without: nobody has to be told where the router is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from futago.lab import lab as labs
from futago.lab.topology import API_URL
from lab_kit import cloud
from lab_kit.cloud import Cloud

NAME = "l2-population"
LEARNED = "cookie=0xf7a1000000000000/-1"


@pytest.fixture(scope="module")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    files = tmp_path_factory.mktemp("files")
    (files / "controller").mkdir()
    settings = Path(files / "controller" / "controller.toml")
    settings.write_text(f'public_url = "{API_URL}"\nl2_population = true\n')
    labs.down(NAME)
    try:
        yield cloud.make(labs.up(NAME, files=files))
    finally:
        labs.down(NAME)


def online(populated: Cloud) -> bool:
    argv = ["ping", "-n", "-c", "1", "-W", "1", "10.0.80.1"]
    vm = populated.vm2
    return populated.lab.exec(vm.host, argv, netns=vm.netns, check=False).returncode == 0


def flows(populated: Cloud, match: str) -> str:
    argv = ["ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows", "br-tun", match]
    return populated.lab.exec("compute2", argv).stdout


def test_the_nodes_are_told_of_the_instances(populated: Cloud) -> None:
    mac, address = populated.vm1.mac, populated.vm1.address
    populated.eventually(
        "its node is known", lambda: f"priority=2,dl_vlan=1,dl_dst={mac}" in flows(populated, "table=20")
    )
    assert f"arp_tpa={address}" in flows(populated, "table=21")


def test_a_router_that_nobody_has_heard_is_reached(populated: Cloud) -> None:
    populated.eventually("the instance is online", lambda: online(populated))
    populated.lab.exec("compute2", ["ovs-ofctl", "-O", "OpenFlow14", "del-flows", "br-tun", LEARNED])
    populated.eventually("it still is", lambda: online(populated))


def test_a_router_is_reached_where_it_has_become_active(populated: Cloud) -> None:
    populated.eventually("one active and one standby", populated.settled)
    old = populated.active()
    populated.lab.power_off(old)
    populated.eventually("the floating IP answers", populated.answers)
    populated.eventually("the instance is online", lambda: online(populated))
    populated.lab.power_on(old)
    populated.eventually("one active and one standby", populated.settled)
    populated.eventually("the floating IP answers", populated.answers)
