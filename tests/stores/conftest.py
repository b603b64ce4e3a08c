"""Each store, empty, on a clock that the test sets."""

import secrets
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from gatepost.db.engine import open_engine
from gatepost.stores.base import Store
from gatepost.stores.database import DatabaseStore
from gatepost.stores.memory import MemoryStore
from gatepost.stores.redis import RedisStore
from tests.support import patience
from tests.support.clock import SetClock
from tests.support.service import make_settings, wipe


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def memory_store(clock: SetClock) -> Store:
    return MemoryStore(clock)


@pytest.fixture
async def redis_store(redis_url: str, clock: SetClock) -> AsyncIterator[Store]:
    store = RedisStore(redis_url, "gatepost:test", clock, patience=patience.SECONDS)
    yield store
    await store.close()
    async with Redis.from_url(redis_url) as client:
        await client.flushdb()


@pytest.fixture
async def database_store(migrated_url: str, clock: SetClock) -> AsyncIterator[Store]:
    engine = open_engine(make_settings(migrated_url).database)
    store = DatabaseStore(engine, clock, patience=patience.SECONDS)
    yield store
    await store.close()
    await wipe(engine)
    await engine.dispose()


@pytest.fixture
def key() -> str:
    """A key that no other test has."""
    return f"test:{secrets.token_hex(8)}"
