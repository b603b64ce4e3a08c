"""A database that is silent, as behind a broken network, costs requests a 503 and hangs none."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.support.load import open_client, until
from tests.support.processes import events_of, gatepost_on, serving, sign_up_over
from tests.support.relay import Relay

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.faults,
    pytest.mark.databases("postgresql", "mariadb"),
]


async def test_a_silent_database_hangs_no_request_and_is_found_again(
    fresh_database_url: str, tmp_path: Path
) -> None:
    with Relay(fresh_database_url) as relay:
        gatepost = gatepost_on(
            relay.url,
            tmp_path,
            DATABASE_POOL_SIZE="2",
            # Long for a machine that is busy, and short beside what the client waits.
            DATABASE_POOL_TIMEOUT_SECONDS="6",
            DATABASE_STATEMENT_TIMEOUT_SECONDS="6",
            SESSION_CACHE_SECONDS="0",
        )
        with serving(gatepost) as (process, address):
            async with open_client(address) as client:
                client.headers.update(await sign_up_over(client))
                await asyncio.gather(*(client.get("/users/me") for _ in range(4)))
                relay.cut_for_all()
                # On connections that were open, and then on new ones.
                for _ in range(2):
                    answers = await asyncio.gather(*(client.get("/users/me") for _ in range(4)))
                    assert {each.status_code for each in answers} == {503}
                assert (await client.get("/health/live")).status_code == 200
                relay.mend()
                await until(lambda: is_answered(client))
            events = events_of(process)
    assert any(event["event"] == "database.unavailable" for event in events)


async def is_answered(client: httpx.AsyncClient) -> bool:
    answer = await client.get("/users/me")
    assert answer.status_code in {200, 503}
    return answer.status_code == 200
