"""The route class of the caller's own profile, the one route that is asked all the time."""

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from gatepost.client.schemes import is_taken
from gatepost.features.callers.errors import InvalidToken, NotAuthenticated
from gatepost.features.sessions import service as sessions
from gatepost.features.sessions.dependencies import STAND_IN, find_access_token
from gatepost.settings import TransportSettings
from gatepost.web.routing import StrictRoute
from gatepost.web.runtimes import runtime_of

_BEARER = b"Bearer "
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
    """The caller as they were shown before, if all that it takes is known and in order."""
    runtime = runtime_of(scope)
    try:
        session = sessions.recall(runtime, _token(scope, runtime.settings))
    except (NotAuthenticated, InvalidToken):
        return None
    return None if session is None else session.rendered


def _token(scope: Scope, settings: TransportSettings) -> str:
    """The access token; a cookie is as good as a header, for reading does nobody harm.

    Raises as `find_access_token` does, whose answer for the plainest request is spelt out here.
    """
    sent = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(sent) == 1 and sent[0].startswith(_BEARER) and _takes_bearer(settings):
        return str(sent[0][len(_BEARER) :].decode("latin-1")).strip()
    token, _ = find_access_token(HTTPConnection(scope), settings)
    return token


def _takes_bearer(settings: TransportSettings) -> bool:
    return "bearer" in settings.auth_transports and is_taken("bearer", settings.auth_schemes)
