"""`futago`: one command for the operator, the controller, the node, the VRRP engine and the lab."""

from typing import Annotated

import typer

from futago import __version__
from futago.cli import (
    config,
    conntrack,
    controller,
    drill,
    instance_data,
    keys,
    lab,
    metadata,
    moves,
    node,
    port,
    quotas,
    resources,
    trace,
    vrrp,
    vrrpd,
)

app = typer.Typer(
    name="futago",
    help="Highly available virtual routers on Open vSwitch, behind the Networking API v2.0.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    cls=resources.TopGroup,
    epilog=resources.HOW,
)
controller.register(app)
config.register(app)
keys.register(app)
node.register(app)
moves.register(app, node.node)
port.register(app)
instance_data.register(port.port)
vrrpd.register(app)
vrrp.register(app)
conntrack.register(app)
metadata.register(app)
trace.register(app)
lab.register(app)
drill.register(app)
quotas.register(app)
resources.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Highly available virtual routers on Open vSwitch."""


def main() -> None:
    """The entry point of the `futago` command."""
    app()


if __name__ == "__main__":
    main()
