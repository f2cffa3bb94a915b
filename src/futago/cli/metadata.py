"""`futago metadata`, the program that answers instances who ask who they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from futago import logs
from futago.cli.store import BAD_USE, FAILED, fail
from futago.config import METADATA_DIRECTORY, NODE_FILE, BadConfig, NodeConfig, load

if TYPE_CHECKING:
    from futago.metadata.config import Nova

_PROGRAM: Final = "futago metadata"
_EPILOG: Final = """
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
    from futago.metadata import daemon
    from futago.program import AlreadyRunning

    try:
        settings = load(config, NodeConfig)
    except BadConfig as error:
        fail(_PROGRAM, str(error), BAD_USE)
    logs.to_stderr()
    try:
        daemon.run(daemon.Settings(socket=settings.metadata_socket, directory=directory, nova=_nova(settings)))
    except (AlreadyRunning, OSError) as error:
        fail(_PROGRAM, str(error), FAILED)


def _nova(settings: NodeConfig) -> Nova | None:
    from futago.metadata.config import Nova

    if not settings.nova_metadata_host:
        return None
    if not settings.metadata_proxy_shared_secret:
        fail(_PROGRAM, "nova_metadata_host needs metadata_proxy_shared_secret, which Nova has too", BAD_USE)
    return Nova(
        url=f"{settings.nova_metadata_protocol}://{settings.nova_metadata_host}:{settings.nova_metadata_port}",
        secret=settings.metadata_proxy_shared_secret,
        insecure=settings.nova_metadata_insecure,
    )
