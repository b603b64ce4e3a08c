"""An answer in one piece is, to the byte, the one that uvicorn would send in two."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gatepost.serving.limited_http import LimitedHttpProtocol
from tests.support import patience

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LENGTH = (b"content-length", b"5")
TYPE = (b"content-type", b"text/plain")
Both = Callable[..., Awaitable[tuple[bytes, bytes]]]
Fields = list[tuple[bytes, bytes]]

HEADERS: dict[str, Fields] = {
    "plain": [LENGTH, TYPE],
    "many": [LENGTH, TYPE, *((b"x-%d" % number, b"%d" % number) for number in range(30))],
    "same-name": [LENGTH, (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")],
    "odd-case": [(b"Content-Length", b"5"), (b"X-Odd", b"1")],
    "latin": [LENGTH, (b"x-name", "é\tü".encode("latin-1"))],
    "no-length": [TYPE],
    "length-twice": [LENGTH, LENGTH],
    "too-short": [(b"content-length", b"4")],
    "too-long": [(b"content-length", b"6")],
    "no-number": [(b"content-length", b"five")],
    "closing": [LENGTH, (b"connection", b"close")],
    "chunked": [(b"transfer-encoding", b"chunked")],
    "forged-value": [LENGTH, (b"x-a", b"1\r\nx-b: 2")],
    "forged-name": [LENGTH, (b"x-a: 1\r\nx-b", b"2")],
    "empty-name": [LENGTH, (b"", b"2")],
}


WHOLE = [{"body": b"hello"}]
WAYS: dict[str, list[dict[str, Any]]] = {
    "whole": WHOLE,
    "read": WHOLE,
    "pieces": [{"body": b"he", "more_body": True}, {"body": b"llo"}],
    "empty": [{}],
    "head-only": [],
    "too-much": [*WHOLE, *WHOLE],
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers as the path says: `/status/headers/way`."""
    _, status, headers, way = scope["path"].split("/")
    if way == "nothing":
        return
    while way == "read" and (await receive()).get("more_body", False):
        pass
    start = {"status": int(status), "headers": list(HEADERS[headers])}
    await send({"type": "http.response.start", **start})
    if way == "crash":
        raise RuntimeError("after the head")
    for body in WAYS[way]:
        await send({"type": "http.response.body", **body})


@asynccontextmanager
async def served_by(protocol: type[HttpToolsProtocol]) -> AsyncIterator[int]:
    options: dict[str, Any] = {"access_log": False, "log_config": None, "date_header": False}
    config = uvicorn.Config(application, http=protocol, lifespan="off", **options)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup(sockets=[listener])
        yield listener.getsockname()[1]
        await server.shutdown(sockets=[listener])


async def speak(port: int, *requests: bytes) -> bytes:
    """Send requests on one connection; all that comes back until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(requests))
    async with asyncio.timeout(patience.SECONDS):
        received = await reader.read()
    writer.close()
    return received


def request(path: str, *fields: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
    head = [method + b" " + path.encode() + b" HTTP/1.1", b"host: x", *fields]
    return b"\r\n".join([*head, b"", body])


LAST = request("/200/closing/whole")
"""What lets the server hang up, where it has not yet."""


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    """What uvicorn's protocol answers to some requests, and what ours does."""
    async with served_by(HttpToolsProtocol) as ordinary, served_by(LimitedHttpProtocol) as whole:

        async def ask(*requests: bytes) -> tuple[bytes, bytes]:
            return await speak(ordinary, *requests), await speak(whole, *requests)

        yield ask


async def test_whatever_its_fields_an_answer_is_the_same(both: Both) -> None:
    for headers, way in itertools.product(HEADERS, ("whole", "pieces", "empty", "read")):
        expected, got = await both(request(f"/200/{headers}/{way}"), LAST)
        assert got == expected, (headers, way)
        assert b"hello" in got or headers != "plain" or way == "empty"


async def test_whatever_its_status_an_answer_is_the_same(both: Both) -> None:
    statuses = (100, 200, 204, 299, 304, 404, 500, 503, 799)
    for status, headers in itertools.product(statuses, ("plain", "no-length")):
        expected, got = await both(request(f"/{status}/{headers}/whole"), LAST)
        assert got == expected, (status, headers)


async def test_an_application_that_fails_is_seen_to_fail_alike(both: Both) -> None:
    for way in ("crash", "head-only", "too-much", "nothing"):
        expected, got = await both(request(f"/200/plain/{way}"), LAST)
        assert got == expected, way


async def test_however_it_is_asked_an_answer_is_the_same(both: Both) -> None:
    for way in ("whole", "read", "pieces"):
        path = f"/200/plain/{way}"
        short, posted = b"content-length: 3", {"method": b"POST", "body": b"abc"}
        old = request(path).replace(b"HTTP/1.1", b"HTTP/1.0")
        for asked in (
            request(path, method=b"HEAD"),
            request(path, b"connection: close"),
            request(path, short, **posted),
            request(path, short, b"expect: 100-continue", **posted),
            old,
            old.replace(b"1.0\r\n", b"1.0\r\nconnection: keep-alive\r\n"),
        ):
            expected, got = await both(asked, LAST)
            assert got == expected, asked
            assert b"200 OK" in got


async def test_requests_that_do_not_wait_are_answered_in_their_order(both: Both) -> None:
    paths = [f"/{status}/many/whole" for status in (200, 404, 503)] * 20
    expected, got = await both(*map(request, paths), LAST)
    assert got == expected
    assert got.count(b"hello") == len(paths) + 1
