"""`futago keys …`: the keys by which the nodes prove to each other who sent an advertisement."""

from __future__ import annotations

import json as json_module
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from futago.cli.store import FAILED, Config, State, fail, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from futago.controller.store.database import Database
    from futago.controller.store.rows import Node

_PROGRAM: Final = "futago keys"
_LOOK_EVERY: Final = 0.2
_TELL_EVERY: Final = 2.0

_EPILOG: Final = """
[b]Examples[/b], on the controller's host:

  futago keys list
  futago keys rotate
  futago keys rotate --state ./state --wait 600

The controller may go on running; its nodes hear of each step within a second or two.
"""

Json = Annotated[bool, typer.Option("--json", help="For programs.")]

_verbs = typer.Typer(
    name="keys", help="The keys of authenticated advertisements.", epilog=_EPILOG, no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(_verbs)


@_verbs.command("list", epilog=_EPILOG)
def list_keys(config: Config = "", state: State = "", json: Json = False) -> None:
    """Show which keys there are, and which one is used for sending. No secret is shown."""
    from futago.controller import vrrp_keys
    from futago.controller.store.rows import VrrpKey

    with opened(_PROGRAM, config, state) as (_, database), database.read() as view:
        keys, stage = view.find(VrrpKey), vrrp_keys.stage(view)
    told = [{"key_id": key.key_id, "created_at": key.created_at, "signs": key.signs} for key in keys]
    if json:
        print(json_module.dumps({"rotation": stage.value, "keys": told}))
        return
    for key in keys:
        print(f"key {key.key_id}  made {key.created_at}  {'used for sending' if key.signs else 'accepted'}")
    print(stage.value)


@_verbs.command(epilog=_EPILOG)
def rotate(
    config: Config = "",
    state: State = "",
    wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="For the nodes, at each step.")] = 120.0,
) -> None:
    """Replace the key without a gap: make a new one, have all nodes use it, then drop the old one.

    Run it again after an interruption: it goes on where it was.
    """
    from futago.controller import vrrp_keys
    from futago.controller.vrrp_keys import Stage

    with opened(_PROGRAM, config, state) as (_, database):
        while True:
            with database.read() as view:
                seen = vrrp_keys.stage(view)
            if seen is not Stage.ONE:
                _wait_for_nodes(database, wait)
            with database.write() as txn:
                vrrp_keys.advance(txn, seen)
            print(
                {
                    Stage.ONE: "a new key is made; every node learns it",
                    Stage.ADDED: "every node knows the new key; each sends with it now",
                    Stage.SWITCHED: "every node sends with the new key; the old one is dropped",
                }[seen],
                flush=True,
            )
            if seen is Stage.SWITCHED:
                return


def _wait_for_nodes(database: Database, seconds: float) -> None:
    from futago.controller import vrrp_keys

    until, tell_at = time.monotonic() + seconds, time.monotonic() + _TELL_EVERY
    while True:
        with database.read() as view:
            behind = vrrp_keys.lagging(view)
        if not behind:
            return
        if time.monotonic() > until:
            fail(
                _PROGRAM,
                f"these nodes have not made the step true: {_names(behind)}. The keys stay as they are, and all "
                "routers go on. Bring the nodes back, or delete their agents if they are gone for good; then run "
                "this again",
                FAILED,
            )
        if time.monotonic() > tell_at:
            print(f"waiting for {_names(behind)}", flush=True)
            tell_at += _TELL_EVERY
        time.sleep(_LOOK_EVERY)


def _names(nodes: Sequence[Node]) -> str:
    """With how long ago each was heard, which tells a slow one from a dead one."""
    return ", ".join(f"{node.name} (heard {max(0, time.time() - node.heartbeat_at):.0f} s ago)" for node in nodes)
