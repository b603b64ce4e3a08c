"""Redis as a store, and how little it matters when it is gone."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from gatepost.stores.attempts import begin_attempt
from gatepost.stores.base import Store, StoreUnavailable
from gatepost.stores.entries import put, read
from gatepost.stores.redis import RedisStore
from tests.stores.contract import RULES, StoreContract, failures_of_twenty_at_once, increment
from tests.support import patience
from tests.support.redis_process import OwnRedis

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


class TestRedis(StoreContract):
    @pytest.fixture
    def store(self, redis_store: Store) -> Store:
        return redis_store


@pytest.fixture
async def live_store(redis_url: str) -> AsyncIterator[RedisStore]:
    """One that goes by the server's own clock, as in production."""
    store = RedisStore(redis_url, "gatepost:test", patience=patience.SECONDS)
    yield store
    await store.close()


async def test_the_servers_own_clock_counts(live_store: RedisStore, key: str) -> None:
    window = await live_store.count_in_window(key, 3, MINUTE)
    assert window == (True, 1, 60_000)
    locked = [await live_store.update(key + "a", begin_attempt("here", RULES)) for _ in range(6)]
    assert [each.state for each in locked] == ["begun"] * 5 + ["full"]


async def test_processes_that_meet_on_one_account_begin_no_attempt_too_many(
    redis_url: str, key: str
) -> None:
    stores = [RedisStore(redis_url, "gatepost:test", patience=patience.SECONDS) for _ in range(4)]
    assert await failures_of_twenty_at_once(stores, key) == {"here": 5, "there": 5}
    await asyncio.gather(*(store.close() for store in stores))


async def test_nothing_stays_in_redis_for_good(
    live_store: RedisStore, redis_url: str, key: str
) -> None:
    await live_store.update(key, put(b"", MINUTE))
    await live_store.count_in_window(key + "w", 3, MINUTE)
    await live_store.update(key + "a", begin_attempt("here", RULES))
    async with Redis.from_url(redis_url) as client:
        names = await client.keys("gatepost:test:*")
        assert names
        assert all([await client.pttl(name) > 0 for name in names])


async def test_a_server_that_has_forgotten_the_script_is_told_it_again(
    live_store: RedisStore, redis_url: str, key: str
) -> None:
    await live_store.update(key, increment)
    async with Redis.from_url(redis_url) as client:
        await client.script_flush()
    assert await live_store.update(key, increment) == 2


async def test_a_server_may_ask_for_a_password(own_redis: OwnRedis, key: str) -> None:
    own_redis.start("--requirepass", "s3cret/with:odd@signs")
    store = RedisStore(
        own_redis.url.replace("unix://", "unix://:s3cret%2Fwith%3Aodd%40signs@"),
        "gatepost:test",
        patience=patience.SECONDS,
    )
    await store.update(key, put(b"value", MINUTE))
    assert await store.update(key, read) == b"value"
    await store.close()


async def test_a_dead_server_is_asked_once_and_no_request_waits_for_it(
    own_redis: OwnRedis, key: str
) -> None:
    own_redis.start()
    store = RedisStore(own_redis.url, "gatepost:test", patience=patience.SECONDS)
    await store.update(key, increment)
    own_redis.stop()
    with not_hanging(), pytest.raises(StoreUnavailable):
        await store.update(key, increment)
    with not_hanging():
        for _ in range(100):
            with pytest.raises(StoreUnavailable):
                await store.update(key, increment)
    assert store.figures["failures"] == 1
    await store.close()


async def test_a_frozen_server_costs_a_moment_once(own_redis: OwnRedis, key: str) -> None:
    own_redis.start()
    store = RedisStore(own_redis.url, "gatepost:test", patience=1)
    await store.update(key, increment)
    own_redis.freeze()
    with not_hanging():
        answers = await asyncio.gather(
            *(store.update(key, increment) for _ in range(50)), return_exceptions=True
        )
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    with not_hanging(), pytest.raises(StoreUnavailable):
        await store.update(key, increment)
    own_redis.thaw()
    await until_available(store)
    await store.update(key, increment)
    await store.close()


async def test_a_server_that_is_back_is_found(own_redis: OwnRedis, key: str) -> None:
    own_redis.start()
    store = RedisStore(own_redis.url, "gatepost:test", patience=patience.SECONDS)
    await store.update(key, increment)
    own_redis.stop()
    with pytest.raises(StoreUnavailable):
        await store.update(key, increment)
    own_redis.start()
    await until_available(store)
    assert await store.update(key, increment) == 1
    await store.close()


async def test_a_server_that_was_demoted_is_left_for_the_one_that_took_over(
    own_redis: OwnRedis, key: str
) -> None:
    own_redis.start()
    store = RedisStore(own_redis.url, "gatepost:test", patience=patience.SECONDS)
    await store.update(key, increment)
    own_redis.fail_over()
    with pytest.raises(StoreUnavailable):
        await store.update(key, increment)
    await until_available(store)
    assert await store.update(key, increment) == 1
    await store.close()


async def test_a_server_that_was_never_there_is_unavailable() -> None:
    store = RedisStore("redis://127.0.0.1:1/0", "gatepost:test", patience=patience.SECONDS)
    with not_hanging(), pytest.raises(StoreUnavailable):
        await store.ping()
    await store.close()


async def until_available(store: Store) -> None:
    """The store looks by itself, in the background."""
    async with asyncio.timeout(patience.SECONDS):
        while not store.is_available:  # noqa: ASYNC110 - it has no event for that
            await asyncio.sleep(0.01)


@contextmanager
def not_hanging() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < patience.HANGING_SECONDS
