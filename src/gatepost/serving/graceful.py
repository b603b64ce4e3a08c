"""Stops a process without dropping a request: it announces the stop before the server stops.

uvicorn, told to stop, closes its socket and every idle connection at once, and with them requests
that were sent and not read yet. So it gets SIGTERM later. Until then requests are answered with
`Connection: close` (RFC 9112 section 9.6), and `/health/ready` sends load balancers away; then the
socket is closed a moment before the connections.
"""

import asyncio
import logging
import multiprocessing
import signal
import socket
import threading
import time
from contextlib import closing
from contextvars import Context
from types import FrameType

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

from gatepost.serving.uvicorn_parts import SignalHandler, has_silent_connection, listeners_of

log = logging.getLogger(__name__)

_MOMENT = 0.2
"""Seconds in which queued connections are accepted, and sent requests are read."""

_LONGEST_MOMENT = 2.0
"""Seconds at most for the connections accepted last to send a request."""


class GracefulShutdown:
    """Delays SIGTERM by `seconds`, while requests are still answered."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ending: asyncio.Task[None] | None = None
        self.has_begun = False

    def intercept_sigterm(self) -> None:
        """Take SIGTERM before the server, which gets it later; it gets a second one at once.

        Call it in the event loop, once the server has set its own handler. Nothing happens in a
        thread that is not the main one, or if no handler of SIGTERM is set.
        """
        server = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread() or not callable(server):
            return
        loop = asyncio.get_running_loop()

        def handle(number: int, frame: FrameType | None) -> None:
            if self.has_begun or self._seconds == 0:
                server(number, frame)
            self.has_begun = True
            # In a new context: the signal may interrupt a request, whose context is current.
            loop.call_soon_threadsafe(self._begin, server, context=Context())

        signal.signal(signal.SIGTERM, handle)

    async def is_accepting(self, _runtime: object) -> bool:
        """A readiness check: whether requests may still be sent here."""
        return not self.has_begun

    def close_after(self, send: Send) -> Send:
        """Wrap `send`: once the shutdown has begun, each response closes its connection."""

        async def send_and_close(message: Message) -> None:
            if self.has_begun and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        return send_and_close

    def _begin(self, server: SignalHandler) -> None:
        log.info("service.draining", extra={"seconds": self._seconds})
        self._ending = asyncio.get_running_loop().create_task(self._end(server))

    async def _end(self, server: SignalHandler) -> None:
        await asyncio.sleep(self._seconds)
        listeners = listeners_of(server)
        if multiprocessing.parent_process() is None:
            for listener in listeners:
                for each in listener.sockets:
                    stop_accepting(each)
        await asyncio.sleep(_MOMENT)
        for listener in listeners:
            listener.close()
        give_up_at = time.monotonic() + _LONGEST_MOMENT
        await asyncio.sleep(_MOMENT)
        while has_silent_connection(server) and time.monotonic() < give_up_at:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(_MOMENT)
        server(signal.SIGTERM, None)


def stop_accepting(listener: socket.socket) -> None:
    """Let the kernel accept no more connections; those in the queue stay there.

    New connections are retried by the client's kernel and then refused, instead of being accepted
    and reset. Not for a socket that other processes go on using.
    """
    with closing(socket.fromfd(listener.fileno(), listener.family, listener.type)) as same:
        same.listen(0)
