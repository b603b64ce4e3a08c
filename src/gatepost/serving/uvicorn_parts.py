"""The parts of uvicorn that are not its public interface, and that any minor version may change.

Everything else in the package uses uvicorn's public interface, or this module. `pyproject.toml`
allows the minor versions that were tested with it.
"""

from asyncio import Server
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.supervisors import ChangeReload, Multiprocess

__all__ = [
    "STATUS_LINE",
    "ChangeReload",
    "HttpProtocol",
    "Multiprocess",
    "RequestResponseCycle",
    "close_pipes_of_children",
    "complete_response",
    "default_headers",
    "has_failed_to_start",
    "has_silent_connection",
    "is_plain",
    "listeners_of",
]

SignalHandler = Callable[[int, FrameType | None], Any]

_STARTUP_FAILURE = 3
"""The exit status of a uvicorn process that failed before it served."""


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools, with names for what subclasses read of its state."""

    def wrap_app(self, cycle: RequestResponseCycle, app: ASGIApp) -> ASGIApp:  # noqa: ARG002 - for subclasses
        """Return the application that answers this request; subclasses may put one around it."""
        return app

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super()._start_asgi_task(cycle, self.wrap_app(cycle, app))  # type: ignore[arg-type] # as above

    @property
    def is_answering(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def is_receiving_only_request(self) -> bool:
        """Whether the bytes that arrive are the body of the one unanswered request."""
        cycle = self.cycle
        return cycle.more_body and not cycle.response_started and not self.pipeline

    @property
    def head_size(self) -> int:
        """The bytes of the request line's target and of all header fields that were parsed."""
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The header fields that uvicorn adds to every response, such as the date."""
        return self.server_state.default_headers

    @property
    def client_address(self) -> str | None:
        """The IP address of the other end, without its port."""
        return self.client[0] if self.client else None


def is_plain(cycle: RequestResponseCycle) -> bool:
    """Whether the connection is kept alive, takes data now, and got nothing of this response."""
    return (
        cycle.keep_alive
        and not cycle.response_started
        and not cycle.disconnected
        and not cycle.flow.write_paused
        and not cycle.access_log
        and cycle.scope["method"] != "HEAD"
    )


def default_headers(cycle: RequestResponseCycle) -> Iterable[tuple[bytes, bytes]]:
    """The header fields that uvicorn adds to the cycle's response."""
    return cycle.default_headers


def complete_response(cycle: RequestResponseCycle, response: bytes) -> None:
    """Write a whole response, head and body, and leave the cycle as uvicorn would."""
    cycle.waiting_for_100_continue = False
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(response)
    cycle.message_event.set()
    cycle.on_response()


def listeners_of(handler: SignalHandler) -> Sequence[Server]:
    """The listening servers of the uvicorn server whose signal handler this is; else none."""
    server = _server_of(handler)
    return () if server is None else server.servers


def has_silent_connection(handler: SignalHandler) -> bool:
    """Whether that server has a connection on which no request has arrived yet."""
    server = _server_of(handler)
    if server is None:
        return False
    return any(getattr(each, "cycle", None) is None for each in server.server_state.connections)


def close_pipes_of_children(supervisor: Multiprocess) -> None:
    """Close the supervisor's copies of its children's pipe ends.

    Then the pipe breaks when a child dies, and a supervisor that pings it just then does not wait.
    """
    for each in supervisor.processes:
        each.child_conn.close()


def has_failed_to_start(supervisor: Multiprocess) -> bool:
    """Whether one of its processes failed before it served."""
    return any(each.exitcode == _STARTUP_FAILURE for each in supervisor.processes)


def _server_of(handler: SignalHandler) -> uvicorn.Server | None:
    server = getattr(handler, "__self__", None)
    return server if isinstance(server, uvicorn.Server) else None
