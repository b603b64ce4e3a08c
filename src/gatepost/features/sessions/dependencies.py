"""Who is calling, as a route asks for it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.requests import HTTPConnection
from starlette.types import Scope

from gatepost.client.schemes import is_taken
from gatepost.features.callers.errors import InvalidToken, NotAuthenticated
from gatepost.features.callers.principal import Principal
from gatepost.features.sessions import service as sessions
from gatepost.features.sessions.cache import CachedSession
from gatepost.runtime import Runtime
from gatepost.settings import TransportSettings
from gatepost.web.cookies import ACCESS_COOKIE, TwoCookiesError, sent_cookie
from gatepost.web.csrf import refuse_cross_site
from gatepost.web.dependencies import CurrentRuntime, origin_of
from gatepost.work import Work, begin_work


# For the OpenAPI document: Swagger UI's Authorize button logs in with the password form.
# `web.openapi` puts in where. A host's own scheme of this class goes by the class's name.
# `find_access_token` reads what is sent, whatever connection it comes by.
class _PasswordForm(OAuth2PasswordBearer):
    async def __call__(self, _: HTTPConnection) -> None:
        return None


password_form = _PasswordForm(tokenUrl="auth/login", scheme_name="GatepostLogin")


async def get_principal(
    request: Request, runtime: CurrentRuntime, _: Annotated[str | None, Depends(password_form)]
) -> Principal:
    """The caller. Raises as `find_session` does."""
    session, by_cookie = await find_session(request, runtime)
    return replace(session.principal, by_cookie=True) if by_cookie else session.principal


Reading = Callable[[Work, CachedSession], Awaitable[None]]

STAND_IN = "gatepost.stand_in"
"""In the scope: a host's test has put somebody in the caller's place. It holds an async function
that gives their session for a request, or None."""


async def find_session(
    request: Request, runtime: Runtime, and_read: Reading | None = None
) -> tuple[CachedSession, bool]:
    """The caller's session, and whether it was shown by cookie.

    Where this process knows it, nothing is opened and nobody is asked; else the database is, in
    work of its own that ends before the route's begins, and in which `and_read` may read more.
    Raises `NotAuthenticated`, `InvalidToken`, or `CsrfRejected` for a cookie.
    """
    if STAND_IN in request.scope:
        stand_in: CachedSession | None = await request.scope[STAND_IN](request)
        if stand_in is not None:
            return stand_in, False
    settings = runtime.settings
    token, by_cookie = find_access_token(request, settings)
    if by_cookie:
        refuse_cross_site(request, settings)
    session = sessions.recall(runtime, token)
    if session is None:
        origin = origin_of(request.scope, settings)
        async with begin_work(runtime, origin, writes=False) as work:
            session = await sessions.look_up(work, token)
            if and_read is not None:
                await and_read(work, session)
        sessions.remember(runtime, session)
    return session, by_cookie


def find_access_token(request: HTTPConnection, settings: TransportSettings) -> tuple[str, bool]:
    """The token sent and whether it came by cookie; the header wins (RFC 6750 section 2.1).

    Raises `NotAuthenticated` where there is none, and `InvalidToken` for two headers, of which a
    proxy before us may have looked at the other, and for two different cookies.
    """
    headers = request.headers.getlist("authorization")
    if len(headers) > 1:
        raise InvalidToken
    scheme, token = get_authorization_scheme_param(headers[0] if headers else None)
    transports = settings.auth_transports
    if "bearer" in transports and is_taken(scheme, settings.auth_schemes):
        return token, False
    cookie = find_token_cookie(request.scope, ACCESS_COOKIE, transports)
    if cookie is not None:
        return cookie, True
    raise NotAuthenticated


def find_token_cookie(scope: Scope, name: str, transports: frozenset[str]) -> str | None:
    """The token that came in this cookie, where cookies are taken; None if there is none.

    Raises `InvalidToken` for two different ones: a site beside ours may have set the other.
    """
    if "cookie" not in transports:
        return None
    try:
        return sent_cookie(scope, name) or None
    except TwoCookiesError:
        raise InvalidToken from None


CurrentPrincipal = Annotated[Principal, Depends(get_principal, scope="function")]
