"""`futago quota …`: how many of each thing a project may have; by the public API, as the resources' verbs."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from futago.cli.store import BAD_USE, FAILED, fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from futago.client import ApiClient

_EPILOG: Final = """
[b]Examples[/b]

  . admin-openrc    # who asks
  futago quota show
  futago quota show blue
  futago quota set blue network=20 port=-1    # -1: as many as it likes
  futago quota reset blue
"""

Project = Annotated[str, typer.Argument(metavar="PROJECT", help="Its name or its id.")]
Limits = Annotated[list[str], typer.Argument(metavar="RESOURCE=LIMIT…")]
Force = Annotated[bool, typer.Option("--force", help="Even below what the project has already.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_verbs = typer.Typer(
    name="quota", help="How many of each thing a project may have.", epilog=_EPILOG, no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(_verbs)


@_verbs.command("show", epilog=_EPILOG)
def show(
    project: Annotated[
        str, typer.Argument(metavar="PROJECT", help="Its name or its id; your own if left out.", show_default=False)
    ] = "",
    json: Json = False,
) -> None:
    """Show a project's limits, and what it uses of them."""
    from futago.cli.resource_tables import show_many

    with _asking("futago quota show") as client:
        project_id = client.project_id(project)
        quota = client.act("GET", f"quotas/{project_id}/details")["quota"]
        rows = [{"resource": name, **of} for name, of in sorted(quota.items())]
        show_many(["resource", "limit", "used"], rows, as_json=json)


@_verbs.command("set", epilog=_EPILOG)
def set_(project: Project, limits: Limits, force: Force = False, json: Json = False) -> None:
    """Give a project limits of its own."""
    from futago.cli.resource_tables import show_one
    from futago.client import ApiRefused

    with _asking("futago quota set") as client:
        asked: dict[str, object] = {"force": True} if force else {}
        for pair in limits:
            name, equals, number = pair.partition("=")
            if not equals or not number.removeprefix("-").isdecimal():
                raise ApiRefused(f"{pair}: expected RESOURCE=LIMIT, as network=20")
            asked[name] = int(number)
        path = f"quotas/{client.project_id(project)}"
        show_one(client.act("PUT", path, {"quota": asked})["quota"], as_json=json)


@_verbs.command("reset", epilog=_EPILOG)
def reset(project: Project) -> None:
    """Take a project's own limits away: it has the defaults again."""
    with _asking("futago quota reset") as client:
        client.delete("quotas", client.project_id(project))


@contextmanager
def _asking(program: str) -> Iterator[ApiClient]:
    """The API's client; what goes wrong is said in `program`'s name."""
    from futago.client import ApiClient, ApiRefused, NoCredentials

    try:
        yield ApiClient(os.environ)
    except NoCredentials as error:
        fail(program, str(error), BAD_USE)
    except (ApiRefused, OSError) as error:
        fail(program, str(error), FAILED)
