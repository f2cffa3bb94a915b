"""Schemathesis, for a moment: no answer of the API is other than its description says, whoever asks."""

import pytest

from compat_kit.controller import Controller
from compat_kit.schemathesis import CALLERS, check, tokens


@pytest.fixture(scope="module")
def token_of(controller: Controller) -> dict[str, str]:
    return tokens(controller)


@pytest.mark.parametrize("role", CALLERS)
def test_answers_are_as_described(controller: Controller, token_of: dict[str, str], role: str) -> None:
    done = check(controller, token_of[role], "--phases=fuzzing", "--max-examples=3", "--seed=1")
    assert done.returncode == 0, done.stdout + done.stderr
