"""A database that is gone without a word: its requests are answered 503, the next ones connect."""

import itertools
from pathlib import Path

import httpx
import pytest

from tests.support.load import Load, open_client, until
from tests.support.processes import events_of, gatepost_on, serving, sign_up_over
from tests.support.relay import Relay

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.faults,
    pytest.mark.databases("postgresql", "mariadb"),
]


async def test_what_was_under_way_ends_and_what_follows_finds_a_new_connection(
    fresh_database_url: str, tmp_path: Path
) -> None:
    numbers = itertools.count()

    async def write(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/items/", json={"title": f"item {next(numbers)}"})

    async def read(client: httpx.AsyncClient) -> httpx.Response:
        return await client.get("/users/me")

    with Relay(fresh_database_url) as relay:
        gatepost = gatepost_on(
            relay.url,
            tmp_path,
            STORE="memory",
            SESSION_CACHE_SECONDS="0",
            DATABASE_POOL_SIZE="3",
            DATABASE_STATEMENT_TIMEOUT_SECONDS="3",
            DATABASE_POOL_TIMEOUT_SECONDS="5",
            # What the server still holds for those who are gone.
            DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS="3",
        )
        with serving(gatepost) as (process, address):
            async with open_client(address) as client:
                client.headers.update(await sign_up_over(client))
                load = Load(client, [read, write])
                async with load.running():
                    await load.answered(40, 201)
                    relay.cut()
                    assert (await client.get("/health/live")).status_code == 200
                    await load.answered(40, 201)
                relay.cut()  # and where all connections are at rest

                async def is_served() -> bool:
                    return (await read(client)).status_code == 200

                await until(is_served)
            unlike = [answer for answer in load.answers if not answer.is_as_asked]
            assert not unlike
            events = events_of(process)
    assert not [event for event in events if event["event"] == "request.crashed"]
