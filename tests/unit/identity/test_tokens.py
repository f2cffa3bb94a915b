"""Tokens are sealed: nothing but our keys makes or opens them."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from futago.controller.caller import Unauthorized
from futago.controller.identity.tokens import KEYS_FILE, Sealer, Token, new_audit_id, sealer

TOKEN = Token(
    user_id="u", project_id="p", methods=("password",), audit_ids=("a",), issued_at=1_000.5, expires_at=2_000.0
)


def a_sealer() -> Sealer:
    return Sealer([Fernet.generate_key().decode()])


def test_what_was_sealed_is_opened_again() -> None:
    ours = a_sealer()
    assert ours.open(ours.seal(TOKEN)) == TOKEN


def test_an_unscoped_token_survives_the_way() -> None:
    ours = a_sealer()
    unscoped = Token(user_id="u", project_id=None, methods=("token",), audit_ids=("a", "b"), issued_at=1, expires_at=2)
    assert ours.open(ours.seal(unscoped)) == unscoped


def test_a_token_of_other_keys_is_refused() -> None:
    with pytest.raises(Unauthorized):
        a_sealer().open(a_sealer().seal(TOKEN))


def test_after_a_rotation_tokens_of_the_old_key_are_still_good() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    assert Sealer([new, old]).open(Sealer([old]).seal(TOKEN)) == TOKEN


@given(st.text())
def test_any_text_is_refused_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(Unauthorized):
        Sealer(["Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6MTIzNDU="]).open(text)


@given(st.integers(min_value=0, max_value=150), st.integers(min_value=1, max_value=255))
def test_a_token_with_one_changed_letter_is_refused(position: int, change: int) -> None:
    ours = a_sealer()
    text = ours.seal(TOKEN)
    place = position % (len(text.rstrip("=")) - 1)  # the last letter may hold bits that mean nothing
    letter = chr((ord(text[place]) + change) % 128)
    if letter == text[place]:
        return
    with pytest.raises(Unauthorized):
        ours.open(text[:place] + letter + text[place + 1 :])


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    text = sealer(tmp_path).seal(TOKEN)
    assert sealer(tmp_path).open(text) == TOKEN
    assert (tmp_path / KEYS_FILE).stat().st_mode & 0o777 == 0o600


def test_audit_ids_differ() -> None:
    assert new_audit_id() != new_audit_id()
