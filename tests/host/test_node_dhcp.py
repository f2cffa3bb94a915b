"""Two DHCP servers for a network, and three clients that are not ours: what they are told, and when a server dies."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from futago.contract.specs import DhcpHost, DhcpOption, DhcpRoute, DhcpSpec, PortSpec, Spec
from futago.values import IPv4Address, IPv4Interface, IPv4Network, Mac, NetworkType
from host.node_kit import FUTAGO, Hosts, ThrowAwayHost, wait_until
from host.node_specs import INSIDE, PEER_GW, PEER_VM, dhcp, network

NO_SUCH_NAME = 3
"""RFC 1035, 4.1.1"""
CLIENTS = ("udhcpc", "dhclient", "dhcpcd")
FIRST, SECOND = "192.168.80.2", "192.168.80.3"
KNOWN, OTHER_MAC = "192.168.80.77", Mac("fa:16:3e:00:01:77")
"""Of a port whose client is known by its identifier, whatever its MAC is."""
Pair = tuple[ThrowAwayHost, ThrowAwayHost]

_SCRIPT = """#!/bin/sh
# For all three: note what we were told (their variables have different names), and have the address.
env | sort > {told}.new && mv {told}.new {told}
address=${{new_ip_address:-$ip}}
[ -z "$address" ] || ip address replace "$address/24" dev eth0
"""


def port_id(client: str) -> str:
    return f"eeeeee{CLIENTS.index(client):02d}-0005-4000-8000-000000000005"


def mac(client: str) -> Mac:
    return Mac(f"fa:16:3e:00:01:{CLIENTS.index(client):02x}")


def address(client: str) -> str:
    return f"192.168.80.{10 + CLIENTS.index(client)}"


def server(number: int) -> DhcpSpec:
    """The first or second server; both have all leases, which are asked to be renewed every few seconds."""
    options = {"T1": "4", "T2": "8", "tftp-server": "tftp.example", "150": "192.0.2.9", "mtu": "1400"}
    own, other = (FIRST, SECOND) if number == 1 else (SECOND, FIRST)
    host = [
        DhcpHost(
            mac=mac(client),
            address=IPv4Address(address(client)),
            hostname=f"host-{client}",
            port_id=port_id(client),
            options=tuple(DhcpOption(name=name, value=value) for name, value in sorted(options.items())),
        )
        for client in CLIENTS
    ]
    known = DhcpOption(name="client-id", value="blue")
    host.append(
        DhcpHost(
            mac=OTHER_MAC, address=IPv4Address(KNOWN), hostname="known", port_id=port_id("udhcpc"), options=(known,)
        )
    )
    far = DhcpRoute(destination=IPv4Network("172.16.0.0/16"), next_hop=IPv4Address("192.168.80.99"))
    subnet = replace(dhcp().subnets[0], routes=(far,), servers=(IPv4Address(other),), isolated=True)
    return replace(
        dhcp(),
        port_id=f"dddddd0{number}-0004-4000-8000-000000000004",
        mac=Mac(f"fa:16:3e:00:02:0{number}"),
        addresses=(IPv4Interface(f"{own}/24"),),
        hosts=tuple(host),
        subnets=(subnet,),
    )


def port(client: str) -> PortSpec:
    return PortSpec(
        port_id=port_id(client),
        network_id=INSIDE,
        mac=mac(client),
        addresses=(IPv4Address(address(client)),),
        admin_state_up=True,
    )


def second_node(*more: Spec) -> list[Spec]:
    return [PEER_GW, network(INSIDE, NetworkType.VXLAN, 1000, "gw"), *(port(client) for client in CLIENTS), *more]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """The first server on one host, the clients on the other, where the second server is to be."""
    with Hosts("gw", "vm") as (gw, vm):
        gw.save_specs([PEER_VM, network(INSIDE, NetworkType.VXLAN, 1000, "vm"), server(1)])
        gw.write_config(roles='["dhcp", "metadata"]')
        gw.start_agent()
        vm.write_config(roles='["dhcp", "metadata"]', heartbeat_seconds=1.0)
        vm.start_controller()
        vm.give(second_node(), revision=1)
        vm.start_agent()
        vm.wait_for_revision(1)
        for client in CLIENTS:
            vm.run(f"ip netns add {client} && ip -n {client} link set lo up")
            vm.run(f"{FUTAGO} port plug {port_id(client)} --netns {client} --mac {mac(client)}")
        wait_until(lambda: len(vm.last_report().ports_up) == 3, "the ports are wired")
        start_clients(vm)
        yield gw, vm


def start_clients(vm: ThrowAwayHost) -> None:
    vm.run("mkdir -p /var/lib/dhcpcd && mount -t tmpfs tmpfs /var/lib/dhcpcd")
    for client in CLIENTS:
        script = vm.state / f"{client}.sh"
        script.write_text(_SCRIPT.format(told=vm.state / client))
        script.chmod(0o755)
    (vm.state / "dhclient.conf").write_text(
        "option rfc3442 code 121 = array of unsigned integer 8;\n"
        "also request rfc3442, tftp-server-name, interface-mtu;\ntimeout 60;\nretry 2;\ninitial-interval 1;\n"
    )
    files = f"-cf {vm.state}/dhclient.conf -lf {vm.state}/leases -pf {vm.state}/dhclient.pid"
    kept = f"-p {vm.state}/udhcpc.pid -s {vm.state}/udhcpc.sh"
    commands = {
        "udhcpc": f"udhcpc -f -i eth0 {kept} -t 20 -T 1 -A 1 -O tftp -O 150 -O mtu -O staticroutes",
        "dhclient": f"dhclient -4 -d {files} -sf {vm.state}/dhclient.sh eth0",
        "dhcpcd": f"dhcpcd -4 -B -A -t 0 -o tftp_server_name,interface_mtu -c {vm.state}/dhcpcd.sh eth0",
    }
    for client, command in commands.items():
        vm.popen(f"exec ip netns exec {client} {command} > {vm.state}/{client}.log 2>&1")


def told(vm: ThrowAwayHost, client: str) -> dict[str, str]:
    """What the server said to a client the last time, by the client's own names."""
    path = Path(vm.state / client)
    lines = path.read_text().splitlines() if path.exists() else []
    return {name.removeprefix("new_"): value for name, _, value in (line.partition("=") for line in lines)}


