"""The route class of refreshing, which every client asks for again and again."""

from pydantic_core import to_json
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from gatepost.features.idempotency.routing import OnceRoute
from gatepost.features.sessions import service as sessions
from gatepost.web.dependencies import origin_of
from gatepost.web.rate_limits import spend
from gatepost.web.runtimes import runtime_of
from gatepost.web.strict_json import read_json
from gatepost.work import begin_work

_JSON = (b"content-type", b"application/json")
_LONGEST_TOKEN = 8192


class RefreshRoute(OnceRoute):
    """Trades a token that comes in the body, and alone, in a few steps.

    The framework takes dependencies, model and response together anew for each request. Whatever
    else is sent, a cookie above all, goes that ordinary way; the story is the same for both.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST" or not _sends_json_alone(scope):
            await super().handle(scope, receive, send)
            return
        body = await _whole_body(receive)
        token = _only_token(read_json(body)) if body else None
        if token is None or "bearer" not in runtime_of(scope).settings.auth_transports:
            await super().handle(scope, _Again(body, receive), send)
            return
        answer = await _refresh(scope, token)
        headers = [(b"content-length", b"%d" % len(answer)), _JSON]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


async def _refresh(scope: Scope, token: str) -> bytes:
    """What `refresh` of the router does with a token in the body."""
    runtime = runtime_of(scope)
    await spend(scope, "refresh")
    async with begin_work(runtime, origin_of(scope, runtime.settings)) as work:
        pair = await work.write(sessions.renew, token)
    return to_json(
        {
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "token_type": "bearer",
            "expires_in": pair.access_lifetime,
        }
    )


async def _whole_body(receive: Receive) -> bytes:
    """The body, once all of it is there; raises `ClientDisconnect`."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def _sends_json_alone(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return headers.get(b"content-type") == b"application/json" and b"cookie" not in headers


def _only_token(body: object) -> str | None:
    """The token of a body that has nothing else, if it can be one."""
    if not isinstance(body, dict) or body.keys() != {"refresh_token"}:
        return None
    token = body["refresh_token"]
    if not isinstance(token, str) or not token.isascii() or not 0 < len(token) <= _LONGEST_TOKEN:
        return None
    return token


class _Again:
    """A body that has been read, to be received once more."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        message = {"type": "http.request", "body": self._body, "more_body": False}
        self._body = None
        return message
