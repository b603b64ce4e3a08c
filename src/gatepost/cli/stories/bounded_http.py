"""uvicorn's fast HTTP protocol with bounds that it lacks: how large a head may be, and how slow.

Its parser keeps a header until it is whole, however long that takes and whatever it weighs. What
an application can see comes after that, so the bounds stand here; and what is refused here is
answered as the application would: by a problem, with the headers of every answer.
"""

import asyncio
import json
import logging
from os import urandom
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from gatepost.cli.stories.whole_answers import in_one_piece
from gatepost.errors import Problem
from gatepost.web.middleware.security_headers import header_fields
from gatepost.web.problems import MEDIA_TYPE, BadRequest, HeadTooLarge, problem_document

log = logging.getLogger("gatepost.requests")

LARGEST_HEAD = 65_536
"""Bytes of a request line with all header fields."""

MOST_FIELDS = 100

SECONDS_FOR_A_HEAD = 15
"""How often a connection has to have sent a whole head: it may take twice as long at most."""

_FRAMING_OF_A_BYTE = 16
"""Around each byte of a body as many of framing are borne: chunks may be that small, no smaller."""


class _HeadTooLarge(Exception):  # noqa: N818 - never leaves the parser
    """Ends the parsing of a request."""


class BoundedHttp(HttpToolsProtocol):
    """Answers 431 to a head beyond all measure (RFC 6585 section 5) and hangs up on a slow one."""

    seconds: ClassVar[float] = SECONDS_FOR_A_HEAD

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - uvicorn's own
        strict_transport_security: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - as above
    ) -> None:
        super().__init__(*args, **kwargs)
        self._strict_transport_security = strict_transport_security
        self._arrived = 0
        self._framing = 0
        self._heads = 0
        self._heads_before = 0
        self._is_refused = False
        # From the start: who connects and says nothing is slow, too.
        self._is_awaiting_head = True
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
        # Also before a head begins: who sends empty lines for ever is not idle.
        self._is_awaiting_head = True
        super().data_received(data)
        if self._framing > LARGEST_HEAD and not self.transport.is_closing():
            self._refuse(HeadTooLarge())

    def on_message_begin(self) -> None:
        self._framing = 0
        self._is_awaiting_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # A head that came in pieces has been counted piece by piece.
        came_at_once = self._arrived > LARGEST_HEAD
        if len(self.headers) > MOST_FIELDS or (came_at_once and self._size() > LARGEST_HEAD):
            self._is_refused = True
            raise _HeadTooLarge
        self._heads += 1
        self._framing = 0
        self._is_awaiting_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_awaiting_head = False
        super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        self._framing -= _FRAMING_OF_A_BYTE * len(body)
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own
        self._refuse(HeadTooLarge() if self._is_refused else BadRequest())

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super()._start_asgi_task(cycle, in_one_piece(cycle, app))  # type: ignore[arg-type] # as above

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _refuse(self, problem: Problem) -> None:
        if not self._is_busy() or self._is_about_the_body():
            request_id = urandom(16).hex()
            self.transport.write(self._answer(problem, request_id))
            about = {"status": problem.status, "address": self.client[0] if self.client else None}
            log.info("request.refused", extra={"request_id": request_id, **about})
        self.transport.close()

    def _answer(self, problem: Problem, request_id: str) -> bytes:
        document = json.dumps(problem_document(problem, request_id)).encode()
        fields = [
            *self.server_state.default_headers,
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(document)),
            (b"connection", b"close"),
            *header_fields(self._strict_transport_security),
            (b"x-request-id", request_id.encode()),
        ]
        lines = [b"%b: %b\r\n" % field for field in fields]
        return b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", document])

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_about_the_body(self) -> bool:
        """Whether what is refused belongs to the one request that is under way, and unanswered.

        Else the refusal would be taken for the answer to the request before.
        """
        cycle = self.cycle
        return cycle.more_body and not cycle.response_started and not self.pipeline

    def _look_again(self) -> None:
        """Hang up on who is sending a head, unless one was completed since last time.

        Not while a request is being answered; and how long an idle connection stays is uvicorn's.
        """
        is_slow = self._is_awaiting_head and self._heads == self._heads_before
        if is_slow and not self._is_busy():
            self.transport.close()
            return
        self._heads_before = self._heads
        self._beat = self.loop.call_later(self.seconds, self._look_again)
