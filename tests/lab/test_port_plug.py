"""`futago port plug` with the API: a namespace, a virtual machine's tap and a container on a compute host."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from futago.lab.api import Body, read_password
from futago.lab.demo import walkthrough
from futago.lab.errors import CommandFailed, LabError
from futago.lab.topology import API_URL
from lab_kit.cloud import Cloud

HOST = "compute1"
ARP_CLIENT = Path(__file__).parents[1] / "lab_kit" / "arp_client.py"


class Plugger:
    """Calls `futago port` on a compute host as an operator with the admin's credentials."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        credentials = cloud.lab.directory("controller") / "disk" / "var-lib-futago" / "controller"
        self._environment = [
            f"OS_AUTH_URL={API_URL}/identity/v3",
            "OS_USERNAME=admin",
            f"OS_PASSWORD={read_password(credentials)}",
            "OS_PROJECT_NAME=admin",
        ]
        self.port = cloud.lab.api().create("ports", name="plugged", network_id=cloud.network_id)

    @property
    def address(self) -> str:
        return str(self.port["fixed_ips"][0]["ip_address"])

    def call(self, *words: str, host: str = HOST, environment: bool = True) -> str:
        argv = ["env", *(self._environment if environment else []), "python3", "-m", "futago", "port", *words]
        return self.cloud.lab.exec(host, argv).stdout

    def now(self) -> Body:
        return self.cloud.lab.api().get("ports", self.port["id"])

    def wired(self) -> bool:
        return (self.now()["status"], self.now()["binding:host_id"]) == ("ACTIVE", HOST)

    def on_host(self, command: str) -> str:
        return self.cloud.lab.exec(HOST, ["sh", "-c", command]).stdout

    def gone(self) -> bool:
        name = f"tap{self.port['id'][:11]}"
        return name not in self.on_host("ip -o link; ovs-vsctl list-ports br-int")


@pytest.fixture
def plugger(healthy: Cloud) -> Iterator[Plugger]:
    made = Plugger(healthy)
    try:
        yield made
    finally:
        made.call("unplug", made.port["id"])
        healthy.lab.api().delete("ports", made.port["id"])


@pytest.fixture
def namespace(plugger: Plugger) -> Iterator[str]:
    plugger.on_host("ip netns add plugged && ip -n plugged link set lo up")
    yield "plugged"
    plugger.on_host("ip netns del plugged")


def reaches_the_gateway(plugger: Plugger, *enter: str) -> bool:
    command = ["ping", "-n", "-c", "1", "-W", "1", walkthrough.GATEWAY]
    return plugger.cloud.lab.exec(HOST, [*enter, *command], check=False).returncode == 0


def test_a_namespace_gets_the_ports_addresses_and_ways(plugger: Plugger, namespace: str) -> None:
    plugger.call("plug", "plugged", "--netns", namespace, "--address", "static")
    plugger.cloud.eventually("the port is wired", plugger.wired)
    plugger.cloud.eventually(
        "it reaches its gateway", lambda: reaches_the_gateway(plugger, "ip", "netns", "exec", namespace)
    )
    shown = plugger.on_host(f"ip -n {namespace} addr show eth0; ip -n {namespace} route")
    assert f"inet {plugger.address}/24" in shown
    assert f"default via {walkthrough.GATEWAY}" in shown
    assert "mtu 1450" in shown
    assert plugger.port["mac_address"] in shown


def test_twice_is_once_and_unplugging_leaves_nothing(plugger: Plugger, namespace: str) -> None:
    for _ in range(2):
        plugger.call("plug", "plugged", "--netns", namespace)
    plugger.cloud.eventually("the port is wired", plugger.wired)
    for _ in range(2):
        plugger.call("unplug", "plugged")
    assert plugger.gone()
    assert plugger.now()["binding:host_id"] == ""
    assert "eth0" not in plugger.on_host(f"ip -n {namespace} -o link")


def test_a_container_gets_a_lease_that_somebody_looks_after(plugger: Plugger) -> None:
    pid = plugger.on_host("setsid unshare --net sh -c 'ip link set lo up; exec sleep 1000' >&- 2>&- <&- & echo $!")
    plugger.cloud.eventually(
        "the container runs", lambda: plugger.on_host(f"cat /proc/{pid.strip()}/comm") == "sleep\n"
    )
    try:
        plugger.call("plug", "plugged", "--container", pid.strip(), "--address", "dhcp")
        enter = ("nsenter", "-t", pid.strip(), "-n")
        plugger.cloud.eventually("it reaches its gateway", lambda: reaches_the_gateway(plugger, *enter))
        client = plugger.on_host("cat /run/futago/plug/*.pid").strip()
        plugger.call("unplug", "plugged")
        plugger.cloud.eventually(
            "its client is gone", lambda: not plugger.on_host(f"ls /proc | grep -x {client} || true")
        )
    finally:
        plugger.on_host(f"kill {pid}")


def test_frames_of_a_virtual_machine_go_through_its_tap(plugger: Plugger) -> None:
    plugger.call("plug", "plugged", "--tap", "tap-test")
    plugger.cloud.eventually("the port is wired", plugger.wired)
    words = [plugger.port["mac_address"], plugger.address, walkthrough.GATEWAY]
    argv = ["python3", str(ARP_CLIENT), "tap-test", *words]
    heard = plugger.cloud.lab.exec(HOST, argv, timeout=60).stdout
    assert re.fullmatch(r"fa:16:3e(:[0-9a-f]{2}){3}\n", heard)
    plugger.call("unplug", "plugged")
    assert "tap-test" not in plugger.on_host("ip -o link; ovs-vsctl list-ports br-int")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("plug", "plugged"), "give one of --netns, --tap and --container"),
        (("plug", "plugged", "--netns", "nowhere"), "namespace nowhere does not exist"),
        (("plug", "no-such-port", "--netns", "plugged"), "there is no port no-such-port"),
        (("plug", "vm2", "--netns", "plugged"), "is bound to compute2"),
        (("plug", "vm1", "--tap", "tap-other"), "already; `futago port unplug` takes it off"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    plugger: Plugger, namespace: str, words: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandFailed) as refused:
        plugger.call(*words)
    assert sentence in str(refused.value)
    assert "Traceback" not in str(refused.value)


def test_without_credentials_one_is_told_how(plugger: Plugger, namespace: str) -> None:
    with pytest.raises(LabError, match=r"`. admin-openrc` sets them"):
        plugger.call("plug", "plugged", "--netns", namespace, environment=False)