def told_by(vm: ThrowAwayHost, client: str) -> str:
    values = told(vm, client)
    return values.get("serverid") or values.get("dhcp_server_identifier") or ""


def all_told_by(vm: ThrowAwayHost, server: str) -> bool:
    return all(told_by(vm, client) == server for client in CLIENTS)


def test_every_client_is_told_what_its_port_says(pair: Pair) -> None:
    _, vm = pair
    wait_until(lambda: all_told_by(vm, FIRST), "all have a lease", seconds=60)
    found = {client: told(vm, client) for client in CLIENTS}
    assert [found["udhcpc"][name] for name in ("ip", "tftp", "mtu", "opt150")] == [
        address("udhcpc"),
        "tftp.example",
        "1400",
        "c0000209",
    ]
    for client in ("dhclient", "dhcpcd"):
        names = ("ip_address", "tftp_server_name", "interface_mtu", "domain_name_servers")
        assert [found[client][name] for name in names] == [
            address(client),
            "tftp.example",
            "1400",
            f"{FIRST} {SECOND}",
        ]


def test_every_client_is_told_the_ways_of_its_subnet(pair: Pair) -> None:
    """A route of the subnet, metadata by this server since no router leads there, and the default (RFC 3442)."""
    _, vm = pair
    wait_until(lambda: all_told_by(vm, FIRST), "all have a lease", seconds=60)
    ways = "172.16.0.0/16 192.168.80.99 169.254.169.254/32 192.168.80.2 0.0.0.0/0 192.168.80.1"
    assert told(vm, "udhcpc")["staticroutes"] == ways
    assert told(vm, "dhcpcd")["classless_static_routes"] == ways
    raw = "16 172 16 192 168 80 99 32 169 254 169 254 192 168 80 2 0 192 168 80 1"
    assert told(vm, "dhclient")["rfc3442"] == raw


