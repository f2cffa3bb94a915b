"""`futago vrrpd`, the VRRP engine of a host, and `futago vrrp …`, the operator's view of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from futago import logs
from futago.config import OVSDB, VRRPD_SOCKET, VRRPD_STATE

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rich.table import Table

    from futago.vrrp.config import VirtualRouterConfig
    from futago.vrrp.control import RouterStatus

Socket = Annotated[Path, typer.Option("--socket", help="The engine's control socket.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line.")]

EXAMPLE = """\
[{"name": "api", "namespace": "", "interface": "eth0",
  "source": "192.0.2.11", "vrid": 7, "priority": 100,
  "advert_interval": 1000, "advertised": ["192.0.2.10"],
  "addresses": [{"interface": "eth0",
                 "address": "192.0.2.10/24"}]}]
"""
"""For `--help`; a test reads it."""

_verbs = typer.Typer(name="vrrp", help="Look at the VRRP engine of this host.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    about = (
        "Without an agent it is a plain VRRP daemon, for any address. On each of two hosts (its own source), a file:"
    )
    app.command(name="vrrpd", epilog=f"{about}\n\n\b\n{EXAMPLE}")(vrrpd)
    app.add_typer(_verbs)


def vrrpd(
    socket: Socket = VRRPD_SOCKET,
    state: Annotated[Path, typer.Option(help="Where configuration and roles are kept for a restart.")] = VRRPD_STATE,
    hold_seconds: Annotated[
        float, typer.Option(min=0.1, max=25, help="How long addresses wait for a restart before they are withdrawn.")
    ] = 3.0,
    ovsdb: Annotated[str, typer.Option(help="The switch's database, which tells which hosts live.")] = OVSDB,
    config: Annotated[
        Path | None,
        typer.Option(help="Routers (JSON as below, or TOML with the same in `routers`), for use without an agent."),
    ] = None,
) -> None:
    """Run the VRRP engine of this host: all its routers, in one process."""
    from futago.vrrp import warden
    from futago.vrrp.worker import Settings

    logs.to_stderr()
    routers = _read_routers(config) if config else None
    settings = Settings(socket=socket, state=state, hold_seconds=hold_seconds, routers=routers, ovsdb=ovsdb)
    try:
        raise typer.Exit(warden.run(settings))
    except (warden.AlreadyRunning, OSError) as error:
        _fail(str(error))


@_verbs.command()
def status(socket: Socket = VRRPD_SOCKET, json: Json = False) -> None:
    """Show every virtual router of this host, its role and why it has it."""
    from futago.vrrp.control import Statuses, VrrpdClient, to_line

    async def ask() -> tuple[RouterStatus, ...]:
        async with VrrpdClient(socket) as client:
            return await client.status()

    routers = _run(ask(), json=json)
    if json:
        print(to_line(Statuses(routers=routers)).decode(), end="")
        return
    from rich.console import Console

    Console().print(_table(routers))


@_verbs.command()
def watch(socket: Socket = VRRPD_SOCKET, json: Json = False) -> None:
    """Print every virtual router, then each change as it happens, until interrupted."""
    from futago.vrrp.control import Changed, VrrpdClient, to_line

    async def follow() -> None:
        async for router in VrrpdClient(socket).watch():
            if json:
                print(to_line(Changed(router=router)).decode(), end="", flush=True)
                continue
            error = f"  ! {router.error}" if router.error else ""
            print(f"{_time(router.since)}  {router.name}  {router.role}  ({router.cause}){error}", flush=True)

    try:
        _run(follow(), json=json)
    except KeyboardInterrupt:
        raise typer.Exit from None


@_verbs.command()
def resign(name: str, socket: Socket = VRRPD_SOCKET, json: Json = False) -> None:
    """Let another host become active for the router NAME."""
    from futago.vrrp.control import Done, VrrpdClient, to_line

    async def ask() -> None:
        async with VrrpdClient(socket) as client:
            await client.resign(name)

    _run(ask(), json=json)
    if json:
        print(to_line(Done()).decode(), end="")


def _run(call: Coroutine[Any, Any, Any], *, json: bool) -> Any:
    import asyncio

    from futago.vrrp.control import Refused, RequestRefused, VrrpdGone, to_line

    try:
        return asyncio.run(call)
    except (VrrpdGone, RequestRefused) as error:
        if json:
            print(to_line(Refused(message=str(error))).decode(), end="")
        _fail(str(error))


def _fail(message: str) -> None:
    typer.echo(f"futago: {message}", err=True)
    raise typer.Exit(1)


def _read_routers(path: Path) -> tuple[VirtualRouterConfig, ...]:
    import tomllib

    import msgspec

    from futago.contract.codec import decode_hook
    from futago.vrrp.config import VirtualRouterConfig

    try:
        text = path.read_text()
        data = tomllib.loads(text).get("routers", []) if path.suffix == ".toml" else msgspec.json.decode(text)
        return msgspec.convert(data, tuple[VirtualRouterConfig, ...], dec_hook=decode_hook)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--config") from error


def _table(routers: tuple[RouterStatus, ...]) -> Table:
    from rich.table import Table

    table = Table("router", "role", "for", "cause", "peer", "sent", "heard", "dropped", "error", box=None)
    for r in routers:
        peer = str(r.peer) if r.peer else "-"
        counts = (str(r.adverts_sent), str(r.adverts_received), str(sum(r.dropped.values())))
        style = "bold" if r.role == "active" else None
        table.add_row(r.name, r.role.value, _age(r.since), r.cause, peer, *counts, r.error or "-", style=style)
    return table


def _age(since: float) -> str:
    import time
    from datetime import timedelta

    return str(timedelta(seconds=max(0, int(time.time() - since))))


def _time(since: float) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(since).astimezone().strftime("%F %T")
