"""`futago conntrackd`, which replicates the routers' connections, and `futago conntrack …`, the view of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from futago.config import CONNTRACKD_SOCKET, CONNTRACKD_STATE, VRRPD_SOCKET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from futago.conntrack.control import PeerStatus, RouterStatus, Statuses

Socket = Annotated[Path, typer.Option("--socket", help="The program's control socket.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line.")]

_verbs = typer.Typer(
    name="conntrack", help="Look at the replication of connections on this host.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(name="conntrackd", epilog="Example: futago conntrackd     # beside futago vrrpd, on a network node")(
        conntrackd
    )
    app.add_typer(_verbs)


def conntrackd(
    socket: Socket = CONNTRACKD_SOCKET,
    state: Annotated[Path, typer.Option(help="Where the configuration is kept for a restart.")] = CONNTRACKD_STATE,
    vrrpd_socket: Annotated[Path, typer.Option(help="Where the VRRP engine says who is active.")] = VRRPD_SOCKET,
) -> None:
    """Keep the connections of this host's routers in the kernels of their twins, all in one process.

    What to replicate comes from `futago node`, who is active from `futago vrrpd`. It needs neither to go on.
    """
    from futago.conntrack.__main__ import become

    become(socket, state, vrrpd_socket)


@_verbs.command(epilog="Example: futago conntrack status; for programs: futago conntrack status --json")
def status(socket: Socket = CONNTRACKD_SOCKET, json: Json = False) -> None:
    """Show each router's connections, and how far behind the twins are."""
    import asyncio

    from futago.conntrack.control import ConntrackdGone, Refusal, Status, Statuses, ask
    from futago.lines import RequestRefused, to_line

    try:
        found = asyncio.run(ask(Status(), socket))
    except (ConntrackdGone, RequestRefused) as error:
        if json:
            print(to_line(Refusal(message=str(error))).decode(), end="")
        _fail(str(error))
    if json:
        print(to_line(found).decode(), end="")
        return
    assert isinstance(found, Statuses)
    from rich.console import Console

    console = Console()
    for table in _tables(found):
        console.print(table)
    for problem in filter(None, (found.off and f"off: {found.off}", found.error)):
        console.print(problem)


def _tables(found: Statuses) -> Iterator[Table]:
    yield _routers(found.routers)
    yield _peers(found.peers)


def _routers(routers: tuple[RouterStatus, ...]) -> Table:
    from rich.table import Table

    columns = (
        "router",
        "active",
        "connections",
        "told by",
        "agreed",
        "behind",
        "lost",
        "resyncs",
        "repaired",
        "refused",
        "error",
    )
    table = Table(*columns, box=None)
    for r in routers:
        agreed = "-" if r.agreed_seconds_ago is None else f"{r.agreed_seconds_ago:.0f} s ago"
        behind = ", ".join(r.behind) or "-"
        counts = (str(r.events_lost), str(r.resyncs), str(r.repaired), str(r.not_written))
        active = "here" if r.active else "-"
        table.add_row(r.name, active, str(r.entries), r.source or "-", agreed, behind, *counts, r.error or "-")
    return table


def _peers(peers: tuple[PeerStatus, ...]) -> Table:
    from rich.table import Table

    table = Table("twin", "address", "connected", "lag", "worst", "sent", "dropped", "told all", "error", box=None)
    for p in peers:
        lag = "-" if p.lag_ms is None else f"{p.lag_ms:.1f} ms"
        counts = (str(p.sent), str(p.dropped), str(p.snapshots))
        connected = "yes" if p.connected else "no"
        table.add_row(p.node, str(p.address), connected, lag, f"{p.worst_lag_ms:.1f} ms", *counts, p.error or "-")
    return table


def _fail(message: str) -> None:
    typer.echo(f"futago: {message}", err=True)
    raise typer.Exit(1)
