"""A resource server learns who is calling, or that it may not believe the token."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gatepost.client import Claims, InvalidToken, TokenVerifier
from gatepost.security import tokens
from gatepost.security.tokens import Algorithm
from tests.unit.client.conftest import SetClock
from tests.unit.client.forge import (
    AUDIENCE,
    EPOCH,
    ISSUER,
    SECRET,
    claims,
    claims_without,
    forge,
    key_of,
)


@pytest.fixture
def verifier(clock: SetClock) -> TokenVerifier:
    return TokenVerifier(issuer=ISSUER, audience=AUDIENCE, secret=SECRET, clock=clock)


def test_a_good_token_says_who_is_calling(verifier: TokenVerifier) -> None:
    caller = verifier.verify_now(forge())
    assert caller == Claims(
        subject="42",
        user_id=42,
        session_id="7",
        role="user",
        token_id="5f1d",
        expires_at=datetime.fromtimestamp(EPOCH + 900, UTC),
        claims=claims(),
    )


@pytest.mark.anyio
async def test_waiting_for_a_verdict_gives_the_same(verifier: TokenVerifier) -> None:
    assert await verifier.verify(forge()) == verifier.verify_now(forge())


def test_claims_cannot_be_changed(verifier: TokenVerifier) -> None:
    caller = verifier.verify_now(forge())
    with pytest.raises(TypeError):
        caller.claims["role"] = "admin"  # type: ignore[index] # that it is refused is the test


def test_a_token_is_good_until_the_clock_says_otherwise(
    verifier: TokenVerifier, clock: SetClock
) -> None:
    clock.now += 909
    assert verifier.verify_now(forge())
    clock.now += 1
    with pytest.raises(InvalidToken, match="expired"):
        verifier.verify_now(forge())


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_secret_is_used_with_one_algorithm(clock: SetClock, algorithm: Algorithm) -> None:
    verifier = TokenVerifier(
        issuer=ISSUER, audience=AUDIENCE, secret=SECRET, algorithms=[algorithm], clock=clock
    )
    for other in ("HS256", "HS384", "HS512"):
        token = tokens.encode(tokens.ACCESS, claims(), key_of(other))
        if other == algorithm:
            assert verifier.verify_now(token)
            continue
        with pytest.raises(InvalidToken, match="wrong_algorithm"):
            verifier.verify_now(token)


def test_a_refresh_token_opens_nothing(verifier: TokenVerifier) -> None:
    with pytest.raises(InvalidToken, match="wrong_type"):
        verifier.verify_now(tokens.encode(tokens.REFRESH, claims(), key_of("HS256")))


@pytest.mark.parametrize(
    "payload",
    [
        *(claims_without(name) for name in ("sid", "role", "jti")),
        *(
            claims(**{name: value})
            for name in ("role", "jti")
            for value in ("", 1, None, ["admin"])
        ),
        *(claims(sid=value) for value in ("", True, 1.5, None, ["7"])),
        *(
            claims(sub=value)
            for value in ("0", "042", "-1", "+1", " 1", "1.0", "1e3", "bob", "\u0664\u0662", "²")
        ),
        claims(sub=str(2**63)),
        claims(sub="9" * 5000),
    ],
)
def test_a_token_that_does_not_say_who_is_calling_is_refused(
    verifier: TokenVerifier, payload: dict[str, Any]
) -> None:
    with pytest.raises(InvalidToken, match="bad_claims"):
        verifier.verify_now(forge(payload=payload))


def test_the_largest_id_is_one(verifier: TokenVerifier) -> None:
    assert verifier.verify_now(forge(payload=claims(sub=str(2**63 - 1)))).user_id == 2**63 - 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "either"),
        ({"secret": SECRET, "jwks_url": "https://auth.example.com/jwks"}, "either"),
        ({"secret": "short"}, "32 bytes"),
        ({"secret": ""}, "32 bytes"),
        ({"secret": SECRET[:40], "algorithms": ["HS384"]}, "48 bytes"),
        ({"secret": SECRET, "algorithms": ["HS256", "HS384"]}, "one algorithm"),
        ({"secret": SECRET, "algorithms": []}, "one algorithm"),
        ({"secret": SECRET, "algorithms": ["ES256"]}, "no shared secret"),
        ({"secret": SECRET, "algorithms": ["none"]}, "no shared secret"),
        ({"jwks_url": "https://auth.example.com/jwks", "algorithms": ["HS256"]}, "published"),
        ({"jwks_url": "https://auth.example.com/jwks", "algorithms": ["none"]}, "published"),
        ({"jwks_url": "https://auth.example.com/jwks", "algorithms": []}, "published"),
        ({"secret": SECRET, "issuer": ""}, "issuer"),
        ({"secret": SECRET, "audience": ""}, "audience"),
    ],
)
def test_a_verifier_that_would_not_be_safe_is_not_made(
    arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        TokenVerifier(**{"issuer": ISSUER, "audience": AUDIENCE} | arguments)


def test_a_verifier_that_may_have_to_fetch_says_so() -> None:
    verifier = TokenVerifier(issuer=ISSUER, audience=AUDIENCE, jwks_url="https://a.example/jwks")
    with pytest.raises(RuntimeError, match="await"):
        verifier.verify_now(forge())


def test_a_verifier_shows_no_secret(verifier: TokenVerifier) -> None:
    assert SECRET not in repr(verifier)
    assert SECRET not in repr(vars(verifier))
