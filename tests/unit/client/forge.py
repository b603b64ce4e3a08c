"""Tokens a careful issuer would never make, signed as if it had."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from gatepost.security import tokens
from gatepost.security.tokens import Algorithm, Key

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
ISSUER = "https://auth.example.com"
AUDIENCE = "orders"
SECRET = "an HMAC key for the tests that nobody else has, at least 64 bytes of it."
HEADER = {"alg": "HS256", "typ": tokens.ACCESS}


@cache
def key_of(algorithm: Algorithm) -> Key:
    """One key an algorithm for the whole run: making RSA's takes a while."""
    if algorithm.startswith("HS"):
        return tokens.secret_key(algorithm, SECRET)
    return tokens.generate_key(algorithm)


def claims(**changes: object) -> dict[str, Any]:
    """The claims of a good access token, with changes."""
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "42",
        "sid": 7,
        "jti": "5f1d",
        "role": "user",
        "iat": EPOCH,
        "exp": EPOCH + 900,
    }
    return {**good, **changes}


def claims_without(name: str) -> dict[str, Any]:
    return {other: value for other, value in claims().items() if other != name}


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def forge(
    header: Mapping[str, object] | bytes = HEADER,
    payload: Mapping[str, object] | bytes | None = None,
    secret: str | bytes = SECRET,
) -> str:
    """A token of any header and payload under a right HS256 signature, so that only the rest of
    it can be what it is refused for."""
    parts = (header, claims() if payload is None else payload)
    message = ".".join(
        base64url(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in parts
    )
    raw = secret if isinstance(secret, bytes) else secret.encode()
    return f"{message}.{base64url(hmac.digest(raw, message.encode(), 'sha256'))}"


def read(token: str, key: Key | None = None, now: datetime = NOW) -> dict[str, Any]:
    """Decode as the service does, with one key."""
    key = key or key_of("HS256")
    return tokens.decode(
        tokens.ACCESS, token, {key.kid: key}, issuer=ISSUER, audience=AUDIENCE, now=now
    )
