"""Limits the size and the time of a request body; a declared length is checked beforehand."""

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatepost.errors import Problem
from gatepost.web.headers import all_of, first
from gatepost.web.problems import problem_response, request_id_of

LARGEST_CREDENTIALS = 8192
"""Bytes of a body with a password or a token: such routes need no login."""

_MOST_DIGITS = 18
"""Of a length. Python refuses to parse numbers of thousands of digits."""

ANNOUNCING = frozenset({"1.0", "1.1"})
"""Versions of HTTP in which the head of a request declares whether a body follows."""

# The rest of the body is not read, so no other request can follow it.
_CLOSE = {"Connection": "close"}


class PayloadTooLarge(Problem):
    """RFC 9110 section 15.5.14."""

    status = 413
    code = "payload_too_large"
    title = "The body is larger than this service accepts"
    when = "The body is larger than `MAX_REQUEST_BODY_SIZE`."
    remedy = "Send less at a time."


class RequestTimeout(Problem):
    """RFC 9110 section 15.5.9."""

    status = 408
    code = "request_timeout"
    title = "The body did not arrive in time"
    when = "The body was still arriving after `BODY_TIMEOUT_SECONDS`."
    remedy = "Send the request again, over a better connection."


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """Ends the application's reading of the body."""


class BodyLimit:
    """Counts bytes and seconds while a body arrives, so that chunked bodies are limited, too."""

    def __init__(
        self, app: ASGIApp, largest: int, seconds: float, credential_paths: tuple[str, ...] = ()
    ) -> None:
        self.app = app
        self.largest = largest
        self.largest_credentials = min(largest, LARGEST_CREDENTIALS)
        self.credential_paths = credential_paths
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _has_no_body(scope):
            await self.app(scope, receive, send)
            return
        is_small = scope["path"].endswith(self.credential_paths)
        largest = self.largest_credentials if is_small else self.largest
        if _declares_more_than(largest, scope):
            await _refuse(_too_large(largest), scope, receive, send)
            return
        body = _Body(receive, largest, self.seconds)
        started = False

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            # The body's parser may answer the broken stream itself: that answer is dropped.
            if body.refusal is None or started:
                started = True
                await send(message)

        with suppress(_Refused):
            await self.app(scope, body.receive, send_unless_refused)
        if body.refusal is not None and not started:
            await _refuse(body.refusal, scope, receive, send)


class _Body:
    """A body while it arrives; `refusal` is the problem if it was refused."""

    __slots__ = (
        "_deadline",
        "_is_late",
        "_is_whole",
        "_largest",
        "_receive",
        "_received",
        "_seconds",
        "refusal",
    )

    def __init__(self, receive: Receive, largest: int, seconds: float) -> None:
        self._receive = receive
        self._largest = largest
        self._seconds = seconds
        self._received = 0
        self._deadline: float | None = None
        self._is_late = self._is_whole = False
        self.refusal: Problem | None = None

    async def receive(self) -> Message:
        if self._is_whole:
            return await self._receive()  # waits for the client's disconnect: no time limit
        message = await self._receive_in_time()
        self._received += len(message.get("body", b""))
        if self._received > self._largest:
            self.refusal = _too_large(self._largest)
            raise _Refused
        self._is_whole = not message.get("more_body", False)
        return message

    async def _receive_in_time(self) -> Message:
        """The next piece of the body; the time is counted from the first call."""
        loop, reader = asyncio.get_running_loop(), asyncio.current_task()
        assert reader is not None  # noqa: S101 - a server reads in a task
        if self._deadline is None:
            self._deadline = loop.time() + self._seconds
        # A cheaper `asyncio.timeout_at`, which would cost as much as reading a small body.
        alarm = loop.call_at(self._deadline, self._be_late, reader)
        try:
            return await self._receive()
        except asyncio.CancelledError:
            if not self._is_late or reader.uncancel():
                raise
            self.refusal = RequestTimeout(
                f"Send the whole body within {self._seconds:g} seconds.", headers=_CLOSE
            )
            raise _Refused from None
        finally:
            alarm.cancel()

    def _be_late(self, reader: asyncio.Task[object]) -> None:
        self._is_late = True
        reader.cancel()


def _too_large(largest: int) -> Problem:
    return PayloadTooLarge(f"Send at most {largest} bytes.", headers=_CLOSE)


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    await problem_response(problem, request_id_of(scope))(scope, receive, send)


def _has_no_body(scope: Scope) -> bool:
    """Whether no body can follow: HTTP/1 declares each in its head (RFC 9112 section 6.3)."""
    return (
        scope.get("http_version") in ANNOUNCING
        and first(scope, b"content-length") is None
        and first(scope, b"transfer-encoding") is None
    )


def _declares_more_than(largest: int, scope: Scope) -> bool:
    for length in all_of(scope, b"content-length"):
        if length.isdigit():
            return len(length) > _MOST_DIGITS or int(length) > largest
    return False
