"""`futago vrrpd`, the VRRP engine of a host: beside an agent, or by itself with a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from futago import logs
from futago.config import OVSDB, VRRPD_SOCKET, VRRPD_STATE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from futago.vrrp.config import VirtualRouterConfig

EXAMPLE: Final = """\
[[routers]]
name = "api"
interface = "eth0"             # sends and hears advertisements
source = "192.0.2.11"          # this host's own address on it
vrid = 7                       # the same on all hosts
priority = 150                 # 1 to 254; the highest becomes active
addresses = ["192.0.2.10/24"]  # on the active host only
"""
"""For `--help`; a test reads it."""

_EPILOG: Final = """
[b]Examples[/b]

  futago vrrpd                           # with an agent (futago node)
  futago vrrpd --config vrrpd.toml       # without: a plain VRRP daemon
  futago vrrpd --config vrrpd.toml --check

SIGHUP, or `futago vrrp reload`, has it read the file again; a bad one changes
nothing. Every key is in docs/vrrpd.md. On each of two hosts, a file:

"""


def register(app: typer.Typer) -> None:
    """Add the command `vrrpd`."""
    app.command(name="vrrpd", epilog=_EPILOG + EXAMPLE.replace("[[", "[\\["))(vrrpd)


def vrrpd(
    socket: Annotated[Path, typer.Option("--socket", help="The engine's control socket.")] = VRRPD_SOCKET,
    state: Annotated[Path, typer.Option(help="Where configuration and roles are kept for a restart.")] = VRRPD_STATE,
    hold_seconds: Annotated[
        float, typer.Option(min=0.1, max=25, help="How long addresses wait for a restart before they are withdrawn.")
    ] = 3.0,
    config: Annotated[
        Path | None, typer.Option(help="The routers of a host without an agent: TOML as below, or JSON (*.json).")
    ] = None,
    ovsdb: Annotated[str, typer.Option(help="The switch's database, which tells which hosts live.")] = OVSDB,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Say what is wrong with the file of --config, here too, and exit.")
    ] = False,
) -> None:
    """Run the VRRP engine of this host: all its routers, in one process."""
    if check and config is None:
        _fail(["--check needs --config FILE"], 2)
    routers = _read(config) if config else None
    if check and config and routers is not None:
        _check(config, routers)
        return
    from futago.vrrp import warden
    from futago.vrrp.worker import Settings

    logs.to_stderr()
    file = config.absolute() if config else None
    settings = Settings(socket=socket, state=state, hold_seconds=hold_seconds, routers=routers, file=file, ovsdb=ovsdb)
    try:
        raise typer.Exit(warden.run(settings))
    except PermissionError as error:
        _fail([f"{error.filename or socket}: {error.strerror}: run it as root"], 1)
    except (warden.AlreadyRunning, OSError) as error:
        _fail([str(error)], 1)


def _read(path: Path) -> tuple[VirtualRouterConfig, ...]:
    from futago.vrrp.file import BadFile, read

    try:
        return read(path)
    except BadFile as error:
        _fail(error.faults, 2)
        raise AssertionError from error


def _check(path: Path, routers: tuple[VirtualRouterConfig, ...]) -> None:
    """What is wrong ends in status 1; what is only odd does not."""
    import os

    from futago.vrrp.file import remarks

    for remark in remarks(path, routers):
        typer.echo(f"futago: note: {remark}", err=True)
    if os.geteuid() != 0:
        typer.echo("futago: note: interfaces and addresses of this host not looked at: only root can", err=True)
    elif problems := [f"{path}: {problem}" for router in routers for problem in _missing_here(router)]:
        _fail(problems, 1)
    typer.echo(f"{path}: {len(routers)} router{'s' if len(routers) != 1 else ''}, no fault")


def _missing_here(router: VirtualRouterConfig) -> list[str]:
    """What the router would not find on this host: its sockets are opened for a moment."""
    import socket

    from futago import netns
    from futago.vrrp.sockets import Attachment

    try:
        Attachment(router).close()
    except OSError as error:
        return [f'router "{router.name}": {error.strerror or error}']
    there = netns.run_inside(router.namespace, lambda: {name for _, name in socket.if_nameindex()})
    wanted = {address.interface for address in router.addresses} | {route.interface for route in router.routes}
    return [f'router "{router.name}": there is no interface {name}' for name in sorted(wanted - there)]


def _fail(messages: Iterable[str], status: int) -> None:
    for message in messages:
        typer.echo(f"futago: {message}", err=True)
    raise typer.Exit(status)
