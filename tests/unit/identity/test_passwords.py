"""Passwords: hashed with a salt, verified in the same time whoever asks."""

from futago.controller.identity.passwords import hash_password, verify_password


def test_a_password_is_verified_by_its_hash_and_no_other_is() -> None:
    hashed = hash_password("correct horse")
    assert verify_password("correct horse", hashed)
    assert not verify_password("correct horse ", hashed)


def test_the_same_password_is_never_hashed_to_the_same_text() -> None:
    assert hash_password("twins") != hash_password("twins")


def test_a_hash_fits_its_column_and_does_not_show_the_password() -> None:
    hashed = hash_password("p" * 4000)
    assert len(hashed) <= 255
    assert "pppp" not in hashed


def test_nobody_and_users_without_a_password_cannot_log_in() -> None:
    assert not verify_password("", None)
    assert not verify_password("", "")


def test_hashes_of_another_cost_still_verify() -> None:
    """Raising the cost does not lock anybody out."""
    cheap = "scrypt$16$8$1$c2FsdHNhbHRzYWx0c2FsdA==$" + _key_of("old", n=16)
    assert verify_password("old", cheap)


def _key_of(password: str, n: int) -> str:
    import hashlib
    from base64 import b64encode

    return b64encode(hashlib.scrypt(password.encode(), salt=b"saltsaltsaltsalt", n=n, r=8, p=1, dklen=32)).decode()
