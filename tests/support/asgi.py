"""One request spoken to an application in plain ASGI, for what no HTTP client would do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message

DISCONNECT: Message = {"type": "http.disconnect"}


def chunk(body: bytes, *, more: bool = True) -> Message:
    """A part of a request's body."""
    return {"type": "http.request", "body": body, "more_body": more}


@dataclass(slots=True)
class Exchange:
    """What was answered, in the order and form that ASGI asks for: anything else fails the test."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_complete: bool = False
    received: int = 0
    """How often the application asked for a part of the body."""

    async def send(self, message: Message) -> None:
        assert not self.is_complete, "sent after the end"
        if message["type"] == "http.response.start":
            assert self.status is None, "started twice"
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
            assert all(name == name.lower() for name in self.headers)
            return
        assert message["type"] == "http.response.body", message["type"]
        assert self.status is not None, "a body before the start"
        self.body += message.get("body", b"")
        self.is_complete = not message.get("more_body", False)


ANSWERS_WEBSOCKETS: Mapping[str, Any] = {"websocket.http.response": {}}


async def open_websocket(
    app: ASGIApp,
    path: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
    extensions: Mapping[str, Any] | None = ANSWERS_WEBSOCKETS,
) -> list[Message]:
    """Ask for a WebSocket, and hang up at once; returns what was said to that."""
    scope: dict[str, Any] = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"host.test"), *headers],
        "client": ("192.0.2.7", 4711),
        "server": ("host.test", 443),
        "subprotocols": [],
        "state": {},
        "extensions": extensions,
    }
    waiting = iter([{"type": "websocket.connect"}])
    said: list[Message] = []

    async def receive() -> Message:
        return next(waiting, {"type": "websocket.disconnect", "code": 1000})

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    return said


async def speak(
    app: ASGIApp,
    method: str,
    path: str,
    messages: Iterable[Message] = (),
    headers: Iterable[tuple[bytes, bytes]] = (),
    *,
    query: bytes = b"",
    http_version: str = "1.1",
) -> Exchange:
    """Send one request whose body arrives in these messages; then the client is gone."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": http_version,
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"gatepost.test"), *headers],
        "client": ("192.0.2.7", 4711),
        "server": ("gatepost.test", 443),
        "state": {},
    }
    waiting = iter(messages)
    exchange = Exchange()

    async def receive() -> Message:
        exchange.received += 1
        return next(waiting, DISCONNECT)

    await app(scope, receive, exchange.send)
    return exchange
