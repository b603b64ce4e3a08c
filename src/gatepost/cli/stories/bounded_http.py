"""uvicorn's fast HTTP protocol with bounds that it lacks: how large a head may be, and how slow.

Its parser keeps a header until it is whole, however long that takes and whatever it weighs. What
an application can see comes after that, so the bounds stand here.
"""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gatepost.cli.stories.whole_answers import in_one_piece

LARGEST_HEAD = 65_536
"""Bytes of a request line with all header fields."""

MOST_FIELDS = 100

SECONDS_FOR_A_HEAD = 15
"""How often a connection has to have sent a whole head: it may take twice as long at most."""

_FRAMING_OF_A_BYTE = 16
"""Around each byte of a body as many of framing are borne: chunks may be that small, no smaller."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\n"
    b"content-length: 0\r\n"
    b"connection: close\r\n"
    b"\r\n"
)


class _HeadTooLarge(Exception):  # noqa: N818 - never leaves the parser
    """Ends the parsing of a request."""


class BoundedHttp(HttpToolsProtocol):
    """Answers 431 to a head beyond all measure (RFC 6585 section 5) and hangs up on a slow one."""

    seconds: ClassVar[float] = SECONDS_FOR_A_HEAD

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **kwargs)
        self._arrived = 0
        self._framing = 0
        self._heads = 0
        self._heads_before = 0
        self._is_refused = False
        self._beat: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type] # uvicorn narrows it
        self._beat = self.loop.call_later(self.seconds, self._look_again)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._beat is not None:
            self._beat.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._arrived = len(data)
        self._framing += self._arrived
        super().data_received(data)
        if self._framing > LARGEST_HEAD and not self.transport.is_closing():
            self._refuse()

    def on_message_begin(self) -> None:
        self._framing = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # A head that came in pieces has been counted piece by piece.
        came_at_once = self._arrived > LARGEST_HEAD
        if len(self.headers) > MOST_FIELDS or (came_at_once and self._size() > LARGEST_HEAD):
            self._is_refused = True
            raise _HeadTooLarge
        self._heads += 1
        self._framing = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._framing -= _FRAMING_OF_A_BYTE * len(body)
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        if self._is_refused:
            self._refuse()
        else:
            super().send_400_response(msg)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super()._start_asgi_task(cycle, in_one_piece(cycle, app))  # type: ignore[arg-type] # as above

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _refuse(self) -> None:
        if not self._is_busy():
            self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _look_again(self) -> None:
        """Hang up, unless a head was completed since last time or a request is being answered."""
        if self._heads == self._heads_before and not self._is_busy():
            self.transport.close()
            return
        self._heads_before = self._heads
        self._beat = self.loop.call_later(self.seconds, self._look_again)
