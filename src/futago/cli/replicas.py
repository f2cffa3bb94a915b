"""`futago router show|set`: a router's replicas, how preferred each is, and which take part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from futago.cli.moves import NodeName, RouterName, Wait, wait_for
from futago.cli.store import BAD_USE, FAILED, Config, State, fail, opened

if TYPE_CHECKING:
    from futago.config import ControllerConfig
    from futago.controller.resources.agent import Agent
    from futago.controller.store.database import View
    from futago.controller.store.rows import Router

_HOW: Final = """
[b]Examples[/b], on the controller's host:

  futago router show router80
  futago router set router80 net2 --priority 210      # net2 is to have it
  futago router set router80 net1 --disable           # net1 shall not, unless nobody else can

The same by the API: PUT /v2.0/routers/ID/l3-agents/AGENT with {"agent": {"priority": 210}}.
"""


def register(router: typer.Typer) -> None:
    """Add the commands of this file to the group `futago router`."""
    router.command("show", epilog=_HOW)(show)
    router.command("set", epilog=_HOW)(set_)


def show(router: RouterName, config: Config = "", state: State = "") -> None:
    """Show which nodes carry a router, who is active, and who is preferred."""
    from rich.console import Console
    from rich.table import Table

    from futago.controller import moves
    from futago.controller.store.rows import Replica

    program = "futago router show"
    with opened(program, config, state) as (_, database):
        try:
            with database.read() as view:
                found = moves.router_named(view, router)
                replicas = view.find(Replica, router_id=found.id)
        except moves.MoveRefused as error:
            fail(program, str(error), BAD_USE)
    table = Table("node", "role", "priority", "takes part", box=None)
    for replica in sorted(replicas, key=lambda replica: -replica.priority):
        part = "yes" if replica.admin_state_up else "no"
        table.add_row(replica.node, replica.role, str(replica.priority), part)
    Console(highlight=False).print(table)


def set_(
    router: RouterName,
    node: NodeName,
    priority: Annotated[
        int | None, typer.Option(metavar="10..254", help="The highest one that takes part gets the router.")
    ] = None,
    enable: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Disabled, it leaves the router to any other node.")
    ] = None,
    config: Config = "",
    state: State = "",
    wait: Wait = 30.0,
) -> None:
    """Change how preferred a node is for a router, or whether it takes part. No connection is lost."""
    from futago.controller import moves
    from futago.controller.resources import replica
    from futago.controller.resources.errors import ApiError

    program = "futago router set"
    values = {"priority": priority, "admin_state_up": enable}
    given = {name: value for name, value in values.items() if value is not None}
    if not given:
        fail(program, "say what to change: --priority N, --enable or --disable", BAD_USE)
    with opened(program, config, state) as (settings, database):
        try:
            with database.write() as txn:
                found = moves.router_named(txn, router)
                replica.change(txn, settings, found, _agent(txn, node), replica.checked(given))
        except (moves.MoveRefused, ApiError) as error:
            fail(program, str(error), BAD_USE)
        if not wait_for(database, lambda view: _in_place(view, settings, found), wait, lambda _: "it has not moved"):
            fail(program, f"the router has not moved within {wait:.0f} s; it will when the node can take it", FAILED)
    print(f"router {found.id} on {node}: {', '.join(f'{name} {value}' for name, value in given.items())}")


def _agent(view: View, node: str) -> Agent:
    """The L3 agent of a node.

    Raises:
        MoveRefused: there is none.

    """
    from futago.controller.agent_types import L3
    from futago.controller.moves import MoveRefused
    from futago.controller.resources.agent import everyone

    for agent in everyone(view):
        if (agent.agent_type, agent.node.name) == (L3, node):
            return agent
    raise MoveRefused(f"there is no network node {node}")


def _in_place(view: View, settings: ControllerConfig, router: Router) -> bool:
    """Whether no move of the router is under way that can still be done."""
    from futago.controller import moves

    return not moves.under_way(view, settings, router.id)
