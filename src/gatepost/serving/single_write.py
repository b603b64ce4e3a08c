"""Sends a complete response in one write, and validates each header field only once.

uvicorn validates every header field of every response, and ours have fifteen that hardly ever
change: a fifth of the cost of a request. Everything unusual is left to uvicorn.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatepost.serving.uvicorn_parts import (
    STATUS_LINE,
    RequestResponseCycle,
    complete_response,
    default_headers,
    is_plain,
)

_NOT_IN_NAMES = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_NOT_IN_VALUES = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""Bytes that RFC 9110 section 5.6.2 excludes from field names, and that end or forge a line."""

_FRAMING = frozenset({b"connection", b"transfer-encoding"})
_WITHOUT_BODY = frozenset({204, 304})


def send_in_one_write(cycle: RequestResponseCycle, app: ASGIApp) -> ASGIApp:
    """Wrap the application, so that a complete response is written at once."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        sender = _SingleWriteSender(cycle, send)
        try:
            await app(scope, receive, sender.send)
        finally:
            await sender.flush()

    return answer


class _SingleWriteSender:
    """Holds the head of a response until its body is sent; `send` is uvicorn's own."""

    __slots__ = ("_cycle", "_head", "_send")

    def __init__(self, cycle: RequestResponseCycle, send: Send) -> None:
        self._cycle = cycle
        self._send = send
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        if self._head is None and message["type"] == "http.response.start":
            self._head = message
        elif self._head is None or not self._is_written_with(self._head, message):
            await self.flush()
            await self._send(message)

    async def flush(self) -> None:
        """Send a head that is still held."""
        head, self._head = self._head, None
        if head is not None:
            await self._send(head)

    def _is_written_with(self, head: Message, body: Message) -> bool:
        """Write head and body together; False, with nothing written, where uvicorn has to."""
        content = body.get("body", b"")
        if body["type"] != "http.response.body" or body.get("more_body", False):
            return False
        if not is_plain(self._cycle) or head["status"] in _WITHOUT_BODY:
            return False
        fields = [*default_headers(self._cycle), *head.get("headers", ())]
        lines = [_line(name, value) for name, value in fields]
        if b"" in lines or head["status"] not in STATUS_LINE or not _has_length(fields, content):
            return False
        self._head = None
        response = b"".join((STATUS_LINE[head["status"]], *lines, b"\r\n", content))
        complete_response(self._cycle, response)
        return True


def _has_length(fields: Sequence[tuple[bytes, bytes]], content: bytes) -> bool:
    """Whether there is exactly one Content-Length, and it is the content's."""
    lengths = [value for name, value in fields if name == b"content-length"]
    return lengths == [b"%d" % len(content)]


@lru_cache(maxsize=1024)
def _line(name: bytes, value: bytes) -> bytes:
    """A header field's line; empty for framing fields and for what must not be sent."""
    if not name or name in _FRAMING or name != name.lower():
        return b""
    if _NOT_IN_NAMES.search(name) or _NOT_IN_VALUES.search(value):
        return b""
    return b"%b: %b\r\n" % (name, value)
