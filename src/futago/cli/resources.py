"""`futago network create|list|show|update|delete`, and so for every resource of the API, by its table of fields.

The tables are read when a command is named that needs them, so that `futago --help` stays quick.
"""

from __future__ import annotations

import functools
from typing import Any

import typer
import typer.main
from typer.core import TyperGroup

HOW = """
Everything that the API serves has verbs here, too; `futago resources` lists them:

  futago network create blue
  futago subnet create --network blue --cidr 192.168.80.0/24 --ip-version 4
  futago port create web --network blue --fixed-ips subnet=blue4,ip_address=192.168.80.9
  futago router add-router-interface router80 --subnet blue4
  futago port list --network blue --json
"""


class TopGroup(TyperGroup):
    """The commands, and a group for each resource of the API."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command of ours, or the group of a resource."""
        return super().get_command(ctx, cmd_name) or _group(cmd_name)


class SharedGroup(TyperGroup):
    """A group that has verbs of its own beside those of the resource of its name."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A verb of its own, or one of the resource."""
        return super().get_command(ctx, cmd_name) or _verbs(str(self.name)).get(cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        """All of them."""
        own = super().list_commands(ctx)
        return [*own, *(verb for verb in _verbs(str(self.name)) if verb not in own)]


def register(app: typer.Typer) -> None:
    """Add the command that lists the resources."""
    app.command("resources", epilog="Example: futago resources | grep network")(resources)


def resources() -> None:
    """List what the API serves, and what can be done with it."""
    from rich.console import Console
    from rich.table import Table

    from futago.controller.resources.catalog import RESOURCES

    table = Table("futago …", "verbs", box=None)
    for resource in RESOURCES:
        name = resource.name.replace("_", "-")
        table.add_row(name, ", ".join(_verbs(name)))
    Console(highlight=False).print(table)


@functools.cache
def _group(name: str) -> TyperGroup | None:
    from futago.cli.resource_verbs import group

    found = group(name)
    return None if found is None else typer.main.get_group(found)


def _verbs(name: str) -> dict[str, Any]:
    found = _group(name)
    return {} if found is None else dict(found.commands)
