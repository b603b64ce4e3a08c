"""The shortcut of `POST /auth/refresh`, a frequent request."""

from pydantic import ValidationError
from pydantic_core import to_json
from starlette.types import Scope

from gatepost.features.auth.schemas import RefreshRequest
from gatepost.features.auth.transports import tokens_in_body
from gatepost.features.sessions import service as sessions
from gatepost.web.dependencies import origin_of
from gatepost.web.rate_limits import spend
from gatepost.web.request_json import read_json
from gatepost.web.runtimes import runtime_of
from gatepost.work import begin_work


async def refresh_by_body(scope: Scope, body: bytes) -> bytes | None:
    """Refresh with a token in the body, as `router.refresh` does."""
    runtime = runtime_of(scope)
    try:
        token = RefreshRequest.model_validate(read_json(body)).refresh_token
    except ValidationError:
        return None
    if token is None or "bearer" not in runtime.settings.transports.auth_transports:
        return None
    await spend(scope, "refresh")
    async with begin_work(runtime, origin_of(scope, runtime.settings.protection)) as work:
        pair = await work.write(sessions.refresh, token)
    return to_json(tokens_in_body(pair), exclude_none=True)
