"""`futago port plug` and `unplug`: namespaces, taps and containers of a host on its switch."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from futago import logs
from futago.cli.resources import SharedGroup
from futago.cli.store import BAD_USE, FAILED, fail
from futago.config import NODE_FILE, OVSDB, BadConfig, NodeConfig, load

if TYPE_CHECKING:
    from futago.client import ApiClient, Body
    from futago.node.drivers.plug import Place

_HOW: Final = """
[b]Examples[/b], on a node, as root:

  . admin-openrc                                        # who asks the API; to be copied from the controller
  futago port plug vm1 --netns vm1 --address static
  futago port plug vm2 --tap tap-vm2                    # then: qemu … -netdev tap,ifname=tap-vm2,script=no
  futago port plug web --container $(docker inspect -f '{{.State.Pid}}' web)
  futago port unplug vm1

Without credentials, the port must be bound to this host already, and its MAC be given:

  futago port plug 2b1c… --netns vm1 --mac fa:16:3e:…
"""
_MAC: Final = re.compile(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}")
"""One of a single interface: the lowest bit of the first byte stands for many."""
_INTERFACE: Final = re.compile(r"[^\s/]{1,15}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

PortName = Annotated[str, typer.Argument(metavar="PORT", help="Its name or id; without credentials, its id.")]
Ovsdb = Annotated[str, typer.Option("--ovsdb", help="The switch's database.")]
Host = Annotated[str, typer.Option(help="This host's name in the API. \\[default: as in the node's settings]")]
Address = Annotated[
    Literal["none", "static", "dhcp"],
    typer.Option(help="static: give the interface the port's addresses and routes; dhcp: start udhcpc for it."),
]
Hybrid = Annotated[
    bool, typer.Option("--hybrid", help="With a Linux bridge before it, though the node's settings do not say so.")
]

port = typer.Typer(
    name="port",
    cls=SharedGroup,
    help="Plug plain processes into networks; tell instances who they are.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(port)


@port.command(epilog=_HOW)
def plug(
    name: PortName,
    *,
    netns: Annotated[str, typer.Option(help="The network namespace (ip-netns(8)) that gets the interface.")] = "",
    tap: Annotated[str, typer.Option(help="A tap device for a virtual machine; made if it is not there.")] = "",
    container: Annotated[int, typer.Option(metavar="PID", min=0, help="A process in the namespace that gets it.")] = 0,
    ifname: Annotated[str, typer.Option(help="The interface's name in the namespace.")] = "eth0",
    address: Address = "none",
    mac: Annotated[str, typer.Option(help="The port's MAC address; with it, the API is not asked.")] = "",
    mtu: Annotated[int, typer.Option(min=68, max=65535, help="The network's MTU, where the API is not asked.")] = 1450,
    move: Annotated[bool, typer.Option("--move", help="Though the port is bound to another host.")] = False,
    bridge: Annotated[str, typer.Option(help="The integration bridge.")] = "br-int",
    hybrid: Hybrid = False,
    host: Host = "",
    ovsdb: Ovsdb = OVSDB,
) -> None:
    """Bind a port to this host, and give it to a namespace, a tap or a container; twice changes nothing."""
    from futago.client import ApiClient, ApiRefused
    from futago.node.drivers import plug as driver
    from futago.node.host import HostRefused
    from futago.values import Mac

    program = "futago port plug"
    logs.to_stderr(logging.WARNING)
    place = _place(program, netns, tap, container, ifname)
    _check_use(program, place, mac=mac, address=address)
    try:
        if mac:
            bound = driver.Bound(port_id=_id(program, name), mac=Mac(mac.lower()), mtu=mtu)
        else:
            bound = _bind(program, ApiClient(os.environ), name, host or _host(), move=move)
        driver.plug_port(ovsdb, bound, place, bridge=bridge, hybrid=hybrid or _hybrid())
        if isinstance(place, driver.Inside) and address == "static":
            driver.set_addresses(place, bound)
        if isinstance(place, driver.Inside) and address == "dhcp":
            driver.start_dhcp(place, bound)
    except ApiRefused as error:
        fail(program, str(error), FAILED)
    except HostRefused as error:
        fail(program, str(error), FAILED)


@port.command(epilog=_HOW)
def unplug(
    name: PortName,
    *,
    host: Host = "",
    ovsdb: Ovsdb = OVSDB,
) -> None:
    """Take a port off this host's switch, its interface away, and its binding back; twice changes nothing."""
    from futago.client import ApiClient, ApiRefused, NoCredentials
    from futago.node.drivers import plug as driver
    from futago.node.host import HostRefused

    program = "futago port unplug"
    logs.to_stderr(logging.WARNING)
    client: ApiClient | None = None
    try:
        try:
            client = ApiClient(os.environ)
            found = _find(client, name)
            port_id = found["id"]
        except NoCredentials:
            port_id = _id(program, name)
        driver.unplug_port(ovsdb, port_id)
        if client is not None and found["binding:host_id"] == (host or _host()):
            client.update("ports", port_id, **{"binding:host_id": ""})
    except (ApiRefused, HostRefused) as error:
        fail(program, str(error), FAILED)


