"""What `--help` says: every command has an example of itself."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from futago.__main__ import app


def commands(command: Any, *words: str) -> Iterator[tuple[str, Any]]:
    """The command, if it does something by itself, and all below it."""
    below = getattr(command, "commands", {})
    if not below or command.invoke_without_command:
        yield " ".join(words), command
    for name, one in below.items():
        yield from commands(one, *words, name)


def test_every_command_has_an_example_and_says_what_it_does() -> None:
    for name, command in commands(get_command(app), "futago"):
        assert command.help, name
        examples = command.epilog or ""
        assert name in examples or name.replace("futago", "./run") in examples, name
