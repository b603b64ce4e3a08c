"""Limits the requests of each client, and adds the `RateLimit` headers to the answers."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatepost.web.addresses import own_path
from gatepost.web.problems import problem_response, request_id_of
from gatepost.web.rate_limits import RateLimited, limit_fields, spend, spent_by

EXEMPT = frozenset({"health", "metrics", "static"})
"""First segments of paths that are not counted: monitors and our own pages request them often."""


class RateLimit:
    """Spends one of the client's `default` limit for each request that is not exempt."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_exempt(own_path(scope)):
            await self.app(scope, receive, send)
            return

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start" and (spent := spent_by(scope)):
                message["headers"] = [*message["headers"], *limit_fields(spent)]
            await send(message)

        try:
            await spend(scope, "default")
        except RateLimited as refusal:
            answer = problem_response(refusal, request_id_of(scope))
            await answer(scope, receive, send_with_limits)
            return
        await self.app(scope, receive, send_with_limits)


def is_exempt(path: str) -> bool:
    """Whether requests to this path of the service are not counted."""
    return path.removeprefix("/").partition("/")[0] in EXEMPT
