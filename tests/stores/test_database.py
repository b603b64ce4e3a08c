"""A table as a store, on each database."""

import asyncio
from datetime import timedelta

import pytest

from gatepost.db.engine import open_engine
from gatepost.stores.base import Store, StoreUnavailable
from gatepost.stores.database import DatabaseStore
from gatepost.stores.entries import put, read
from tests.stores.contract import StoreContract, failures_of_twenty_at_once
from tests.support import patience
from tests.support.clock import SetClock
from tests.support.service import make_settings, wipe

pytestmark = [pytest.mark.anyio, pytest.mark.every_database]


class TestDatabase(StoreContract):
    @pytest.fixture
    def store(self, database_store: Store) -> Store:
        return database_store


async def test_processes_that_meet_on_the_same_keys_lose_no_count(
    database_store: Store, migrated_url: str, clock: SetClock
) -> None:
    engine = open_engine(make_settings(migrated_url).database)
    other = DatabaseStore(engine, clock, patience=patience.SECONDS)
    keys = [f"shared:{number}" for number in range(5)]
    windows = await asyncio.gather(
        *(
            store.count_in_window(key, 50, timedelta(minutes=1))
            for _ in range(100)
            for store in (database_store, other)
            for key in keys
        )
    )
    await other.close()
    await engine.dispose()
    assert sum(window.allowed for window in windows) == 50 * len(keys)


async def test_processes_that_meet_on_one_account_begin_no_attempt_too_many(
    migrated_url: str, clock: SetClock, key: str
) -> None:
    engines = [open_engine(make_settings(migrated_url).database) for _ in range(4)]
    stores = [DatabaseStore(engine, clock, patience=patience.SECONDS) for engine in engines]
    assert await failures_of_twenty_at_once(stores, key) == {"here": 5, "there": 5}
    await asyncio.gather(*(store.close() for store in stores))
    await wipe(engines[0])
    await asyncio.gather(*(engine.dispose() for engine in engines))


async def test_a_purge_deletes_the_rows_that_have_expired(
    database_store: Store, clock: SetClock, key: str
) -> None:
    await database_store.update(key, put(b"", timedelta(seconds=1)))
    clock.advance(timedelta(seconds=1))
    assert await database_store.purge() == 1
    assert await database_store.purge() == 0


@pytest.mark.databases("sqlite")
async def test_without_its_table_it_is_unavailable(
    fresh_database_url: str, clock: SetClock
) -> None:
    engine = open_engine(make_settings(fresh_database_url).database)
    store = DatabaseStore(engine, clock)
    with pytest.raises(StoreUnavailable):
        await store.update("anything", read)
    assert not store.is_available
    assert store.figures["failures"] == 1
    await store.close()
    await engine.dispose()
