"""Ends a process without dropping a request: it says that it is going before it goes.

A server that is told to stop closes its socket and every connection that is idle, and with them
whatever has just been sent and not been read yet. So the signal reaches it later. Until then
requests are answered as ever, each with `Connection: close` (RFC 9112 section 9.6), and
`/health/ready` sends balancers away; and last the socket is closed a moment before the connections.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from asyncio import Server
from collections.abc import Callable, Sequence
from contextlib import closing
from contextvars import Context
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

from gatepost.runtime import Runtime

log = logging.getLogger(__name__)

_Handler = Callable[[int, FrameType | None], Any]

_MOMENT = 0.2
"""Seconds in which whoever queues is let in, and whatever was sent is read."""

_SECONDS_TO_END = 15.0
"""How long a process that is an orphan may take to end, once it has drained."""

_LOOK_AGAIN_SECONDS = 1.0

_LOADED_BY = os.getpid(), os.getppid()

_LONGEST_MOMENT = 2.0
"""Seconds at most for those who were let in last to say what they want."""


class Draining:
    """Whether this process is about to stop, and how long it waits before it does."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ending: asyncio.Task[None] | None = None
        self.has_begun = False

    def await_signal(self) -> None:
        """Take SIGTERM before the server does, who gets it later; a second one goes to it at once.

        To be called in the event loop, once the server has set its own handler. In a thread that is
        not the main one, or where nobody handles the signal, nothing happens.
        """
        server = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread() or not callable(server):
            return
        loop = asyncio.get_running_loop()

        def take(number: int, frame: FrameType | None) -> None:
            if self.has_begun or self._seconds == 0:
                server(number, frame)
            self.has_begun = True
            # In a context of its own: the signal may come while some request's is current.
            loop.call_soon_threadsafe(self._begin, server, context=Context())

        signal.signal(signal.SIGTERM, take)

    async def is_accepting(self, _: Runtime) -> bool:
        """A readiness check: whether requests may still be sent here."""
        return not self.has_begun

    def closing(self, send: Send) -> Send:
        """Once it has begun, let each answer be the last on its connection."""

        async def send_and_close(message: Message) -> None:
            if self.has_begun and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        return send_and_close

    def _begin(self, server: _Handler) -> None:
        log.info("service.draining", extra={"seconds": self._seconds})
        self._ending = asyncio.get_running_loop().create_task(self._end(server))

    async def _end(self, server: _Handler) -> None:
        await asyncio.sleep(self._seconds)
        listeners = _listeners_of(server)
        if multiprocessing.parent_process() is None:
            for listener in listeners:
                for each in listener.sockets:
                    let_nobody_queue(each)
        await asyncio.sleep(_MOMENT)
        for listener in listeners:
            listener.close()
        give_up_at = time.monotonic() + _LONGEST_MOMENT
        await asyncio.sleep(_MOMENT)
        while _is_somebody_new(server) and time.monotonic() < give_up_at:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(_MOMENT)
        server(signal.SIGTERM, None)


def end_with_parent(seconds: float) -> None:
    """End this process, as SIGTERM does, when the one that started it to serve has ended.

    However that ended: killed outright, it tells nobody. `seconds` is how long the process may
    drain. Nothing happens where no supervisor started it. To be called when it serves.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        watch = partial(_follow, parent.join, seconds)
    elif "gunicorn.arbiter" in sys.modules:
        watch = partial(_follow, partial(_outwait, _parent_at_first()), seconds)
    else:
        return
    threading.Thread(target=watch, name="gatepost-parent", daemon=True).start()


def _follow(wait: Callable[[], object], seconds: float) -> None:
    wait()
    log.warning("service.orphaned")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(seconds + _SECONDS_TO_END)
    os._exit(1)


def _parent_at_first() -> int:
    """Who started this process, who may have ended while it started."""
    process, parent = _LOADED_BY
    return parent if process == os.getpid() else os.getppid()  # it was loaded before the fork


def _outwait(parent: int) -> None:
    """Wait until another process has become the parent."""
    while os.getppid() == parent:
        time.sleep(_LOOK_AGAIN_SECONDS)


def let_nobody_queue(listener: socket.socket) -> None:
    """Let the kernel take no more connections in; those that it has taken stay in the queue.

    Whoever tries now tries again a second later, and is refused once the socket is closed: better
    than to be let in by the kernel and then to be reset. Not for a socket that others go on to use.
    """
    with closing(socket.fromfd(listener.fileno(), listener.family, listener.type)) as same:
        same.listen(0)


def _listeners_of(handler: _Handler) -> Sequence[Server]:
    """The listening sockets of the server whose handler of signals this is, if it is uvicorn's."""
    server = getattr(handler, "__self__", None)
    return server.servers if isinstance(server, uvicorn.Server) else ()


def _is_somebody_new(handler: _Handler) -> bool:
    """Whether somebody is connected to that server of whom no request has come yet."""
    server = getattr(handler, "__self__", None)
    if not isinstance(server, uvicorn.Server):
        return False
    return any(getattr(each, "cycle", None) is None for each in server.server_state.connections)