def _place(program: str, netns: str, tap: str, container: int, ifname: str) -> Place:
    from futago.node.drivers.plug import Inside, Tap

    if sum(map(bool, (netns, tap, container))) != 1:
        fail(program, "give one of --netns, --tap and --container", BAD_USE)
    name = tap or ifname
    if not _INTERFACE.fullmatch(name) or name in {"lo", ".", ".."}:
        fail(program, f"{name} cannot be an interface's name: 1 to 15 characters, without spaces and slashes", BAD_USE)
    if tap:
        return Tap(name=tap)
    return Inside(namespace=netns or f"/proc/{container}/ns/net", interface=ifname)


def _check_use(program: str, place: Place, *, mac: str, address: str) -> None:
    """End the program, before anything is changed, if these do not go together."""
    from futago.node.drivers.plug import Inside

    if mac and not _MAC.fullmatch(mac.lower()):
        fail(program, f"{mac} is no MAC address of an interface", BAD_USE)
    if address != "none" and not isinstance(place, Inside):
        fail(program, "a tap's addresses are the virtual machine's business: --address is for namespaces", BAD_USE)
    if mac and address == "static":
        fail(program, "the port's addresses are the API's to tell: --address static goes without --mac", BAD_USE)
    if address == "dhcp" and shutil.which("udhcpc") is None:
        fail(program, "--address dhcp needs udhcpc (Debian: apt-get install udhcpc)", FAILED)


def _bind(program: str, client: ApiClient, name: str, host: str, *, move: bool) -> Any:
    """The port, bound to this host, with all that its interface needs."""
    from futago.node.drivers.plug import Bound
    from futago.values import Mac

    found = _find(client, name)
    if found["binding:host_id"] not in {"", host} and not move:
        where = found["binding:host_id"]
        fail(program, f"port {name} is bound to {where}; unplug it there, or take it with --move", FAILED)
    if found["binding:host_id"] != host:
        found = client.update("ports", found["id"], **{"binding:host_id": host})
    network = client.get("networks", found["network_id"])
    held = [(one["ip_address"], client.get("subnets", one["subnet_id"])) for one in found["fixed_ips"]]
    gateways = [subnet["gateway_ip"] for _, subnet in held if subnet["gateway_ip"]]
    firsts = {ip_address(gateway).version: gateway for gateway in reversed(gateways)}
    routes = [({4: "0.0.0.0/0", 6: "::/0"}[family], gateway) for family, gateway in firsts.items()]
    routes += [(r["destination"], r["nexthop"]) for _, subnet in held for r in subnet["host_routes"]]
    return Bound(
        port_id=found["id"],
        mac=Mac(found["mac_address"]),
        mtu=network["mtu"],
        addresses=tuple(ip_interface(f"{ip}/{subnet['cidr'].partition('/')[2]}") for ip, subnet in held),
        routes=tuple((ip_network(destination), ip_address(next_hop)) for destination, next_hop in routes),
    )


def _find(client: ApiClient, name: str) -> Body:
    """The one port of this id or name."""
    from futago.client import ApiRefused

    found = client.list("ports", id=name) if _UUID.fullmatch(name) else client.list("ports", name=name)
    if len(found) != 1:
        several = ", ".join(one["id"] for one in found)
        raise ApiRefused(
            f"{name} is several ports: {several}; name one by its id" if found else f"there is no port {name}"
        )
    return found[0]


def _id(program: str, name: str) -> str:
    if not _UUID.fullmatch(name):
        fail(
            program, f"{name} is no id, and to find a port by its name the API must be asked: `. admin-openrc`", BAD_USE
        )
    return name


def _host() -> str:
    """What this host is called in the API."""
    settings = _settings()
    return socket.gethostname() if settings is None else settings.name


def _hybrid() -> bool:
    """Whether this host's firewall is on Linux bridges."""
    settings = _settings()
    return settings is not None and settings.firewall_driver == "iptables_hybrid"


def _settings() -> NodeConfig | None:
    try:
        return load(NODE_FILE, NodeConfig) if Path(NODE_FILE).exists() else None
    except BadConfig:
        return None
