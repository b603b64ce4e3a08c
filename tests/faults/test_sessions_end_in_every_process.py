"""What ends in one process is over in all of them, with a Redis that works, dies, hangs or returns.

`SESSION_CACHE_SECONDS` is a minute: what is noticed sooner was announced, or was not trusted.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.support import patience
from tests.support.command import Gatepost
from tests.support.load import open_client, until
from tests.support.processes import gatepost_on, log_in_over, serving, sign_up_over
from tests.support.redis_process import OwnRedis

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

PROCESSES = 4
EVERY_TIME = 20
SOON_SECONDS = 30
ME = "/users/me"


@pytest.fixture
def gatepost(started_redis: OwnRedis, tmp_path: Path) -> Gatepost:
    return remembering(f"sqlite:///{tmp_path}/test.db", tmp_path, started_redis)


def remembering(database_url: str, folder: Path, redis: OwnRedis) -> Gatepost:
    """The command, which would remember for as long as can be, and waits for Redis as usual."""
    return gatepost_on(
        database_url,
        folder,
        REDIS_URL=redis.url,
        REDIS_TIMEOUT_MILLISECONDS="250",
        SESSION_CACHE_SECONDS="60",
    )


@asynccontextmanager
async def separate_processes(
    gatepost: Gatepost, count: int = PROCESSES
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Several services of one process each over one database: one may ask each of them."""
    with ExitStack() as processes:
        started = [
            processes.enter_context(gatepost.start("serve", "--port", "0")) for _ in range(count)
        ]
        urls = [each.wait_for(r"(http://127\.0\.0\.1:\d+)")[1] for each in started]
        async with AsyncExitStack() as clients:
            yield [await clients.enter_async_context(open_client(url)) for url in urls]


async def shown(client: httpx.AsyncClient, name: str) -> float:
    page = (await client.get("/metrics")).text
    found = re.search(rf"^{name} (\S+)$", page, re.MULTILINE)
    assert found is not None, page
    return float(found[1])


async def remembered(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Wait until the process answers this session out of its memory."""

    async def is_a_hit() -> bool:
        before = await shown(client, "gatepost_session_cache_hits_total")
        assert (await client.get(ME, headers=headers)).status_code == 200
        return await shown(client, "gatepost_session_cache_hits_total") > before

    await until(is_a_hit)


async def status_of(client: httpx.AsyncClient, headers: dict[str, str]) -> int:
    return (await client.get(ME, headers=headers)).status_code


async def refused_soon_and_for_good(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    began = time.monotonic()
    while await status_of(client, headers) == 200:
        assert time.monotonic() - began < SOON_SECONDS
        await asyncio.sleep(0.001)
    for _ in range(EVERY_TIME):
        assert await status_of(client, headers) == 401


async def log_out(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.post("/auth/logout", headers=headers)).status_code == 200


async def test_a_logout_in_one_process_is_announced_to_all(
    started_redis: OwnRedis, fresh_database_url: str, tmp_path: Path
) -> None:
    gatepost = remembering(fresh_database_url, tmp_path, started_redis)
    async with separate_processes(gatepost) as (here, *others):
        stays = await sign_up_over(here)
        for _ in range(3):
            goes = await log_in_over(here)
            for client in (here, *others):
                await remembered(client, goes)
            await log_out(here, goes)
            assert await status_of(here, goes) == 401
            for client in others:
                await refused_soon_and_for_good(client, goes)
                assert await status_of(client, stays) == 200


async def test_a_redis_killed_between_login_and_logout_keeps_no_token_alive(
    started_redis: OwnRedis, gatepost: Gatepost
) -> None:
    await no_token_outlives_its_logout(gatepost, started_redis.stop, started_redis.start)


async def test_a_redis_that_hangs_between_login_and_logout_keeps_no_token_alive(
    started_redis: OwnRedis, gatepost: Gatepost
) -> None:
    await no_token_outlives_its_logout(gatepost, started_redis.freeze, started_redis.thaw)


async def no_token_outlives_its_logout(
    gatepost: Gatepost,
    take_away: Callable[[], None],
    bring_back: Callable[[], None],
) -> None:
    async with separate_processes(gatepost) as clients:
        here = clients[0]
        first = await sign_up_over(here)
        second, third = await log_in_over(here), await log_in_over(here)
        for client in clients:
            for headers in (first, second, third):
                await remembered(client, headers)
        take_away()
        for headers in (first, second):
            await log_out(here, headers)
            # It was answered: nobody takes the token any more, not even once.
            assert [await status_of(client, headers) for client in clients] == [401] * PROCESSES
        assert [await status_of(client, third) for client in clients] == [200] * PROCESSES
        bring_back()
        for client in clients:
            await remembered(client, third)
        assert [await status_of(client, second) for client in clients] == [401] * PROCESSES
        await log_out(clients[1], third)
        for client in clients:
            await refused_soon_and_for_good(client, third)


async def test_the_command_line_is_heard_by_all(gatepost: Gatepost) -> None:
    async with separate_processes(gatepost, 2) as clients:
        headers = await sign_up_over(clients[0])
        for client in clients:
            await remembered(client, headers)
        done = await asyncio.to_thread(gatepost.run_process, "users", "disable", "ada@example.com")
        assert done.returncode == 0, done.stderr
        for client in clients:
            await refused_soon_and_for_good(client, headers)


async def test_all_workers_of_one_service_refuse_who_logged_out_at_one(gatepost: Gatepost) -> None:
    with serving(gatepost, "--workers", str(PROCESSES)) as (_, url):
        async with open_client(url) as client:
            # A connection of its own for each request, so that every worker gets some.
            client.headers["Connection"] = "close"
            headers = await sign_up_over(client)

            async def all_remember() -> bool:
                for _ in range(EVERY_TIME):
                    assert await status_of(client, headers) == 200
                return await shown(client, "gatepost_session_cache_entries") == PROCESSES

            await until(all_remember)
            await log_out(client, headers)
            async with asyncio.timeout(patience.SECONDS):
                refused = 0
                while refused < EVERY_TIME:
                    refused = refused + 1 if await status_of(client, headers) == 401 else 0
            assert await status_of(client, headers) == 401
