"""`futago node`, the agent of a host."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from futago import logs
from futago.config import NODE_FILE, BadConfig, NodeConfig, load

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


def register(app: typer.Typer) -> None:
    """Add the group `node`, which is the agent without a verb."""
    app.add_typer(node)


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
