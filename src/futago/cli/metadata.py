"""`futago metadata`, the program that answers instances who ask who they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from futago.cli.store import BAD_USE, fail
from futago.config import METADATA_DIRECTORY, NODE_FILE, BadConfig, NodeConfig, load

_PROGRAM: Final = "futago metadata"
_EPILOG: Final = """
[b]Examples[/b]

  futago metadata
  futago metadata --config ./node.toml

On a node with the role "metadata". It answers with what Futago knows of an instance ([b]futago port set-metadata[/b]),
or passes questions on to Nova, with these settings in /etc/futago/node.toml:

  nova_metadata_host = "controller"
  metadata_proxy_shared_secret = "…"
"""


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("metadata", epilog=_EPILOG)(metadata)


def metadata(
    config: Annotated[Path, typer.Option(help="The node's settings (TOML).")] = NODE_FILE,
    directory: Annotated[
        Path, typer.Option(help="What the agent writes, and this program reads.")
    ] = METADATA_DIRECTORY,
) -> None:
    """Answer the instances of this host's routers and networks on 169.254.169.254, all in one process.

    It needs neither agent nor controller to go on.
    """
    from futago.metadata.__main__ import become
    from futago.metadata.daemon import settings_of

    try:
        settings_of(load(config, NodeConfig), directory)
    except BadConfig as error:
        fail(_PROGRAM, str(error), BAD_USE)
    become(config, directory)
