"""SIGTERM: what was accepted is answered, connections end in peace, balancers are sent away."""

import asyncio
import json
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from gatepost.serving.graceful import GracefulShutdown
from gatepost.serving.limited_http import LimitedHttpProtocol
from tests.support import patience
from tests.support.command import Gatepost, Process

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

IN_FLIGHT = 40
LOGIN = {"password": "the wrong password", "transport": "bearer"}


def url_of(process: Process) -> str:
    return process.wait_for(r"http://127\.0\.0\.1:\d+")[0]


@dataclass(frozen=True, slots=True)
class InFlight:
    """A login that the service has begun to read, and whose body it waits for (RFC 9110, 100)."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    body: bytes

    @classmethod
    async def begin(cls, url: str, number: int) -> Self:
        """Each as somebody else, so that nobody is locked out."""
        body = json.dumps({**LOGIN, "email": f"u{number}@example.com"}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(
            b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        return cls(reader, writer, body)

    async def finish(self) -> tuple[bytes, bool]:
        """Send the body; the line of its status, and whether the connection was the last's."""
        self.writer.write(self.body)
        head, _, _ = (await self.reader.read()).partition(b"\r\n\r\n")
        self.writer.close()
        await self.writer.wait_closed()
        return head.split(b"\r\n")[0], b"connection: close" in head.lower()


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_every_request_in_flight_is_answered(gatepost: Gatepost, workers: str) -> None:
    unlimited = gatepost.having(RATE_LIMIT_REQUESTS="100000", HASH_QUEUE_LIMIT="1000")
    with unlimited.start("serve", "--port", "0", "--workers", workers) as process:
        url = await asyncio.to_thread(url_of, process)
        await asyncio.to_thread(all_started, process, int(workers))
        logins = await asyncio.gather(*(InFlight.begin(url, n) for n in range(IN_FLIGHT)))
        process.popen.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait_for, rf"(?s)(service.draining.*){{{workers}}}")
        answers = await asyncio.gather(*(login.finish() for login in logins))
        status, printed = await asyncio.to_thread(process.end)
    assert Counter(answers) == {(b"HTTP/1.1 401 Unauthorized", True): IN_FLIGHT}
    assert (status, "Traceback" in printed) == (0, False), printed


def all_started(process: Process, workers: int) -> None:
    process.wait_for(rf"(?s)(startup complete.*){{{workers}}}")


async def test_new_requests_are_answered_meanwhile_and_balancers_sent_away(
    gatepost: Gatepost,
) -> None:
    patient = gatepost.having(SHUTDOWN_DELAY_SECONDS="300")
    with patient.start("serve", "--port", "0") as process:
        url = await asyncio.to_thread(url_of, process)
        async with httpx.AsyncClient(base_url=url, timeout=patience.SECONDS) as client:
            before = await client.get("/health/ready")
            process.popen.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait_for, "service.draining")
            ready, live = await client.get("/health/ready"), await client.get("/health/live")
        status, _ = await asyncio.to_thread(process.terminate)
    assert (before.status_code, before.json()["checks"]["accepting"]) == (200, True)
    assert "connection" not in before.headers
    assert (ready.status_code, ready.json()["checks"]["accepting"]) == (503, False)
    assert (live.status_code, live.headers["connection"]) == (200, "close")
    assert status == 0


async def test_a_second_signal_does_not_wait(gatepost: Gatepost) -> None:
    patient = gatepost.having(SHUTDOWN_DELAY_SECONDS="300")
    with patient.start("serve", "--port", "0") as process:
        await asyncio.to_thread(url_of, process)
        await asyncio.to_thread(process.wait_for, "Application startup complete")
        process.popen.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait_for, "service.draining")
        status, _ = await asyncio.to_thread(process.terminate)
    assert status == 0


async def test_nobody_who_keeps_coming_is_cut_off(gatepost: Gatepost) -> None:
    """Whoever gets through to the service gets an answer; later ones are refused at the door."""
    # Who has been answered before, and is idle for longer than the delay, is hung up on: the busier
    # the machine, the longer a visitor is between two requests.
    loaded = gatepost.having(RATE_LIMIT_REQUESTS="1000000", SHUTDOWN_DELAY_SECONDS="6")
    outcomes: Counter[str] = Counter()
    enough = asyncio.Event()

    async def come(url: str) -> None:
        while not outcomes["refused"]:
            try:
                async with httpx.AsyncClient(base_url=url, timeout=patience.SECONDS) as client:
                    for _ in range(3):
                        outcomes[str((await client.get("/health/live")).status_code)] += 1
                        if outcomes["200"] >= 50:
                            enough.set()
            except httpx.ConnectError:
                outcomes["refused"] += 1

    with loaded.start("serve", "--port", "0") as process:
        url = await asyncio.to_thread(url_of, process)
        visitors = [asyncio.create_task(come(url)) for _ in range(8)]
        await asyncio.wait_for(enough.wait(), patience.SECONDS)
        status, _ = await asyncio.to_thread(process.terminate)
        await asyncio.gather(*visitors)
    assert status == 0
    assert set(outcomes) == {"200", "refused"}


async def test_who_was_let_in_last_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepost.serving.graceful._LONGEST_MOMENT", patience.SECONDS)
    shutdown = GracefulShutdown(0.01)

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        send = shutdown.close_after(send)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    config = uvicorn.Config(app, http=LimitedHttpProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)

    async def until(is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(patience.SECONDS):
            while not is_so():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    with ignoring_sigterm(), socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        await until(lambda: bool(server.server_state.connections))
        shutdown.intercept_sigterm()
        signal.raise_signal(signal.SIGTERM)
        await until(lambda: not any(each.is_serving() for each in server.servers))
        # However long it takes to speak, and whatever the machine's pace: it cannot have ended.
        done, _ = await asyncio.wait({serving}, timeout=1)
        assert not done
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(patience.SECONDS):
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            await serving
        writer.close()


@contextmanager
def ignoring_sigterm() -> Iterator[None]:
    """uvicorn hands the signal on, once it has ended, to whoever had it before."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
