"""A Redis that is killed and started again under load: limits let pass, locks and logouts hold."""

import re
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.support import patience
from tests.support.load import Load, open_client, until
from tests.support.processes import events_of, gatepost_on, log_in_over, serving, sign_up_over
from tests.support.redis_process import OwnRedis
from tests.support.service import PASSWORD

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

REFRESHES = 5
FAILURES = 5


async def test_limits_let_pass_while_locks_and_logouts_hold(
    own_redis: OwnRedis, tmp_path: Path
) -> None:
    start_with_memory(own_redis)
    gatepost = gatepost_on(
        f"sqlite:///{tmp_path}/test.db",
        tmp_path,
        REDIS_URL=own_redis.url,
        REDIS_TIMEOUT_MILLISECONDS="2000",
        RATE_LIMIT_REFRESH=f"{REFRESHES}/60",
        TRUSTED_PROXIES="127.0.0.1",
    )
    with serving(gatepost) as (process, url):
        async with open_client(url) as client:
            reader = await sign_up_over(client)
            gone = await log_in_over(client)
            assert (await client.post("/auth/logout", headers=gone)).status_code == 200
            for email in ("bob@example.com", "eve@example.com"):
                await sign_up_over(client, email)
            await lock(client, "bob@example.com")
            assert await refused_refreshes(client, "192.0.2.1") > 0

            async def read(client: httpx.AsyncClient) -> httpx.Response:
                return await client.get("/users/me", headers=reader)

            async def log_in(client: httpx.AsyncClient) -> httpx.Response:
                return await try_to_log_in(client, "ada@example.com", PASSWORD)

            load = Load(client, [read, read, read, log_in])
            async with load.running():
                await load.answered(80)
                own_redis.stop()
                await load.answered(80)
                assert await shown(client, "gatepost_store_available") == 0
                assert await refused_refreshes(client, "192.0.2.2") == 0
                assert await shown(client, 'gatepost_rate_limit_unchecked_total{limit="default"}')
                assert await shown(client, 'gatepost_rate_limit_unchecked_total{limit="refresh"}')
                await lock(client, "eve@example.com")
                assert await shown(client, 'gatepost_lockout_unshared_total{step="begin"}')
                await check_what_holds(client, gone, "bob@example.com", "eve@example.com")

                start_with_memory(own_redis)
                await until(lambda: is_back(client))
                assert await refused_refreshes(client, "192.0.2.3") > 0
                # What one process counted alone was its own; what the store held is there again.
                await check_what_holds(client, gone, "bob@example.com")
                await load.answered(80)
            assert load.statuses == {200: len(load.answers)}
            assert load.slowest < patience.HANGING_SECONDS
        told = Counter(event["event"] for event in events_of(process))
    # Once each, or so: to a process that gets no turn for seconds it may seem to be gone again.
    assert 1 <= told["store.lost"] == told["store.found"] <= 3


def start_with_memory(own_redis: OwnRedis) -> None:
    """Start one that finds again what it held when it was killed."""
    own_redis.start("--appendonly", "yes", "--appendfsync", "always")


async def try_to_log_in(client: httpx.AsyncClient, email: str, password: str) -> httpx.Response:
    credentials = {"email": email, "password": password, "transport": "bearer"}
    return await client.post("/auth/login", json=credentials)


async def lock(client: httpx.AsyncClient, email: str) -> None:
    """Fail as often as it takes."""
    for _ in range(FAILURES):
        assert (await try_to_log_in(client, email, "a wrong password")).status_code == 401
    assert (await try_to_log_in(client, email, PASSWORD)).status_code == 429


async def check_what_holds(client: httpx.AsyncClient, gone: dict[str, str], *locked: str) -> None:
    """Whoever logged out stays out, and a locked account is locked to the right password too."""
    assert (await client.get("/users/me", headers=gone)).status_code == 401
    for email in locked:
        answer = await try_to_log_in(client, email, PASSWORD)
        assert answer.status_code == 429, email
        assert 0 < int(answer.headers["retry-after"]) <= 900


async def refused_refreshes(client: httpx.AsyncClient, address: str) -> int:
    """How many are refused for the limit, of twice as many as it allows."""
    refused = 0
    for _ in range(2 * REFRESHES):
        answer = await client.post(
            "/auth/refresh",
            json={"refresh_token": "none.of.ours"},
            headers={"X-Forwarded-For": address},
        )
        assert answer.status_code in {401, 429}
        refused += answer.status_code == 429
    return refused


async def shown(client: httpx.AsyncClient, sample: str) -> float:
    """What the metrics say under this name, which they have to name."""
    page = (await client.get("/metrics")).text
    value = re.search(rf"^{re.escape(sample)}(?:{{[^}}]*}})? (\S+)$", page, re.MULTILINE)
    assert value is not None, page
    return float(value[1])


async def is_back(client: httpx.AsyncClient) -> bool:
    return await shown(client, "gatepost_store_available") == 1
