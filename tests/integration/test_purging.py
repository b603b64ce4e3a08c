"""A purge of very many rows goes by small batches, and others write between them."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, insert, select

from gatepost.db.engine import open_engine
from gatepost.features.sessions.models import Session
from gatepost.purging import purge_all
from tests.support.clock import NOON, SetClock
from tests.support.load import Load
from tests.support.service import make_settings, serving, sign_up

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

OVER = 20_000


def long_over(user_id: int) -> dict[str, Any]:
    times = ("created_at", "authenticated_at", "renewed_at", "expires_at", "absolute_expires_at")
    return {
        "user_id": user_id,
        "role": "user",
        "method": "password",
        "generation": 0,
        **dict.fromkeys(times, NOON - timedelta(days=30)),
    }


async def test_others_write_while_very_many_rows_are_purged(migrated_url: str) -> None:
    settings = make_settings(migrated_url, database_pool_timeout_seconds=60)
    async with serving(settings, SetClock()) as service, service.open_client() as client:
        ada = await sign_up(client)
        engine = open_engine(settings.database)
        async with engine.begin() as connection:
            await connection.execute(insert(Session), [long_over(ada.id)] * OVER)

        async def write(client: httpx.AsyncClient) -> httpx.Response:
            return await client.post("/items/", json={"title": "tea"}, headers=ada.headers)

        load = Load(client, [write])
        async with load.running():
            await load.answered(1, 201)
            purge = asyncio.create_task(purge_all(service.runtime))
            written_before = len(load.answers)
            purged = await purge
        assert purged["sessions"] == OVER
        assert len(load.answers) - written_before > OVER // 1000
        assert set(load.statuses) == {201}
        async with engine.connect() as connection:
            left = await connection.scalar(select(func.count()).select_from(Session))
        assert left == 1
        await engine.dispose()


async def test_a_process_that_stops_ends_its_purge_between_two_batches(migrated_url: str) -> None:
    settings = make_settings(migrated_url)
    async with serving(settings, SetClock()) as service, service.open_client() as client:
        ada = await sign_up(client)
        async with service.work() as work:
            await work.db.execute(insert(Session), [long_over(ada.id)] * 5000)
        service.runtime.stopping.set()
        purged = await purge_all(service.runtime)
        assert 0 < purged["sessions"] < 5000
