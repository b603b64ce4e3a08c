"""The two tokens of a session, computed from its row: the same row gives the same pair."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from gatepost.client import jwt
from gatepost.client.ids import LARGEST_ID, parse_id
from gatepost.features.callers.errors import InvalidToken
from gatepost.features.sessions.models import TokenBasis
from gatepost.features.sessions.state import SessionsState
from gatepost.features.signing_keys import service as signing_keys
from gatepost.features.signing_keys.state import SigningKeysState
from gatepost.runtime import Runtime
from gatepost.security import tokens
from gatepost.security.tokens import Key
from gatepost.work import Work


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The tokens of a login or a refresh. Lifetimes are in seconds from `issued_at`."""

    access_token: str
    refresh_token: str
    access_lifetime: int
    refresh_lifetime: int


class AccessClaims(NamedTuple):
    """The claims of a verified access token; the rest is read from the session."""

    session_id: int
    subject: str


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """The claims of a verified refresh token."""

    session_id: int
    user_id: int
    generation: int


def issue(runtime: Runtime, session: TokenBasis) -> TokenPair:
    """Compute the pair of a session's current generation.

    All claims come from the row, and the signatures are deterministic (except for PS256), so that
    a retried refresh gets the same pair, and no token has to be stored. Call
    `signing_keys.prepare_signing` before the transaction.
    """
    settings = runtime.settings
    access_expires_at = min(
        session.renewed_at + settings.tokens.access_token_lifetime, session.absolute_expires_at
    )
    issued, subject = _seconds(session.renewed_at), str(session.user_id)
    access_id, refresh_id = _token_ids(runtime.state(SessionsState).token_id_key, session)
    access: dict[str, str | int] = {
        "iss": settings.tokens.issuer,
        "aud": settings.tokens.audience,
        "sub": subject,
        "sid": session.id,
        "jti": access_id,
        "iat": issued,
        "exp": _seconds(access_expires_at),
        "role": session.role,
    }
    refresh: dict[str, str | int] = {
        "iss": settings.tokens.issuer,
        "aud": settings.tokens.issuer,
        "sub": subject,
        "sid": session.id,
        "jti": refresh_id,
        "iat": issued,
        "exp": _seconds(session.expires_at),
        "gen": session.generation,
    }
    return TokenPair(
        access_token=tokens.encode(tokens.ACCESS, access, signing_keys.signing_key(runtime)),
        refresh_token=tokens.encode(
            tokens.REFRESH, refresh, runtime.state(SessionsState).refresh_key
        ),
        access_lifetime=_seconds(access_expires_at) - issued,
        refresh_lifetime=_seconds(session.expires_at) - issued,
    )


def verify_cached(runtime: Runtime, token: str, now: datetime) -> AccessClaims | None:
    """Verify an access token by the cached keys; None if the keys have to be read first.

    Raises `InvalidToken`.
    """
    keys = signing_keys.cached_keys(runtime, now)
    if keys is None:
        return None
    try:
        return _verify_access_token(runtime, token, keys, now)
    except tokens.UnknownKey:
        return None  # another process may have rotated the keys
    except jwt.InvalidToken as error:
        raise InvalidToken from error


async def verify_access_token(work: Work, token: str) -> AccessClaims:
    """Verify an access token (RFC 9068 section 4); raises `InvalidToken`."""
    try:
        return await _verify_by_newest_keys(work, token)
    except jwt.InvalidToken as error:
        raise InvalidToken from error


async def _verify_by_newest_keys(work: Work, token: str) -> AccessClaims:
    try:
        keys = await signing_keys.verifying_keys(work)
        return _verify_access_token(work.runtime, token, keys, work.now)
    except tokens.UnknownKey:  # another process may have rotated the keys
        keys = await signing_keys.reread_verifying_keys(work)
    return _verify_access_token(work.runtime, token, keys, work.now)


def _verify_access_token(
    runtime: Runtime, token: str, keys: Mapping[str | None, Key], now: datetime
) -> AccessClaims:
    """The claims of a valid token; `keys` are the ring's current keys."""
    verified = runtime.state(SigningKeysState).ring.verified
    found: AccessClaims | None = verified.find(token, now)
    if found is not None:
        return found
    settings = runtime.settings
    claims = tokens.decode(
        tokens.ACCESS,
        token,
        keys,
        issuer=settings.tokens.issuer,
        audience=settings.tokens.audience,
        now=now,
    )
    read = AccessClaims(session_id=_number(claims.get("sid")), subject=claims["sub"])
    verified.keep(token, tokens.validity_of(claims), read)
    return read


def verify_refresh_token(work: Work, token: str) -> RefreshClaims:
    """Verify a refresh token; raises `InvalidToken`."""
    settings, key = work.runtime.settings, work.runtime.state(SessionsState).refresh_key
    try:
        claims = tokens.decode(
            tokens.REFRESH,
            token,
            {key.kid: key},
            issuer=settings.tokens.issuer,
            audience=settings.tokens.issuer,
            now=work.now,
        )
    except jwt.InvalidToken as error:
        raise InvalidToken from error
    return RefreshClaims(
        session_id=_number(claims.get("sid")),
        user_id=_number_of(claims["sub"]),
        generation=_number(claims.get("gen")),
    )


def _number(value: object) -> int:
    """An integer that the database can hold; raises `InvalidToken` for anything else."""
    if type(value) is not int or not 0 <= value <= LARGEST_ID:  # True is an int by isinstance
        raise InvalidToken
    return value


def _number_of(subject: str) -> int:
    """The user id in a subject; raises `InvalidToken` unless it is in canonical form."""
    user_id = parse_id(subject)
    if user_id is None:
        raise InvalidToken
    return user_id


def _token_ids(key: bytes, session: TokenBasis) -> tuple[str, str]:
    """The ids (`jti`) of the two tokens: the same for the same generation, and not guessable."""
    message = b"%d:%d" % (session.id, session.generation)
    digest = hmac.digest(key, message, "sha256").hex()
    return digest[:32], digest[32:]


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
