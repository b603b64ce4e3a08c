"""uvicorn's HTTP protocol with limits that it lacks: on the size and the slowness of a head.

uvicorn's parser buffers a header field until it is complete, however long that takes and however
large it is. An application sees a request only after that, so the limits are enforced here. What
is refused here gets the same kind of answer as elsewhere: a problem document, with the headers of
every response.
"""

import asyncio
import json
import logging
from os import urandom
from typing import Any, ClassVar

from starlette.types import ASGIApp

from gatepost.errors import Problem
from gatepost.serving.single_write import send_in_one_write
from gatepost.serving.uvicorn_parts import STATUS_LINE, HttpProtocol, RequestResponseCycle
from gatepost.web.middleware.security_headers import header_fields
from gatepost.web.problems import MEDIA_TYPE, BadRequest, HeadTooLarge, problem_document

log = logging.getLogger("gatepost.requests")

LARGEST_HEAD = 65_536
"""Bytes of a request line with all header fields."""

MOST_FIELDS = 100

SECONDS_FOR_A_HEAD = 15
"""Seconds between two checks that a head was completed: one may take twice as long at most."""

_FRAMING_OF_A_BYTE = 16
"""Bytes of framing allowed for each byte of a chunked body: no chunk need be smaller than one."""


class _HeadTooLarge(Exception):  # noqa: N818 - never leaves the parser
    """Ends the parsing of a request."""


class LimitedHttpProtocol(HttpProtocol):
    """Answers 431 to a head that is too large (RFC 6585 section 5), and closes slow connections.

    Responses that are complete are sent in one write.
    """

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
        # True from the start: a connection that sends nothing is slow, too.
        self._is_awaiting_head = True
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type] # uvicorn narrows it
        self._timer = self.loop.call_later(self.seconds, self._check_progress)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._arrived = len(data)
        self._framing += self._arrived
        # Also before a head begins: a client that keeps sending empty lines is not idle.
        self._is_awaiting_head = True
        super().data_received(data)
        if self._framing > LARGEST_HEAD and not self.transport.is_closing():
            self._refuse(HeadTooLarge())

    def on_message_begin(self) -> None:
        self._framing = 0
        self._is_awaiting_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # A head that arrived in pieces has been counted piece by piece.
        came_at_once = self._arrived > LARGEST_HEAD
        if len(self.headers) > MOST_FIELDS or (came_at_once and self.head_size > LARGEST_HEAD):
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

    def wrap_app(self, cycle: RequestResponseCycle, app: ASGIApp) -> ASGIApp:
        return send_in_one_write(cycle, app)

    def _refuse(self, problem: Problem) -> None:
        """Answer with the problem and close the connection.

        Only close it where the client would take the problem for the answer to the request before.
        """
        if not self.is_answering or self.is_receiving_only_request:
            request_id = urandom(16).hex()
            self.transport.write(self._response(problem, request_id))
            about = {"status": problem.status, "address": self.client_address}
            log.info("request.refused", extra={"request_id": request_id, **about})
        self.transport.close()

    def _response(self, problem: Problem, request_id: str) -> bytes:
        document = json.dumps(problem_document(problem, request_id)).encode()
        fields = [
            *self.default_headers,
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(document)),
            (b"connection", b"close"),
            *header_fields(self._strict_transport_security),
            (b"x-request-id", request_id.encode()),
        ]
        lines = [b"%b: %b\r\n" % field for field in fields]
        return b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", document])

    def _check_progress(self) -> None:
        """Close a connection that is sending a head, unless it completed one since the last check.

        It is not closed while a request is answered; uvicorn limits how long it may be idle.
        """
        is_slow = self._is_awaiting_head and self._heads == self._heads_before
        if is_slow and not self.is_answering:
            self.transport.close()
            return
        self._heads_before = self._heads
        self._timer = self.loop.call_later(self.seconds, self._check_progress)
