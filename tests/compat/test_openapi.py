"""Schemathesis, for a moment: no answer of the API is other than its description says, whoever asks."""

import subprocess
from pathlib import Path

import httpx
import pytest

from compat_kit.clients import Client
from compat_kit.controller import Controller
from compat_kit.schemathesis import CALLERS, check, tokens

VALIDATOR = Client("openapi-spec-validator", "0.9.0", ("openapi-spec-validator==0.9.0",))


@pytest.fixture(scope="module")
def token_of(controller: Controller) -> dict[str, str]:
    return tokens(controller)


@pytest.mark.parametrize("role", CALLERS)
def test_answers_are_as_described(controller: Controller, token_of: dict[str, str], role: str) -> None:
    done = check(controller, token_of[role], "--phases=fuzzing", "--max-examples=3", "--seed=1")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_description_is_valid_openapi(controller: Controller, tmp_path: Path) -> None:
    described = tmp_path / "openapi.json"
    described.write_bytes(httpx.get(f"{controller.url}/v2.0/openapi.json", timeout=60).content)
    judge = VALIDATOR.install() / VALIDATOR.command
    done = subprocess.run([str(judge), str(described)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
