"""The route class of the caller's own profile, the one route that is asked all the time."""

from starlette.types import Receive, Scope, Send

from gatepost.features.callers.authenticators import find_credential
from gatepost.features.callers.dependencies import STAND_IN
from gatepost.features.callers.errors import InvalidToken, NotAuthenticated
from gatepost.web.routing import StrictRoute
from gatepost.web.runtimes import runtime_of

_JSON = (b"content-type", b"application/json")


class CallerRoute(StrictRoute):
    """Answers with the caller: in a few steps where this process has shown them lately.

    The framework takes dependencies, model and response together anew for each request. All else,
    refusals and whatever has to be read first, goes its ordinary way, whose answer is the same to
    the byte.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_plain = scope["method"] == "GET" and not scope["query_string"] and STAND_IN not in scope
        body = _recall(scope) if is_plain else None
        if body is None:
            await super().handle(scope, receive, send)
            return
        headers = [(b"content-length", b"%d" % len(body)), _JSON]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _recall(scope: Scope) -> bytes | None:
    """The caller's JSON, if it is cached. A cookie is as good as a header: nothing is changed."""
    runtime = runtime_of(scope)
    try:
        caller = find_credential(scope, runtime).find_cached(runtime)
    except (NotAuthenticated, InvalidToken):
        return None
    return None if caller is None else caller.rendered
