"""One secret gives independent keys."""

import pytest

from gatepost.security.keys import derive_key

SECRET = "correct horse battery staple, at length"


def test_a_key_agrees_with_rfc_5869() -> None:
    key = derive_key("\x0b" * 22, "", 42)  # RFC 5869, appendix A.3
    assert key.hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


def test_the_same_secret_and_purpose_give_the_same_key() -> None:
    assert derive_key(SECRET, "access tokens") == derive_key(SECRET, "access tokens")


@pytest.mark.parametrize(
    ("secret", "purpose"), [(SECRET, "refresh tokens"), (SECRET + ".", "access tokens")]
)
def test_another_secret_or_purpose_gives_another_key(secret: str, purpose: str) -> None:
    assert derive_key(secret, purpose) != derive_key(SECRET, "access tokens")


@pytest.mark.parametrize("length", [16, 32, 64])
def test_a_key_is_as_long_as_asked(length: int) -> None:
    assert len(derive_key(SECRET, "cookies", length)) == length
