"""The shortcut of `GET /users/me`, the most frequent request."""

from starlette.types import Scope

from gatepost.features.callers.authenticators import find_credential
from gatepost.features.callers.dependencies import STAND_IN
from gatepost.features.callers.errors import InvalidToken, NotAuthenticated
from gatepost.web.runtimes import runtime_of


async def cached_profile(scope: Scope, _: bytes) -> bytes | None:
    """The caller's JSON, if it is cached. A cookie needs no CSRF check: nothing is changed."""
    if STAND_IN in scope:
        return None
    runtime = runtime_of(scope)
    try:
        caller = find_credential(scope, runtime).find_cached(runtime)
    except (NotAuthenticated, InvalidToken):
        return None
    return None if caller is None else caller.rendered
