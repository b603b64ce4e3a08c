"""Connections that flood, drip or never end: refused or hung up on, and the others are served."""

import asyncio
import contextlib
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gatepost.serving.limited_http import LARGEST_HEAD, MOST_FIELDS, LimitedHttpProtocol
from tests.support import patience
from tests.support.command import Gatepost

pytestmark = pytest.mark.slow

FLOOD = 64 * 1024 * 1024
MOST_GROWTH = 24 * 1024 * 1024
SAME = ("content-type", "content-security-policy", "strict-transport-security", "cache-control")


class Server:
    """A real one, and its memory."""

    def __init__(self, pid: int, url: str) -> None:
        self.pid = pid
        self.url = url
        self.port = int(url.rpartition(":")[2])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=patience.SECONDS)

    def send(self, head: bytes) -> bytes:
        """Send something and return all that comes back until the server hangs up."""
        with self.connect() as connection:
            # It may hang up before it has read everything.
            with contextlib.suppress(ConnectionError):
                connection.sendall(head)
            return read_all(connection)

    def memory(self) -> int:
        """What the process holds, in bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * 4096

    def is_well(self) -> bool:
        return (
            httpx.get(f"{self.url}/health", timeout=patience.SECONDS, trust_env=False).status_code
            == 200
        )


def read_all(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65_536):
            received += piece
    return received


@contextlib.contextmanager
def serving(folder: Path, **more: str) -> Iterator[Server]:
    environ = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "DATABASE_URL": "sqlite:///./test.db",
        **patience.ENVIRON,
    }
    with Gatepost(folder, environ | more).start("serve", "--port", "0") as process:
        url = process.wait_for(r"(http://127\.0\.0\.1:\d+)")[1]
        yield Server(process.popen.pid, url)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def impatient_server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, BODY_TIMEOUT_SECONDS="1") as server:
        yield server


def request(*fields: bytes, start: bytes = b"GET /health HTTP/1.1") -> bytes:
    ending = b"Host: localhost", b"Connection: close", b"", b""
    return b"\r\n".join([start, *fields, *ending])


def test_a_head_within_bounds_is_answered(server: Server) -> None:
    fields = [b"X-%d: x" % number for number in range(MOST_FIELDS - 2)]
    assert server.send(request(*fields)).startswith(b"HTTP/1.1 200 ")
    assert server.send(request(b"X: " + b"x" * (LARGEST_HEAD - 200))).startswith(b"HTTP/1.1 200 ")


def test_a_head_beyond_measure_is_refused(server: Server) -> None:
    floods = {
        "ten thousand fields": request(*[b"X-%d: x" % number for number in range(10_000)]),
        "a field too many": request(*[b"X: x"] * (MOST_FIELDS - 1)),
        "a megabyte in a field": request(b"X: " + b"x" * 1_000_000),
        "a megabyte of a name": request(b"X" * 1_000_000 + b": x"),
        "a megabyte of cookies": request(*[b"Cookie: " + b"x" * 10_000] * 99),
        "a long address": request(start=b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1"),
        "a long query": request(start=b"GET /?" + b"x" * LARGEST_HEAD + b" HTTP/1.1"),
        "a little too much": request(b"X: " + b"x" * LARGEST_HEAD),
    }
    for name, head in floods.items():
        answer = server.send(head)
        # A client that is hung up on while it sends may not get to read why.
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 "), (name, answer)
    assert server.is_well()
    assert_is_like_any_refusal(server.send(request(*[b"X: x"] * MOST_FIELDS)), 431, server)


def test_what_is_no_http_is_refused(server: Server) -> None:
    for nonsense in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\x00" * 1000, b"{}\r\n\r\n"):
        assert_is_like_any_refusal(server.send(nonsense), 400, server)
    assert server.is_well()


def test_nonsense_after_a_request_is_not_taken_for_its_answer(server: Server) -> None:
    login = b'{"email": "ada@example.com", "password": "a password of nobody"}'
    fields = b"Content-Type: application/json", b"Content-Length: %d" % len(login)
    head = b"\r\n".join([b"POST /login HTTP/1.1", b"Host: localhost", *fields, b"", b""])
    answer = server.send(head + login + b"nonsense\r\n\r\n")
    # It is hung up on; a login takes too long to be answered by then.
    assert not answer.startswith(b"HTTP/1.1 400 ")
    assert server.is_well()


def assert_is_like_any_refusal(answer: bytes, status: int, server: Server) -> None:
    """Though it is refused before the application is asked."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    fields = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
    headers = httpx.Headers([(name, value) for name, _, value in fields])
    document = json.loads(body)
    ours = httpx.get(f"{server.url}/nothing", timeout=patience.SECONDS, trust_env=False)
    of_limits = {name for name in ours.headers if "ratelimit" in name}
    assert set(headers) == (set(ours.headers) - of_limits) | {"connection"}
    assert {name: headers[name] for name in SAME} == {name: ours.headers[name] for name in SAME}
    assert document.keys() == ours.json().keys()
    assert document["status"] == status
    assert document["request_id"] == headers["x-request-id"]
    assert headers["content-length"] == str(len(body))


