"""The caller and their rights, as routes ask for them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from starlette.requests import HTTPConnection

from gatepost.features.callers.authenticators import find_credential
from gatepost.features.callers.cache import CachedCaller, cache_of
from gatepost.features.callers.permissions import ADMINS, MODERATORS, Requirement, require
from gatepost.features.callers.principal import Principal
from gatepost.runtime import Runtime
from gatepost.web.csrf import refuse_cross_site
from gatepost.web.dependencies import CurrentRuntime, RequestWork, origin_of
from gatepost.work import Work, begin_work


# For the OpenAPI document: Swagger UI's Authorize button logs in with the password form.
# `web.openapi` puts in where. A host's own scheme of this class goes by the class's name.
# The authenticators read what is sent, whatever connection it comes by.
class _PasswordForm(OAuth2PasswordBearer):
    async def __call__(self, _: HTTPConnection) -> None:
        return None


password_form = _PasswordForm(tokenUrl="auth/login", scheme_name="GatepostLogin")

STAND_IN = "gatepost.stand_in"
"""Key in the scope of an async function that a host's test puts there: it takes the request and
returns the caller to assume, or None for the real one."""

Reading = Callable[[Work, CachedCaller], Awaitable[None]]


async def find_caller(
    request: Request, runtime: Runtime, and_read: Reading | None = None
) -> tuple[CachedCaller, bool]:
    """The caller, and whether a browser sent the credential by itself.

    A cached caller costs no query. Else the database is asked in work of its own, which ends before
    the route's begins; `and_read` may read more in it. Raises `NotAuthenticated`, `InvalidToken`,
    or `CsrfRejected` for a cookie.
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
        origin = origin_of(request.scope, runtime.settings)
        async with begin_work(runtime, origin, writes=False) as work:
            caller = await credential.load(work)
            if and_read is not None:
                await and_read(work, caller)
        cache_of(runtime).keep(caller)
    return caller, credential.is_ambient


async def get_principal(
    request: Request, runtime: CurrentRuntime, _: Annotated[str | None, Depends(password_form)]
) -> Principal:
    """The caller. Raises as `find_caller` does."""
    caller, is_ambient = await find_caller(request, runtime)
    return replace(caller.principal, by_cookie=True) if is_ambient else caller.principal


CurrentPrincipal = Annotated[Principal, Depends(get_principal, scope="function")]


def requiring(needed: Requirement) -> Callable[..., Awaitable[Principal]]:
    """A dependency that returns the caller if they are allowed this; else `PermissionDenied`.

    `Depends(requiring(ADMINS), scope="function")`.
    """

    async def check(work: RequestWork, principal: CurrentPrincipal) -> Principal:
        await require(work, principal, needed)
        return principal

    return check


ModeratorPrincipal = Annotated[Principal, Depends(requiring(MODERATORS), scope="function")]
AdminPrincipal = Annotated[Principal, Depends(requiring(ADMINS), scope="function")]
