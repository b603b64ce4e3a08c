"""A statement that takes too long is given up: 503 for its request, and the connection goes on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.engine import open_engine
from gatepost.settings import DatabaseSettings
from tests.support.load import open_client
from tests.support.processes import events_of, gatepost_on, serving, sign_up_over

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

TOO_SLOW = {
    "a statement took longer than DATABASE_STATEMENT_TIMEOUT_SECONDS",
    # On MariaDB two clocks run for who waits for a lock, and either may be the first.
    "a lock was held for longer than DATABASE_STATEMENT_TIMEOUT_SECONDS",
}

ENDLESS = """
CREATE VIEW gatepost_items AS
WITH RECURSIVE numbers (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM numbers)
SELECT numbers.id, -numbers.id AS owner_id, title, description, created_at, updated_at
FROM numbers LEFT JOIN hidden ON hidden.id = numbers.id
"""


@pytest.fixture
async def engine(fresh_database_url: str) -> AsyncIterator[AsyncEngine]:
    """Another program's connections to the service's database."""
    engine = open_engine(
        DatabaseSettings(database_url=fresh_database_url), without_statement_timeout=True
    )
    yield engine
    await engine.dispose()


# The servers make readers wait by a lock; SQLite's never wait: they are given rows without end.
BEFORE = {
    "sqlite": ("ALTER TABLE gatepost_items RENAME TO hidden", ENDLESS, "COMMIT"),
    "postgresql": ("LOCK TABLE gatepost_items IN ACCESS EXCLUSIVE MODE",),
    "mysql": ("LOCK TABLES gatepost_items WRITE",),
}
AFTER = {
    "sqlite": ("BEGIN", "DROP VIEW gatepost_items", "ALTER TABLE hidden RENAME TO gatepost_items"),
    "postgresql": (),
    "mysql": ("UNLOCK TABLES",),
}


@asynccontextmanager
async def items_kept_waiting(engine: AsyncEngine) -> AsyncIterator[None]:
    """Let nobody read items in less than an eternity."""
    async with engine.connect() as connection:
        for statement in BEFORE[connection.dialect.name]:
            await connection.execute(text(statement))
        yield
        for statement in AFTER[connection.dialect.name]:
            await connection.execute(text(statement))
        await connection.commit()


async def test_a_slow_statement_is_a_503_and_its_connection_serves_again(
    fresh_database_url: str, engine: AsyncEngine, tmp_path: Path
) -> None:
    gatepost = gatepost_on(
        fresh_database_url,
        tmp_path,
        # One connection: were it not given back, nothing would be answered any more.
        DATABASE_POOL_SIZE="1",
        DATABASE_STATEMENT_TIMEOUT_SECONDS="2",
        DATABASE_POOL_TIMEOUT_SECONDS="30",
        STORE="memory",
    )
    with serving(gatepost) as (process, url):
        async with open_client(url) as client:
            client.headers.update(await sign_up_over(client))
            async with items_kept_waiting(engine):
                for answer in [await client.get("/items/") for _ in range(2)]:
                    assert (answer.status_code, answer.json()["code"]) == (
                        503,
                        "database_unavailable",
                    )
                    assert int(answer.headers["retry-after"]) > 0
                assert (await client.get("/users/me")).status_code == 200
            assert (await client.get("/items/")).status_code == 200
            made = await client.post("/items/", json={"title": "written after all"})
            assert made.status_code == 201
        told = [each for each in events_of(process) if each["event"] == "database.unavailable"]
    assert told
    assert {each["reason"] for each in told} <= TOO_SLOW
