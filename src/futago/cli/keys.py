"""`futago keys …`: the keys by which the nodes prove to each other who sent an advertisement."""

from __future__ import annotations

import json as json_module
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from futago.cli.controller import settings_of
from futago.config import CONTROLLER_FILE, BadConfig, ControllerConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from futago.controller.store.database import Database
    from futago.controller.store.rows import Node

_BAD_USE: Final = 2
_LOOK_EVERY: Final = 0.2
_TELL_EVERY: Final = 2.0

_EPILOG: Final = """
[b]Examples[/b], on the controller's host:

  futago keys list
  futago keys rotate
  futago keys rotate --state ./state --wait 600

The controller may go on running; its nodes hear of each step within a second or two.
"""

Config = Annotated[
    str, typer.Option(metavar="FILE", help=f"The controller's settings. \\[default: {CONTROLLER_FILE} if it exists]")
]
State = Annotated[
    str, typer.Option(metavar="DIR", help=f"The controller's state. \\[default: {ControllerConfig().state_path}]")
]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]

_verbs = typer.Typer(
    name="keys", help="The keys of authenticated advertisements.", epilog=_EPILOG, no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(_verbs)


@_verbs.command("list")
def list_keys(config: Config = "", state: State = "", json: Json = False) -> None:
    """Show which keys there are, and which one is used for sending. No secret is shown."""
    from futago.controller import vrrp_keys
    from futago.controller.store.rows import VrrpKey

    with _store(config, state) as database, database.read() as view:
        keys, stage = view.find(VrrpKey), vrrp_keys.stage(view)
    told = [{"key_id": key.key_id, "created_at": key.created_at, "signs": key.signs} for key in keys]
    if json:
        print(json_module.dumps({"rotation": stage.value, "keys": told}))
        return
    for key in keys:
        print(f"key {key.key_id}  made {key.created_at}  {'used for sending' if key.signs else 'accepted'}")
    print(stage.value)


@_verbs.command()
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

    with _store(config, state) as database:
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
            _fail(
                f"these nodes have not made the step true: {_names(behind)}. The keys stay as they are, and all "
                "routers go on. Bring the nodes back, or delete their agents if they are gone for good; then run "
                "this again",
                1,
            )
        if time.monotonic() > tell_at:
            print(f"waiting for {_names(behind)}", flush=True)
            tell_at += _TELL_EVERY
        time.sleep(_LOOK_EVERY)


def _names(nodes: Sequence[Node]) -> str:
    """With how long ago each was heard, which tells a slow one from a dead one."""
    return ", ".join(f"{node.name} (heard {max(0, time.time() - node.heartbeat_at):.0f} s ago)" for node in nodes)


@contextmanager
def _store(config: str, state: str) -> Iterator[Database]:
    """The controller's store, as it is."""
    from sqlalchemy.exc import SQLAlchemyError

    from futago.controller.store.database import Database

    try:
        settings = settings_of(config, {"state_path": str(Path(state).absolute())} if state else {})
    except BadConfig as error:
        _fail(str(error), _BAD_USE)
    if not settings.database_url and not settings.store_file.exists():
        _fail(f"no controller has run with the state {settings.state_path}; name another with --state DIR", _BAD_USE)
    database = Database(settings.store_url)
    try:
        yield database
    except SQLAlchemyError as error:
        problem = str(error).partition("\n")[0]
        _fail(f"cannot use the controller's store ({problem}); start this version's controller once, then try again", 1)
    finally:
        database.close()


def _fail(message: str, status: int) -> NoReturn:
    print(f"futago keys: {message}", file=sys.stderr)
    raise typer.Exit(status)
