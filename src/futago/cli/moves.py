"""`futago router failover`, `futago rebalance`, `futago node drain|undrain`: planned moves, without a gap."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from futago.cli.resources import SharedGroup
from futago.cli.store import BAD_USE, FAILED, Config, State, fail, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from futago.controller.moves import Move
    from futago.controller.store.database import Database, View

_LOOK_EVERY: Final = 0.1
_TELL_EVERY: Final = 2.0

_HOW: Final = """
[b]Examples[/b], on the controller's host:

  futago router failover router80
  futago router failover router80 --to net2
  futago node drain net1 && ssh net1 reboot      # then: futago node undrain net1
  futago rebalance

The new node is active before the old one lets go. `openstack network agent set --disable` drains as well.
"""

Wait = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="For the nodes to make it true.")]
NodeName = Annotated[str, typer.Argument(metavar="NODE", help="The node's name, as in `openstack network agent list`.")]

RouterName = Annotated[str, typer.Argument(metavar="ROUTER", help="Its name, its id, or how its id begins.")]

_router = typer.Typer(
    name="router",
    cls=SharedGroup,
    help="Where routers are active: planned moves, preferences.",
    epilog=_HOW,
    no_args_is_help=True,
)


def register(app: typer.Typer, node: typer.Typer) -> None:
    """Add the commands of this file, and of `replicas`; `node` is the group that drain belongs to."""
    from futago.cli import replicas

    replicas.register(_router)
    app.add_typer(_router)
    app.command("rebalance", epilog=_HOW)(rebalance)
    node.command("drain", epilog=_HOW)(drain)
    node.command("undrain", epilog=_HOW)(undrain)


@_router.command(epilog=_HOW)
def failover(
    router: RouterName,
    to: Annotated[str, typer.Option(metavar="NODE", help="To this node, rather than to the best one.")] = "",
    config: Config = "",
    state: State = "",
    wait: Wait = 30.0,
) -> None:
    """Make another node active for a router. No connection is lost."""
    from futago.controller import moves

    program = "futago router failover"
    with opened(program, config, state) as (settings, database):
        try:
            with database.read() as view:
                move = moves.target(view, settings, moves.router_named(view, router), to)
        except moves.MoveRefused as error:
            fail(program, str(error), BAD_USE)
        if not _carry_out(database, [move], wait):
            fail(
                program, f"{move.node} has not become active within {wait:.0f} s; the router stays where it is", FAILED
            )
        print(f"{move.node} is active for router {move.router_id}")


def rebalance(config: Config = "", state: State = "", wait: Wait = 60.0) -> None:
    """Spread active routers evenly over the network nodes, with as few moves as that takes."""
    from futago.controller import moves

    program = "futago rebalance"
    with opened(program, config, state) as (settings, database):
        with database.read() as view:
            wanted = moves.spread(view, settings)
        if not wanted:
            print("the active routers are spread evenly")
            return
        print(f"{_routers(len(wanted))} to move", flush=True)
        if not _carry_out(database, wanted, wait):
            fail(program, f"not all have moved within {wait:.0f} s; run this again", FAILED)
        print("the active routers are spread evenly")


def drain(node: NodeName, config: Config = "", state: State = "", wait: Wait = 60.0) -> None:
    """Have other nodes take a node's routers, and give it no new ones: before a reboot, or an upgrade."""
    from futago.controller import moves

    program = "futago node drain"
    with opened(program, config, state) as (settings, database):
        _set_drained(program, database, node, drained=True)

        def held(view: View) -> tuple[list[str], list[str]]:
            return moves.held_by(view, settings, node)

        gone = wait_for(
            database, lambda view: not held(view)[0], wait, lambda view: f"{_routers(len(held(view)[0]))} left"
        )
        with database.read() as view:
            movable, stuck = held(view)
    if stuck:
        fail(
            program,
            f"{node} goes on with {_routers(len(stuck))} that no other living node carries: {stuck[0]}…",
            FAILED,
        )
    if not gone:
        fail(program, f"{node} is still active for {_routers(len(movable))} after {wait:.0f} s", FAILED)
    print(f"{node} is active for no router, and gets none until: futago node undrain {node}")


def undrain(node: NodeName, config: Config = "", state: State = "") -> None:
    """Let a node take part again. Nothing moves by itself: `futago rebalance` does it."""
    program = "futago node undrain"
    with opened(program, config, state) as (_, database):
        _set_drained(program, database, node, drained=False)
    print(f"{node} takes part again")


def _set_drained(program: str, database: Database, node: str, *, drained: bool) -> None:
    from futago.controller import moves

    try:
        with database.write() as txn:
            moves.set_drained(txn, node, drained=drained)
    except moves.MoveRefused as error:
        fail(program, str(error), BAD_USE)


def _carry_out(database: Database, wanted: Sequence[Move], seconds: float) -> bool:
    """Begin all moves, wait for them, and leave nobody yielding, whatever happens meanwhile."""
    from futago.controller import moves

    try:
        with database.write() as txn:
            for move in wanted:
                moves.begin(txn, move)

        def left(view: View) -> int:
            return sum(not moves.done(view, move) for move in wanted)

        return wait_for(database, lambda view: not left(view), seconds, lambda view: f"{_routers(left(view))} left")
    finally:
        with database.write() as txn:
            for move in wanted:
                moves.end(txn, move)


def wait_for(database: Database, look: Callable[[View], bool], seconds: float, progress: Callable[[View], str]) -> bool:
    """Look at the store until something is so; whether it became so in time."""
    until, tell_at = time.monotonic() + seconds, time.monotonic() + _TELL_EVERY
    while True:
        with database.read() as view:
            if look(view):
                return True
            if time.monotonic() > tell_at:
                print(progress(view), flush=True)
                tell_at += _TELL_EVERY
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_EVERY)


def _routers(number: int) -> str:
    return f"{number} router{'' if number == 1 else 's'}"
