"""FastAPI dependencies for the caller and their permissions."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from starlette.requests import HTTPConnection

from gatepost.features.callers.authenticators import find_credential
from gatepost.features.callers.cache import CachedCaller, cache_of
from gatepost.features.callers.permissions import (
    ADMINS,
    MODERATORS,
    Requirement,
    deny,
    is_allowed,
)
from gatepost.features.callers.principal import Principal
from gatepost.runtime import Runtime
from gatepost.web.csrf import refuse_cross_site
from gatepost.web.dependencies import origin_of
from gatepost.web.runtimes import runtime_of
from gatepost.work import Work, begin_work

T = TypeVar("T")

SCHEME_NAME: Final = "GatepostLogin"

STAND_IN: Final = "gatepost.stand_in"
"""Key in the ASGI scope, for tests of a host: an async function that takes the request and returns
the caller to assume, or None for the real one."""

Reading = Callable[[Work, CachedCaller], Awaitable[None]]


class CallerDependency(OAuth2PasswordBearer, Generic[T]):
    """A dependency that returns the result of `find`, and a security scheme in OpenAPI.

    One dependency instead of two, because FastAPI's time for a request grows with their number.
    Swagger UI's Authorize button logs in with the password form, whose URL `web.openapi` sets. The
    scheme's name is not the class's name, which a host's own scheme of this class would have.
    """

    def __init__(self, find: Callable[[Any], Awaitable[T]]) -> None:
        super().__init__(tokenUrl="auth/login", scheme_name=SCHEME_NAME)
        self._find = find

    async def __call__(self, connection: HTTPConnection) -> T:  # type: ignore[override] # nothing of FastAPI calls it by its base
        return await self._find(connection)


async def find_caller(
    request: Request, runtime: Runtime, and_read: Reading | None = None
) -> tuple[CachedCaller, bool]:
    """The caller, and whether the credential is ambient, such as a cookie.

    A cached caller costs no query. Otherwise the caller is read in a separate unit of work, which
    ends before that of the route begins; `and_read` may read more in it. Raises `NotAuthenticated`,
    `InvalidToken`, or `CsrfRejected` for a cookie.
    """
    if STAND_IN in request.scope:
        stand_in: CachedCaller | None = await request.scope[STAND_IN](request)
        if stand_in is not None:
            return stand_in, False
    credential = find_credential(request.scope, runtime)
    if credential.is_ambient:
        refuse_cross_site(request, runtime.settings)
    caller = credential.find_cached(runtime)
    if caller is None:
        origin = origin_of(request.scope, runtime.settings.protection)
        async with begin_work(runtime, origin, writes=False) as work:
            caller = await credential.load(work)
            if and_read is not None:
                await and_read(work, caller)
        cache_of(runtime).keep(caller)
    return caller, credential.is_ambient


async def find_principal(request: Request, runtime: Runtime) -> Principal:
    """The caller's principal. Raises as `find_caller` does."""
    caller, is_ambient = await find_caller(request, runtime)
    return replace(caller.principal, by_cookie=True) if is_ambient else caller.principal


async def _find_principal(request: Request) -> Principal:
    return await find_principal(request, runtime_of(request.scope))


def requiring(needed: Requirement) -> CallerDependency[Principal]:
    """A dependency that returns the caller's principal, or raises `PermissionDenied`."""

    async def find_allowed(request: Request) -> Principal:
        runtime = runtime_of(request.scope)
        principal = await find_principal(request, runtime)
        if not is_allowed(principal, needed):
            origin = origin_of(request.scope, runtime.settings.protection)
            async with begin_work(runtime, origin, writes=False) as work:
                await deny(work, principal)
        return principal

    return CallerDependency(find_allowed)


async def _find_nothing(_: Request) -> None:
    return None


CurrentPrincipal = Annotated[
    Principal, Depends(CallerDependency(_find_principal), scope="function")
]
ModeratorPrincipal = Annotated[Principal, Depends(requiring(MODERATORS), scope="function")]
AdminPrincipal = Annotated[Principal, Depends(requiring(ADMINS), scope="function")]

SendsCredential = Depends(CallerDependency(_find_nothing))
"""Describes a route in OpenAPI that finds the credential itself."""
