"""What was verified is remembered by its digest: so much of it, and no more."""

from datetime import UTC, datetime, timedelta

import pytest

from gatepost.client.jwt import InvalidToken, validity_of
from gatepost.security.verified_tokens import VerifiedTokens

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
CLAIMS = {"exp": int(NOW.timestamp()) + 60, "iat": int(NOW.timestamp()), "sub": "1"}
VALIDITY = validity_of(CLAIMS)


def test_only_what_was_kept_is_found() -> None:
    verified = VerifiedTokens[dict[str, object]]()
    verified.keep("a.b.c", VALIDITY, CLAIMS)
    assert verified.find("a.b.c", NOW) == CLAIMS
    for other in ("a.b.d", "a.b.c ", "A.b.c", "", "x" * 100_000, "a.b.\ud800"):
        assert verified.find(other, NOW) is None


@pytest.mark.parametrize("seconds", [-11, 70, 100_000])
def test_times_are_judged_at_every_look(seconds: int) -> None:
    verified = VerifiedTokens[dict[str, object]]()
    verified.keep("a.b.c", VALIDITY, CLAIMS)
    with pytest.raises(InvalidToken):
        verified.find("a.b.c", NOW + timedelta(seconds=seconds))
    assert verified.find("a.b.c", NOW) == CLAIMS


def test_the_oldest_makes_room() -> None:
    verified = VerifiedTokens[dict[str, object]](most=3)
    for token in "abcde":
        verified.keep(token, VALIDITY, CLAIMS)
    assert len(verified) == 3
    assert [token for token in "abcde" if verified.find(token, NOW)] == ["c", "d", "e"]


def test_nothing_is_left_of_what_other_keys_verified() -> None:
    verified = VerifiedTokens[dict[str, object]]()
    verified.keep("a.b.c", VALIDITY, CLAIMS)
    verified.clear()
    assert verified.find("a.b.c", NOW) is None
    assert len(verified) == 0