def test_a_body_whose_end_two_readers_would_see_differently_is_refused(server: Server) -> None:
    """RFC 9112 section 6.3: else a proxy and we could disagree on where the next request begins."""
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    post = b"POST /auth/login HTTP/1.1"
    for name, fields, body in (
        ("both", [b"Content-Length: 5", b"Transfer-Encoding: chunked"], b"0\r\n\r\n"),
        ("two lengths", [b"Content-Length: 0", b"Content-Length: 40"], b""),
        ("a list of lengths", [b"Content-Length: 0, 40"], b""),
        ("a length with a sign", [b"Content-Length: +0"], b""),
        ("a length below zero", [b"Content-Length: -1"], b""),
        ("a space before the colon", [b"Content-Length : 0"], b""),
        ("another coding", [b"Transfer-Encoding: chunked, identity"], b"0\r\n\r\n"),
        ("a coding that is none", [b"Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
        ("a bad chunk", [b"Transfer-Encoding: chunked"], b"0x0\r\n\r\n"),
    ):
        head = b"\r\n".join([post, b"Host: x", b"Content-Type: application/json", *fields])
        answer = server.send(head + b"\r\n\r\n" + body + smuggled)
        assert answer.startswith(b"HTTP/1.1 400 "), (name, answer)
        assert answer.count(b"HTTP/1.1 ") == 1, (name, answer)
    assert server.is_well()


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nX: ",
        b"GET / HTTP/1.1\r\n",
        b"\r\n",
        b"POST /items/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/json\r\n\r\n0\r\nX: ",
        b"POST /items/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/json\r\n\r\n1;",
    ],
    ids=["address", "field", "fields", "nothing", "trailer", "chunk extension"],
)
def test_a_head_without_end_takes_no_memory(server: Server, beginning: bytes) -> None:
    endless = b"\r\n" * 32_768 if beginning == b"\r\n" else b"x" * 65_536
    if beginning.endswith(b"1.1\r\n"):
        endless = b"X: y\r\n" * 10_000
    assert server.is_well()
    before, sent = server.memory(), 0

    with server.connect() as connection:
        connection.sendall(beginning)
        with contextlib.suppress(ConnectionError):
            while sent < FLOOD:
                sent += connection.send(endless)

    assert sent < FLOOD, "the server should have hung up"
    assert server.memory() - before < MOST_GROWTH
    assert server.is_well()


def test_a_body_that_drips_is_refused_in_time(impatient_server: Server) -> None:
    body_of = b"POST /auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for framing in (
        b"Content-Length: 100\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ):
        with impatient_server.connect() as connection:
            began = time.monotonic()
            connection.sendall(body_of + framing)
            answer = read_all(connection)
            took = time.monotonic() - began
        head, _, document = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert json.loads(document)["code"] == "request_timeout"
        assert took > 0.9


class Quick(LimitedHttpProtocol):
    """The same with less patience, so that a test need not have as much."""

    seconds = 0.2

    checks: ClassVar[int] = 0

    def _check_progress(self) -> None:
        Quick.checks += 1
        super()._check_progress()


async def nobody(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("no request is ever complete")


@contextlib.asynccontextmanager
async def quick_server(app: ASGIApp = nobody) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app, http=Quick, lifespan="off", log_config=None, timeout_keep_alive=patience.SECONDS
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


@pytest.mark.anyio
@pytest.mark.parametrize("drip", [b"", b"\r\n", b"GET / HTTP/1.1\r\nX: "])
async def test_a_head_that_drips_is_hung_up_on(drip: bytes) -> None:
    async with quick_server() as port, asyncio.timeout(patience.SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(drip)
        assert await reader.read() == b""
        writer.close()


ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(2)


@pytest.mark.anyio
async def test_an_idle_connection_is_not_taken_for_one_that_drips() -> None:
    async with (
        quick_server(PlainTextResponse("ok")) as port,
        asyncio.timeout(patience.SECONDS),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(ASKED)
            assert await read_answer(reader) == b"ok"
            checks = Quick.checks
            while Quick.checks < checks + 3:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        writer.close()


@pytest.mark.anyio
@pytest.mark.parametrize("drip", [b"\r\n", b"G", b"GET / HTTP/1.1\r\nX: "])
async def test_a_head_that_drips_after_an_answer_is_hung_up_on(drip: bytes) -> None:
    async with (
        quick_server(PlainTextResponse("ok")) as port,
        asyncio.timeout(patience.SECONDS / 2),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ASKED)
        assert await read_answer(reader) == b"ok"
        writer.write(drip)
        assert await reader.read() == b""
        writer.close()


def test_an_idle_connection_is_closed_when_the_setting_says(tmp_path: Path) -> None:
    with serving(tmp_path, KEEP_ALIVE_SECONDS="1") as server, server.connect() as connection:
        connection.sendall(ASKED)
        began = time.monotonic()
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")
        assert time.monotonic() - began > 0.9
