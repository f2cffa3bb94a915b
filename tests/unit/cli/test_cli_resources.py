"""The verbs of resources: all of them are there, and none of them makes `futago --help` slow."""

import subprocess
import sys

from typer.main import get_group
from typer.testing import CliRunner

from futago.__main__ import app
from futago.cli.resource_verbs import group
from futago.controller.resources.catalog import RESOURCES

_HELP = """
import sys
sys.argv = ["futago", "--help"]
from futago.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code
assert not {"sqlalchemy", "httpx", "futago.controller.resources.catalog"} & sys.modules.keys()
"""


def test_the_help_of_futago_reads_no_table() -> None:
    done = subprocess.run([sys.executable, "-c", _HELP], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "futago network create" in done.stdout


def test_every_resource_has_its_verbs_with_examples() -> None:
    for resource in RESOURCES:
        name = resource.name.replace("_", "-")
        made = group(name)
        assert made is not None
        wanted = {"list": True, "create": resource.create, "update": resource.update, "delete": resource.delete}
        verbs = get_group(made).commands
        assert {verb for verb, work in wanted.items() if work} <= verbs.keys()
        for verb, command in verbs.items():
            assert f"futago {name} {verb}" in str(command.epilog)


def test_help_shows_an_example() -> None:
    for verb in ("create", "list", "add-router-interface"):
        shown = CliRunner().invoke(app, ["router", verb, "--help"])
        assert shown.exit_code == 0, shown.output
        assert f"futago router {verb}" in shown.output


def test_actions_are_verbs_too() -> None:
    found = {name: get_group(made).commands.keys() for name in ("router", "trunk", "port") if (made := group(name))}
    assert {"add-router-interface", "remove-router-interface", "add-extraroutes", "l3-agents"} <= found["router"]
    assert {"add-subports", "remove-subports", "subports", "set-tags"} <= found["trunk"]
    assert "bindings" in found["port"]


def test_no_two_options_of_a_verb_have_one_name() -> None:
    for resource in RESOURCES:
        made = group(resource.name.replace("_", "-"))
        assert made is not None
        for verb, command in get_group(made).commands.items():
            flags = [flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)]
            assert len(set(flags)) == len(flags), (resource.name, verb)


def test_a_resource_that_is_none_is_no_command() -> None:
    assert CliRunner().invoke(app, ["nothing", "list"]).exit_code == 2
