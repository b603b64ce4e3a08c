"""An open-loop probe: sends a request whenever one is due, however slow the server is.

A closed loop asks again only when it was answered: it asks least while the server is slowest, and
its percentiles flatter ("coordinated omission"). Here a request's latency is counted from the
instant at which it was due.
"""

import gc
import math
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.support.errors import BenchError
from bench.support.http import HOST, PATIENCE_SECONDS, Request

_CONNECTIONS = 32
_CHUNK = 65536
_SUCCESS = b"HTTP/1.1 200 "


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long each request took from the instant it was due, in milliseconds, in order."""

    milliseconds: Sequence[float]

    def percentile(self, percent: float) -> float:
        """Return the smallest latency that so many percent of all did not exceed."""
        ordered = sorted(self.milliseconds)
        return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


def probe(port: int, requests: Sequence[Request], per_second: int, seconds: float) -> Latencies:
    """Send the requests in turn, so many a second for so long, and wait for every answer.

    Raises `BenchError` for an answer that is not 200, and for none within a minute.
    """
    with _undisturbed():
        return Latencies(
            _Probe(port, [each.raw(port) for each in requests]).run(
                1 / per_second, round(per_second * seconds)
            )
        )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Have no collector stop the clock of the probe itself."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@dataclass(slots=True)
class _Connection:
    """A kept-open connection that waits for one answer at most."""

    socket: socket.socket
    due: float = 0.0
    received: bytes = b""

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self, request: bytes, due: float) -> None:
        self.due, self.received = due, b""
        self.socket.sendall(request)

    def is_answered(self) -> bool:
        """Read what has arrived; whether that is the whole answer."""
        chunk = self.socket.recv(_CHUNK)
        if not chunk:
            raise BenchError("the server closed the probe's connection")
        self.received += chunk
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return False
        if not head.startswith(_SUCCESS):
            raise BenchError(f"the probe was answered {head[:15].decode(errors='replace')}")
        return True


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise BenchError("an answer without a length")


@dataclass(slots=True)
class _Probe:
    """One run. A single thread: `select` wakes it for what is due and for what has arrived."""

    port: int
    requests: Sequence[bytes]
    free: deque[_Connection] = field(default_factory=deque)
    waiting: list[_Connection] = field(default_factory=list)
    found: list[float] = field(default_factory=list)

    def run(self, interval: float, count: int) -> list[float]:
        try:
            self.free.extend(self._connect() for _ in range(_CONNECTIONS))
            self._send_all(time.perf_counter() + interval, interval, count)
            return self.found
        finally:
            for each in (*self.free, *self.waiting):
                each.socket.close()

    def _send_all(self, first: float, interval: float, count: int) -> None:
        sent = 0
        last = first + interval * count
        while len(self.found) < count:
            due = first + interval * sent
            now = time.perf_counter()
            if sent < count and now >= due:
                self._send(self.requests[sent % len(self.requests)], due)
                sent += 1
            elif now > last + PATIENCE_SECONDS:
                raise BenchError(f"{count - len(self.found)} requests of the probe got no answer")
            else:
                self._receive((due if sent < count else last + PATIENCE_SECONDS) - now)

    def _send(self, request: bytes, due: float) -> None:
        connection = self.free.popleft() if self.free else self._connect()
        connection.send(request, due)
        self.waiting.append(connection)

    def _receive(self, seconds: float) -> None:
        """Wait for answers, for so long at most. Unlike epoll's, this clock knows microseconds."""
        readable, _, _ = select.select(self.waiting, [], [], max(seconds, 0))
        now = time.perf_counter()
        for connection in readable:
            if connection.is_answered():
                self.found.append((now - connection.due) * 1000)
                self.waiting.remove(connection)
                self.free.append(connection)

    def _connect(self) -> _Connection:
        opened = socket.create_connection((HOST, self.port), timeout=PATIENCE_SECONDS)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _Connection(opened)
