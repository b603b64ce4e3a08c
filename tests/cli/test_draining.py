"""SIGTERM: what was accepted is answered, connections end in peace, balancers are sent away."""

import asyncio
import signal
from collections import Counter

import httpx
import pytest

from tests.cli.running import Gatepost, Process

pytestmark = pytest.mark.anyio

IN_FLIGHT = 200
SECONDS_TO_STOP = 30
LOGIN = {"email": "nobody@example.com", "password": "the wrong password"}


def url_of(process: Process) -> str:
    return process.wait_for(r"http://127\.0\.0\.1:\d+")[0]


@pytest.fixture
def slow(gatepost: Gatepost) -> Gatepost:
    """A service whose logins take long enough to pile up, and which refuses none."""
    return gatepost.having(
        RATE_LIMIT_REQUESTS="100000",
        LOCKOUT_FAILURES_PER_ADDRESS="100",
        LOCKOUT_FAILURES_PER_ACCOUNT="100",
        HASH_QUEUE_LIMIT="1000",
        HASH_THREADS="1",
        ARGON2_MEMORY_KIB="8192",
        ARGON2_TIME_COST="1",
    )


async def log_in(client: httpx.AsyncClient, number: int) -> httpx.Response:
    """Each as somebody else, so that nobody is locked out."""
    return await client.post("/auth/login", json={**LOGIN, "email": f"u{number}@example.com"})


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_every_request_in_flight_is_answered(slow: Gatepost, workers: str) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    with slow.start("serve", "--port", "0", "--workers", workers) as process:
        url = await asyncio.to_thread(url_of, process)
        async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
            for _ in range(int(workers)):
                await client.get("/health/live")
            tasks = [asyncio.create_task(log_in(client, number)) for number in range(IN_FLIGHT)]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            process.popen.send_signal(signal.SIGTERM)
            answers = await asyncio.gather(*tasks)
        status, printed = await asyncio.to_thread(process.terminate, within=SECONDS_TO_STOP)
    assert Counter(answer.status_code for answer in answers) == {401: IN_FLIGHT}
    assert any(answer.headers.get("connection") == "close" for answer in answers)
    assert (status, "Traceback" in printed) == (0, False), printed


async def test_new_requests_are_answered_meanwhile_and_balancers_sent_away(
    gatepost: Gatepost,
) -> None:
    patient = gatepost.having(SHUTDOWN_DELAY_SECONDS="5")
    with patient.start("serve", "--port", "0") as process:
        url = await asyncio.to_thread(url_of, process)
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            before = await client.get("/health/ready")
            process.popen.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait_for, "service.draining")
            ready, live = await client.get("/health/ready"), await client.get("/health/live")
        status, _ = await asyncio.to_thread(process.terminate, within=SECONDS_TO_STOP)
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
        status, _ = await asyncio.to_thread(process.terminate, within=SECONDS_TO_STOP)
    assert status == 0


async def test_nobody_who_keeps_coming_is_cut_off(gatepost: Gatepost) -> None:
    """Whoever gets through to the service gets an answer; later ones are refused at the door."""
    loaded = gatepost.having(RATE_LIMIT_REQUESTS="1000000")
    outcomes: Counter[str] = Counter()
    enough = asyncio.Event()

    async def come(url: str) -> None:
        while not outcomes["refused"]:
            try:
                async with httpx.AsyncClient(base_url=url, timeout=60) as client:
                    for _ in range(3):
                        outcomes[str((await client.get("/health/live")).status_code)] += 1
                        if outcomes["200"] >= 50:
                            enough.set()
            except httpx.ConnectError:
                outcomes["refused"] += 1

    with loaded.start("serve", "--port", "0") as process:
        url = await asyncio.to_thread(url_of, process)
        visitors = [asyncio.create_task(come(url)) for _ in range(8)]
        await asyncio.wait_for(enough.wait(), 60)
        status, _ = await asyncio.to_thread(process.terminate, within=SECONDS_TO_STOP)
        await asyncio.gather(*visitors)
    assert status == 0
    assert set(outcomes) == {"200", "refused"}
