"""The controller's store, for the operator's verbs on the controller's host. The controller may go on running."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from futago.cli.controller import settings_of
from futago.config import CONTROLLER_FILE, BadConfig, ControllerConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from futago.controller.store.database import Database

FAILED: Final = 1
BAD_USE: Final = 2

Config = Annotated[
    str, typer.Option(metavar="FILE", help=f"The controller's settings. \\[default: {CONTROLLER_FILE} if it exists]")
]
State = Annotated[
    str, typer.Option(metavar="DIR", help=f"The controller's state. \\[default: {ControllerConfig().state_path}]")
]


@contextmanager
def opened(program: str, config: str, state: str) -> Iterator[tuple[ControllerConfig, Database]]:
    """The controller's settings and its store, as it is; what is wrong with them is said in `program`'s name."""
    from sqlalchemy.exc import SQLAlchemyError

    from futago.controller.store.database import Database, Failed, UnknownDatabase

    try:
        settings = settings_of(config, {"state_path": str(Path(state).absolute())} if state else {})
    except BadConfig as error:
        fail(program, str(error), BAD_USE)
    if not settings.database_url and not settings.store_file.exists():
        text = f"no controller has run with the state {settings.state_path}; name another with --state DIR"
        fail(program, text, BAD_USE)
    try:
        database = Database(settings.store_url)
    except (UnknownDatabase, ModuleNotFoundError) as error:
        fail(program, f"database_url: {error}", BAD_USE)
    try:
        yield settings, database
    except (SQLAlchemyError, Failed) as error:
        problem = str(error).partition("\n")[0]
        text = f"cannot use the controller's store ({problem}); start this version's controller once, then try again"
        fail(program, text, FAILED)
    finally:
        database.close()


def fail(program: str, message: str, status: int) -> NoReturn:
    """Say what is wrong, and end."""
    print(f"{program}: {message}", file=sys.stderr)
    raise typer.Exit(status)
