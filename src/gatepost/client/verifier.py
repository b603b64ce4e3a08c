"""Verifies access tokens in a resource server: as a function, and as a FastAPI dependency."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import Depends, HTTPException, WebSocket, WebSocketException
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketState

from gatepost.client.callers import never_injected, schema_of_caller
from gatepost.client.ids import parse_id
from gatepost.client.jwks import KeysUnavailable, RemoteKeys
from gatepost.client.jwt import (
    ACCESS,
    ASYMMETRIC_ALGORITHMS,
    Algorithm,
    InvalidToken,
    Key,
    UnknownKey,
    secret_key,
    verify,
)
from gatepost.client.schemes import BEARER, challenge, is_taken, read_schemes


class _Documented(HTTPBearer):
    """Describes the token in OpenAPI; `TokenVerifier` reads it, also from WebSockets."""

    async def __call__(self, _: HTTPConnection) -> None:
        return None


_bearer = _Documented(scheme_name="Gatepost", bearerFormat="JWT")

_CLOSED_AS = {401: 3000, 403: 3003}
"""By status: the code with which a WebSocket is closed (IANA's list)."""
_TRY_AGAIN_LATER = 1013


@never_injected
@dataclass(frozen=True, slots=True)
class Claims:
    """The caller that a verified access token names; `claims` is the whole payload, read-only.

    Only code constructs one: pydantic refuses every input that is not an instance already.
    """

    subject: str
    user_id: int
    session_id: str
    role: str
    token_id: str
    expires_at: datetime
    claims: Mapping[str, Any] = field(repr=False)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return schema_of_caller(cls, source, handler)


class TokenVerifier:
    """Verifies the access tokens that one issuer makes for one audience (RFC 9068, section 4).

    Give either `jwks_url`, for an issuer that signs with RS256, PS256, ES256 or EdDSA (the
    default: any of them, each key with its own only), or `secret`, for one that signs with
    HS256 (the default), HS384 or HS512. `max_age`, `cool_down` and `timeout` are in seconds: how
    long fetched keys stay fresh, the least time between two fetches, and the longest a fetch may
    take. `schemes` are the words that may stand before the token in `Authorization`. Raises
    `ValueError` for arguments that do not go together, or are not safe.

    It cannot see whether the session has ended since: only the issuer's own API refuses such a
    token at once; here it stays valid until it expires.
    """

    def __init__(  # noqa: PLR0913 - each is one setting of the resource server, given by name
        self,
        *,
        issuer: str,
        audience: str,
        jwks_url: str | None = None,
        secret: str | bytes | None = None,
        algorithms: Collection[Algorithm] | None = None,
        max_age: float = 300,
        cool_down: float = 10,
        timeout: float = 5,
        schemes: Collection[str] = BEARER,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not issuer or not audience:
            raise ValueError("an issuer and an audience are needed")
        self._issuer, self._audience, self._clock = issuer, audience, clock
        self._schemes = read_schemes([schemes] if isinstance(schemes, str) else schemes)
        self._remote: RemoteKeys | None = None
        self._shared: Mapping[str | None, Key] = {}
        if secret is not None and jwks_url is None:
            self._shared = {None: secret_key(_symmetric(algorithms), secret)}
        elif jwks_url is not None and secret is None:
            self._remote = RemoteKeys(
                jwks_url,
                _asymmetric(algorithms),
                max_age=max_age,
                cool_down=cool_down,
                timeout=timeout,
                clock=clock,
            )
        else:
            raise ValueError("give either a JWKS URL or a secret")

    async def verify(self, token: str) -> Claims:
        """Return the claims of a valid access token; fetches keys if needed.

        Raises `InvalidToken`, or `KeysUnavailable` while no keys could be fetched at all.
        """
        if self._remote is None:
            return self.verify_now(token)
        try:
            return self._read(token, await self._remote.current())
        except UnknownKey:
            return self._read(token, await self._remote.newer())

    def verify_now(self, token: str) -> Claims:
        """The same without waiting, for a verifier with a secret; raises `InvalidToken`."""
        if self._remote is not None:
            raise RuntimeError("keys may have to be fetched: await verify()")
        return self._read(token, self._shared)

    async def __call__(
        self, connection: HTTPConnection, _: Annotated[None, Depends(_bearer)] = None
    ) -> Claims:
        """The FastAPI dependency, `Depends(verifier)`: the caller's claims or a refusal.

        401 with the challenge of RFC 6750 (section 3), which names an error only if there was a
        token; 503 with `Retry-After` while there are no keys to judge by. Two `Authorization`
        fields are a bad token: a proxy may have looked at the other one. A WebSocket that cannot be
        answered so is closed, with 3000, 3003 for 403, or 1013 for 503.
        """
        return await self._verify_token(connection, self._token_of(connection))

    async def optional(
        self, connection: HTTPConnection, _: Annotated[None, Depends(_bearer)] = None
    ) -> Claims | None:
        """The same, `Depends(verifier.optional)`, but returns None if no token was sent."""
        token = self._token_of(connection)
        return None if token is None else await self._verify_token(connection, token)

    def require_role(self, *roles: str) -> Callable[..., Awaitable[Claims]]:
        """Make a dependency that refuses, with 403, callers that have none of these roles."""
        if not roles:
            raise ValueError("name a role at least")

        async def require(
            connection: HTTPConnection, claims: Annotated[Claims, Depends(self)]
        ) -> Claims:
            if claims.role not in roles:
                asks = challenge(self._schemes, "insufficient_scope")
                raise _exception(connection, 403, "This role may not do that", _challenged(asks))
            return claims

        return require

    def _token_of(self, connection: HTTPConnection) -> str | None:
        """The token that was sent, by one of the schemes; None if there is none."""
        headers = connection.headers.getlist("authorization")
        if len(headers) > 1:
            raise self._bad_token(connection)
        scheme, token = get_authorization_scheme_param(headers[0] if headers else None)
        return token if is_taken(scheme, self._schemes) else None

    async def _verify_token(self, connection: HTTPConnection, token: str | None) -> Claims:
        if not token:
            asks = challenge(self._schemes)
            raise _exception(connection, 401, "Not authenticated", _challenged(asks))
        try:
            return await self.verify(token)
        except InvalidToken as error:
            raise self._bad_token(connection) from error
        except KeysUnavailable as error:
            retry = {"Retry-After": str(error.retry_after)}
            sentence = "Access tokens cannot be verified now"
            raise _exception(connection, 503, sentence, retry) from error

    def _bad_token(self, connection: HTTPConnection) -> Exception:
        asks = challenge(self._schemes, "invalid_token")
        return _exception(connection, 401, "The access token is not valid", _challenged(asks))

    def _read(self, token: str, keys: Mapping[str | None, Key]) -> Claims:
        return _claims(
            verify(
                ACCESS,
                token,
                keys,
                issuer=self._issuer,
                audience=self._audience,
                now=self._clock(),
            )
        )


def _symmetric(algorithms: Collection[Algorithm] | None) -> Algorithm:
    if algorithms is None:
        return "HS256"
    if len(algorithms) != 1:
        raise ValueError("a secret is used with one algorithm")
    return next(iter(algorithms))


def _asymmetric(algorithms: Collection[Algorithm] | None) -> Collection[Algorithm]:
    if algorithms is None:
        return ASYMMETRIC_ALGORITHMS
    if not algorithms or not ASYMMETRIC_ALGORITHMS.issuperset(algorithms):
        raise ValueError("published keys are used with RS256, PS256, ES256 or EdDSA")
    return algorithms


def _claims(members: dict[str, Any]) -> Claims:
    session_id = members.get("sid")
    if type(session_id) is int:
        session_id = str(session_id)
    return Claims(
        subject=members["sub"],
        user_id=_user_id(members["sub"]),
        session_id=_text(session_id),
        role=_text(members.get("role")),
        token_id=_text(members.get("jti")),
        expires_at=datetime.fromtimestamp(members["exp"], UTC),
        claims=MappingProxyType(members),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidToken("bad_claims")
    return value


def _user_id(subject: str) -> int:
    user_id = parse_id(subject)
    if user_id is None:
        raise InvalidToken("bad_claims")
    return user_id


def _challenged(value: str) -> dict[str, str]:
    return {"WWW-Authenticate": value}


def _exception(
    connection: HTTPConnection, status: int, sentence: str, headers: dict[str, str]
) -> Exception:
    """The exception that makes FastAPI answer with this status, or close the WebSocket."""
    if not isinstance(connection, WebSocket) or _is_answerable(connection):
        return HTTPException(status, sentence, headers)
    return WebSocketException(_CLOSED_AS.get(status, _TRY_AGAIN_LATER), sentence)


def _is_answerable(socket: WebSocket) -> bool:
    """Whether an HTTP answer is possible: before the handshake, if the server supports that."""
    is_new = socket.application_state is WebSocketState.CONNECTING
    return is_new and "websocket.http.response" in (socket.scope.get("extensions") or {})
