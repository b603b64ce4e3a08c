"""Requests as the bench sends them: one at a time from here, by the thousand from wrk."""

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from bench.support.errors import BenchError

HOST = "127.0.0.1"
PATIENCE_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Request:
    """A request with all that is in it, but for the header fields that every one has."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    def raw(self, port: int) -> bytes:
        """Return it byte for byte."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {HOST}:{port}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body:
            lines.append(f"Content-Length: {len(self.body.encode())}")
        return "\r\n".join([*lines, "", self.body]).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - whatever the server says
        return json.loads(self.body)


def post_json(path: str, headers: Mapping[str, str] | None = None, /, **fields: object) -> Request:
    """A request whose body is a JSON object."""
    headers = {"Content-Type": "application/json", **(headers or {})}
    return Request(path, "POST", headers, json.dumps(fields))


def post_form(path: str, **fields: str) -> Request:
    """A request as an HTML form sends it."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Request(path, "POST", headers, urlencode(fields))


def send(port: int, request: Request) -> Answer:
    """Send it on a connection of its own; `OSError` or `HTTPException` if nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)
    try:
        body = request.body.encode() or None
        connection.request(request.method, request.path, body, dict(request.headers))
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def send_expecting_success(port: int, request: Request) -> Answer:
    """Send it; raises `BenchError` unless it was done."""
    try:
        answer = send(port, request)
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"{request.method} {request.path}: {error!r}") from error
    if answer.status not in {200, 201}:
        said = answer.body.decode(errors="replace")[:200]
        raise BenchError(f"{request.method} {request.path} was answered {answer.status}: {said}")
    return answer


def is_answered(port: int, request: Request) -> bool:
    """Whether it is answered, with whatever status."""
    try:
        send(port, request)
    except (OSError, http.client.HTTPException):
        time.sleep(_LOOK_AGAIN_SECONDS)
        return False
    return True
