"""`futago node`, the agent of a host, and `futago port`, which plugs plain processes into the switch."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from futago import logs
from futago.config import NODE_FILE, OVSDB, BadConfig, NodeConfig, load

_EPILOG: Final = """
[b]Examples[/b]

  futago node
  futago node --config ./node.toml --debug

A network node's /etc/futago/node.toml:

  controller_urls = \\["http://controller:9696"]
  roles = \\["l3", "dhcp"]                # a compute node has none
  local_ip = "172.31.0.11"              # where its tunnels end
  bridge_mappings = { external1 = "br-ex1" }

The first time, it needs the controller's join-token in /etc/futago/join-token. Routers need `futago vrrpd` beside it.
"""

node = typer.Typer(name="node", epilog=_EPILOG, invoke_without_command=True)
port = typer.Typer(help="Plug network namespaces into the switch.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the groups `node`, which is the agent without a verb, and `port`."""
    app.add_typer(node)
    app.add_typer(port, name="port")


@node.callback()
def run(
    context: typer.Context,
    config: Annotated[Path, typer.Option(help="The node's settings (TOML).")] = NODE_FILE,
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Log more.")] = False,
) -> None:
    """Be the agent of this host: make true what the controller wants of it.

    What it made true outlives it: stopping or restarting it loses no packet.
    """
    if context.invoked_subcommand is not None:
        return
    from futago.node.main import run as run_agent

    try:
        settings = load(config, NodeConfig)
    except BadConfig as error:
        print(f"futago node: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    logs.to_stderr(logging.DEBUG if debug else logging.INFO)
    run_agent(settings)


@port.command()
def plug(
    port_id: Annotated[str, typer.Argument(help="The port's id in the API.")],
    *,
    netns: Annotated[str, typer.Option(help="The network namespace (ip-netns(8)) that gets the interface.")],
    mac: Annotated[str, typer.Option(help="The port's MAC address.")],
    ifname: Annotated[str, typer.Option(help="The interface's name in the namespace.")] = "eth0",
    mtu: Annotated[int, typer.Option(help="The network's MTU.")] = 1450,
    bridge: Annotated[str, typer.Option(help="The integration bridge.")] = "br-int",
    ovsdb: Annotated[str, typer.Option(help="The switch's database.")] = OVSDB,
    hybrid: Annotated[bool, typer.Option("--hybrid", help="For firewall_driver = iptables_hybrid.")] = False,
) -> None:
    """Give a network namespace an interface that is a port of a network; doing it twice changes nothing."""
    from futago.node.drivers.plug import plug_port
    from futago.node.host import HostRefused
    from futago.values import Mac

    try:
        plug_port(
            ovsdb,
            port_id,
            namespace=netns,
            interface=ifname,
            mac=Mac(mac.lower()),
            mtu=mtu,
            bridge=bridge,
            hybrid=hybrid,
        )
    except HostRefused as error:
        print(f"futago port plug: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


@port.command()
def unplug(
    port_id: Annotated[str, typer.Argument(help="The port's id in the API.")],
    *,
    ovsdb: Annotated[str, typer.Option(help="The switch's database.")] = OVSDB,
) -> None:
    """Take a port off the switch, and its interface away."""
    from futago.node.drivers.plug import unplug_port
    from futago.node.host import HostRefused

    try:
        unplug_port(ovsdb, port_id)
    except HostRefused as error:
        print(f"futago port unplug: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
