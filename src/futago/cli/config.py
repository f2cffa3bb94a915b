"""`futago config`: configuration files, from those of Neutron."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from futago.config import BadConfig

BAD_USE: Final = 2
_EPILOG: Final = """
[b]Examples[/b]

  futago config import /etc/neutron                            # this host's files
  futago config import controller net1 net2 compute1 --out ./futago --controller-url http://172.31.0.10:9696

A directory is a host's /etc/neutron, or a copy of it; its name stands for the host. Where Neutron has on its network
nodes what Futago has on its controller (ha_vrrp_auth_type and its like), name both, or the controller's file lacks it.
"""

config = typer.Typer(help="Make configuration files.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(config, name="config")


@config.command("import", epilog=_EPILOG)
def import_(
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Where a host's Neutron files are.")],
    *,
    out: Annotated[
        Path, typer.Option(help="Where to write; of several hosts, each has a directory of its own in it.")
    ] = Path("/etc/futago"),
    controller_url: Annotated[
        list[str] | None, typer.Option(help="Where nodes find a controller. \\[default: http://controller:9696]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
) -> None:
    """Turn Neutron's configuration into controller.toml and node.toml.

    Reads neutron.conf, ml2_conf.ini, openvswitch_agent.ini, l3_agent.ini, dhcp_agent.ini and metadata_agent.ini, and
    says of each option where it went, or why it went nowhere.
    """
    from futago.neutron_files.convert import convert
    from futago.neutron_files.ini import BadFile
    from futago.neutron_files.rules import Fate

    try:
        done = convert([one.resolve() for one in directories], controller_url or ["http://controller:9696"])
    except (BadFile, BadConfig) as error:
        print(f"futago config import: {error}", file=sys.stderr)
        raise typer.Exit(BAD_USE) from error
    of = {name: out if len(directories) == 1 else out / name for name in (one.resolve().name for one in directories)}
    files = {of[host] / "controller.toml": done.controller.text() for host in done.controllers}
    files |= {of[host] / "node.toml": settings.text() for host, settings in done.nodes.items()}
    there = [str(path) for path in files if path.exists()]
    if there and not force:
        print(f"futago config import: {', '.join(there)}: there already; --force writes over it", file=sys.stderr)
        raise typer.Exit(BAD_USE)
    for note in sorted(done.notes, key=lambda note: list(Fate).index(note.outcome.fate)):
        print(note)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # there may be passwords in it
        path.write_text(text)
        print(f"written: {path}")
