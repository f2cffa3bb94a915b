"""`futago vrrp …`: the operator's view of the VRRP engine of this host."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from futago.config import CONNTRACKD_SOCKET, VRRPD_SOCKET
from futago.values import Role

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from futago.vrrp.config import VirtualRouterConfig
    from futago.vrrp.control import HostStatus, RouterStatus, VrrpdClient

Socket = Annotated[Path, typer.Option("--socket", readable=False, help="The engine's control socket.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line (docs/vrrpd.md).")]
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Only these: names, or beginnings of them.")]
OfRole = Annotated[Role | None, typer.Option("--role", help="Only routers that have this role.")]
Faulty = Annotated[bool, typer.Option("--faulty", help="Only routers with an error, or with dropped packets.")]

GROUP: Final = 25
"""Routers that resign together."""
ASK_AGAIN: Final = 2.0
"""Seconds after which a router that is still here is asked again: its wish has been said three times by then."""
MOST_NAMES: Final = 10
"""How many routers a message names."""

_verbs = typer.Typer(
    name="vrrp", help="Look at the VRRP engine of this host.", no_args_is_help=True, rich_markup_mode="rich"
)


def register(app: typer.Typer) -> None:
    """Add the group `vrrp`."""
    app.add_typer(_verbs)


def _examples(*lines: str) -> str:
    return "\n".join(("[b]Examples[/b]\n", *(f"  {line}" for line in lines)))


class _NotOne(LookupError):
    """A name that stands for no router, or for several."""


@_verbs.command(
    epilog=_examples(
        "futago vrrp status                   # all, one line each",
        "futago vrrp status 4f0c              # the one whose name begins so, in detail",
        "futago vrrp status --role active",
        "futago vrrp status --faulty --json",
    )
)
def status(
    names: Names = None,
    role: OfRole = None,
    socket: Socket = VRRPD_SOCKET,
    *,
    faulty: Faulty = False,
    json: Json = False,
) -> None:
    """Show the virtual routers of this host, their roles and why they have them; one NAME is shown in detail."""
    from futago.cli import vrrp_view
    from futago.lines import to_line
    from futago.vrrp.control import Statuses, VrrpdClient

    async def ask() -> tuple[list[RouterStatus], VirtualRouterConfig | None]:
        async with VrrpdClient(socket) as client:
            routers = await client.status()
            wanted = set(_resolve(names, routers))
            named = [r for r in routers if r.name in wanted]
            shown = [r for r in named if role in {None, r.role} and (not faulty or _is_faulty(r))]
            return shown, await _description(client, shown[0].name) if one and shown and not json else None

    one = names is not None and len(names) == 1
    routers, config = _run(ask(), json=json)
    if json:
        print(to_line(Statuses(routers=tuple(routers))).decode(), end="")
    elif one and routers:
        print(vrrp_view.detail(routers[0], config), end="")
    else:
        vrrp_view.print_table(routers)


@_verbs.command(epilog=_examples("futago vrrp hosts", "futago vrrp hosts --json"))
def hosts(socket: Socket = VRRPD_SOCKET, *, json: Json = False) -> None:
    """Show the other hosts that BFD sessions watch: who is up, since when, and how often that ended."""
    from futago.cli import vrrp_view
    from futago.lines import to_line
    from futago.vrrp.control import Statuses, VrrpdClient

    async def ask() -> tuple[HostStatus, ...]:
        async with VrrpdClient(socket) as client:
            return (await client.statuses()).hosts

    found = _run(ask(), json=json)
    if json:
        print(to_line(Statuses(routers=(), hosts=found)).decode(), end="")
    else:
        vrrp_view.print_hosts(found)


@_verbs.command(
    epilog=_examples(
        "futago vrrp watch",
        "futago vrrp watch 4f0c 77ab",
        "futago vrrp watch --role active --json",
    )
)
def watch(names: Names = None, role: OfRole = None, socket: Socket = VRRPD_SOCKET, *, json: Json = False) -> None:
    """Print the virtual routers, then each change as it happens, until interrupted."""
    from futago.cli import vrrp_view
    from futago.lines import to_line
    from futago.vrrp.control import Changed, VrrpdClient

    async def follow() -> None:
        wanted: set[str] | None = None
        if names:
            async with VrrpdClient(socket) as client:
                wanted = set(_resolve(names, await client.status()))
        async for router in VrrpdClient(socket).watch():
            if (wanted is not None and router.name not in wanted) or role not in {None, router.role}:
                continue
            line = to_line(Changed(router=router)).decode().rstrip("\n") if json else vrrp_view.line(router)
            print(line, flush=True)

    try:
        _run(follow(), json=json)
    except KeyboardInterrupt:
        raise typer.Exit from None


@_verbs.command(
    epilog=_examples(
        "futago vrrp resign api",
        "futago vrrp resign 4f0c               # the beginning will do",
        "futago vrrp resign --all --wait 5     # before this host is shut down",
    )
)
def resign(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The router's name, or how it begins.")] = None,
    socket: Socket = VRRPD_SOCKET,
    *,
    every: Annotated[bool, typer.Option("--all", help="All routers that are active here.")] = False,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="Until they are active elsewhere.")] = 0.0,
    json: Json = False,
) -> None:
    """Let another host become active for the router NAME; without another, this one is active again soon."""
    from futago.conntrack.control import wait_for_twins
    from futago.lines import to_line
    from futago.vrrp.control import Done, VrrpdClient

    if (name is None) != every:
        raise typer.BadParameter("name a router, or say --all")

    async def ask() -> list[str]:
        async with VrrpdClient(socket) as client:
            names = await _to_resign(client, name)
            await wait_for_twins(names, socket.with_name(CONNTRACKD_SOCKET.name))
            if every or wait:
                return await _resign_in_groups(client, names, wait)
            await client.resign(names[0])
            return []

    left = _run(ask(), json=json)
    if left:
        _fail(f"still active here after {wait:g} s: {_listed(left)}; no other host takes over")
    if json:
        print(to_line(Done()).decode(), end="")


async def _to_resign(client: VrrpdClient, name: str | None) -> list[str]:
    from futago.lines import RequestRefused

    routers = await client.status()
    if name is None:
        return [router.name for router in routers if router.role is Role.ACTIVE]
    (found,) = _resolve([name], routers)
    router = next(r for r in routers if r.name == found)
    if router.role is not Role.ACTIVE:
        raise RequestRefused(_why_not(router))
    return [found]


async def _resign_in_groups(client: VrrpdClient, names: Sequence[str], seconds: float) -> list[str]:
    """Let all of `names` go, so many at a time that the others' switches keep up; those that stay are asked again.

    Returns those that are active here even after so long. Without time, all are asked once and none is waited for.
    """
    import asyncio
    import time

    from futago.lines import RequestRefused

    until = time.monotonic() + seconds
    asked_at, most = dict.fromkeys(names, -ASK_AGAIN), GROUP if seconds else len(names)
    while True:
        now = time.monotonic()
        waiting = sorted((name for name, at in asked_at.items() if now - at >= ASK_AGAIN), key=asked_at.__getitem__)
        for one in waiting[: most - (len(asked_at) - len(waiting))]:
            asked_at[one] = now
            with suppress(RequestRefused):  # it has just gone by itself
                await client.resign(one)
        if not seconds:
            return []
        await asyncio.sleep(0.05)
        active = {router.name for router in await client.status() if router.role is Role.ACTIVE}
        asked_at = {name: at for name, at in asked_at.items() if name in active}
        if not asked_at or time.monotonic() > until:
            return list(asked_at)


@_verbs.command(epilog=_examples("futago vrrpd --config /etc/futago/vrrpd.toml --check && futago vrrp reload"))
def reload(socket: Socket = VRRPD_SOCKET, *, json: Json = False) -> None:
    """Have an engine that runs with --config read its file again; a bad one is refused, and nothing changes."""
    from futago.lines import to_line
    from futago.vrrp.control import Done, VrrpdClient

    async def ask() -> dict[str, str]:
        async with VrrpdClient(socket) as client:
            return await client.reload()

    problems = _run(ask(), json=json)
    if json:
        print(to_line(Done(errors=problems)).decode(), end="")
    for name, problem in problems.items():
        typer.echo(f"futago: router {name!r} does not work at present: {problem}", err=True)
    if problems:
        raise typer.Exit(1)


def _resolve(names: Sequence[str] | None, routers: Sequence[RouterStatus]) -> list[str]:
    """The routers that these names stand for: each a name, or the beginning of exactly one.

    Raises:
        _NotOne: one stands for none, or for several.

    """
    there = [router.name for router in routers]
    return [_resolve_one(name, there) for name in names] if names else there


def _resolve_one(name: str, there: Sequence[str]) -> str:
    if name in there:
        return name
    matches = [one for one in there if one.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise _NotOne(f"{name!r} is the beginning of several: {_listed(matches)}")
    raise _NotOne(f"there is no router {name!r} here; there are: {_listed(there)}")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    shown = ", ".join(names[:MOST_NAMES]) or "none"
    return f"{shown} and {more} more (futago vrrp status lists them)" if more > 0 else shown


def _why_not(router: RouterStatus) -> str:
    if router.role is Role.BACKUP:
        active = f"; the active one advertises from {router.peer}" if router.peer else ""
        return f"router {router.name!r} is not active here, but a backup{active}"
    return f"router {router.name!r} is not active here: it takes no part ({router.error or router.cause})"


def _is_faulty(router: RouterStatus) -> bool:
    return bool(router.error or router.dropped)


async def _description(client: VrrpdClient, name: str) -> VirtualRouterConfig | None:
    """None for a router that was refused: it was never configured."""
    from futago.lines import RequestRefused

    try:
        return await client.describe(name)
    except RequestRefused:
        return None


def _run(call: Coroutine[Any, Any, Any], *, json: bool) -> Any:
    import asyncio

    from futago.lines import RequestRefused, to_line
    from futago.vrrp.control import Refused, VrrpdGone

    try:
        return asyncio.run(call)
    except (VrrpdGone, RequestRefused, _NotOne) as error:
        if json:
            print(to_line(Refused(message=str(error))).decode(), end="")
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    for line in message.splitlines():
        typer.echo(f"futago: {line}", err=True)
    raise typer.Exit(1)
