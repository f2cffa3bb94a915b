"""Which tests there are, as pytest finds them: for each the names of its marks and whether it always skips.

A program of its own: `python collected.py FOLDER…` collects in a fresh process and prints JSON.
"""

import ast
import inspect
import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Found:
    """One test function."""

    node_id: str
    """Without the parameters."""
    always_skips: bool


def collect(*folders: str) -> list[Found]:
    """The test functions in these folders, each once however many parameters it has.

    Raises:
        subprocess.CalledProcessError: a file cannot be imported.

    """
    command = [sys.executable, __file__, *folders]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return [Found(node_id, always_skips) for node_id, always_skips in found.items()]


class _Listing:
    def __init__(self) -> None:
        self.found: dict[str, bool] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        for item in items:
            name = item.nodeid.partition("[")[0]
            skips = _is_marked_to_skip(item) or _begins_with_a_skip(item.function)
            self.found[name] = skips and self.found.get(name, True)


def _is_marked_to_skip(item: pytest.Function) -> bool:
    unconditional = any(item.iter_markers("skip")) or any(item.iter_markers("xfail"))
    return unconditional or any(True in mark.args for mark in item.iter_markers("skipif"))


def _begins_with_a_skip(function: Any) -> bool:
    """Whether a statement of the body itself, below no condition, skips or expects to fail."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef)
    return any(
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and ast.unparse(statement.value.func) in {"pytest.skip", "pytest.xfail", "skip", "xfail"}
        for statement in definition.body
    )


if __name__ == "__main__":
    listing = _Listing()
    code = pytest.main(["--collect-only", "-qq", "--no-header", *sys.argv[1:]], plugins=[listing])
    print("\n" + json.dumps(listing.found))
    sys.exit(code)