def leased(vm: ThrowAwayHost, identifier: bytes) -> str:
    """The address that a client gets who says this of itself, and has a MAC that is another port's."""
    script = vm.state / "offered.sh"
    script.write_text('#!/bin/sh\n[ "$1" != bound ] || echo "leased $ip"\n')
    script.chmod(0o755)
    client = f"udhcpc -n -q -f -i eth0 -s {script} -t 3 -T 1 -C -x 0x3d:{identifier.hex()}"
    return vm.run(f"ip netns exec udhcpc {client} 2>&1").rpartition("leased ")[2].strip()


def test_a_client_is_known_by_its_identifier_before_its_mac(pair: Pair) -> None:
    """It comes with the type that clients put before text (RFC 2132, 9.14)."""
    _, vm = pair
    wait_until(lambda: all_told_by(vm, FIRST), "all have a lease", seconds=60)
    assert leased(vm, b"\x00blue") == KNOWN


def resolved(vm: ThrowAwayHost, server: str, name: str = "host-dhclient.openstacklocal", kind: int = 1) -> bytes:
    """The end of what a server's DNS says of a name to a client."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = b"\x00\x01\x01\x00\x00\x01" + bytes(6) + labels + bytes([0, 0, kind, 0, 1])
    code = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5);"
        f"s.sendto({question!r}, ('{server}', 53)); print(s.recv(512).hex())"
    )
    return bytes.fromhex(vm.run(f'ip netns exec udhcpc {sys.executable} -c "{code}"'))


def ends_with_address(answer: bytes, client: str) -> bool:
    return answer.endswith(IPv4Address(address(client)).packed)


def test_names_are_known_to_the_servers_with_and_without_the_domain_and_backwards(pair: Pair) -> None:
    _, vm = pair
    wait_until(lambda: all_told_by(vm, FIRST), "all have a lease", seconds=60)
    assert ends_with_address(resolved(vm, FIRST), "dhclient")
    assert ends_with_address(resolved(vm, FIRST, "host-dhcpcd"), "dhcpcd")
    backwards = ".".join(reversed(address("dhcpcd").split("."))) + ".in-addr.arpa"
    assert b"host-dhcpcd\x0eopenstacklocal\x00" in resolved(vm, FIRST, backwards, kind=12)
    unknown = resolved(vm, FIRST, "nobody.openstacklocal")
    assert unknown[3] & 0x0F == NO_SUCH_NAME, "the domain is the network's own: nobody else is asked"
    assert told(vm, "udhcpc")["domain"] == "openstacklocal"
    assert told(vm, "dhclient")["domain_name"] == "openstacklocal"
    assert told(vm, "dhclient")["host_name"] == "host-dhclient"


def test_leases_outlive_the_server_that_gave_them(pair: Pair) -> None:
    gw, vm = pair
    wait_until(lambda: all_told_by(vm, FIRST), "all have a lease of the first server", seconds=60)
    vm.give(second_node(server(2)), revision=2)
    vm.wait_for_revision(2)
    gw.close()
    vm.run(f"kill -USR1 $(cat {vm.state}/udhcpc.pid)")  # it renews at half of its lease, or when it is asked to
    wait_until(lambda: all_told_by(vm, SECOND), "all have it from the second one", seconds=60)
    for client in CLIENTS:
        assert address(client) in vm.run(f"ip -n {client} -4 -o addr show eth0")
    assert ends_with_address(resolved(vm, SECOND), "dhclient")
