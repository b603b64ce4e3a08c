"""Routes with a shortcut: a function that answers frequent requests without FastAPI.

FastAPI resolves dependencies, validates and serializes on every request. A shortcut answers the
plainest and most frequent request in a few steps, and leaves all others to FastAPI.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from gatepost.web.csrf import SAFE_METHODS
from gatepost.web.headers import all_of
from gatepost.web.routing import StrictRoute

Shortcut = Callable[[Scope, bytes], Awaitable[bytes | None]]
"""Takes a scope and a body; returns the answer's JSON, or None if FastAPI is to answer.

It may raise a problem.
"""

_JSON: Final = b"application/json"


def with_shortcut(shortcut: Shortcut) -> "type[ShortcutRoute]":
    """A route class with this shortcut, for `route_class_override=`."""
    return type("ShortcutRoute", (ShortcutRoute,), {"shortcut": staticmethod(shortcut)})


class ShortcutRoute(StrictRoute):
    """Calls its shortcut first if a request is plain.

    A plain request has no query; if its method is not safe, it has a JSON body and no cookies, so
    that cross-site request forgery is ruled out.
    """

    shortcut: Shortcut

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = None
        if scope["method"] in (self.methods or ()) and not scope["query_string"]:
            if scope["method"] in SAFE_METHODS:
                answer = await self.shortcut(scope, b"")
            elif all_of(scope, b"content-type") == [_JSON] and not all_of(scope, b"cookie"):
                body = await _read(receive)
                receive = _Replay(body, receive)
                answer = await self.shortcut(scope, body) if body else None
        if answer is None:
            await super().handle(scope, receive, send)
            return
        headers = [(b"content-length", b"%d" % len(answer)), (b"content-type", _JSON)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


async def _read(receive: Receive) -> bytes:
    """The whole body; raises `ClientDisconnect`."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


class _Replay:
    """Receives a body that has been read already, and then the messages after it."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        message = {"type": "http.request", "body": self._body, "more_body": False}
        self._body = None
        return message
