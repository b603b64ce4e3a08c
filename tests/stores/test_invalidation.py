"""Two ends of one channel over a real Redis: what is told, what is heard, whom to trust."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest
import redis.asyncio

from gatepost.clock import SystemClock
from gatepost.stores.redis_invalidation import RedisInvalidation
from gatepost.stores.session_cache import CacheEntry, SessionCache
from tests.support import patience
from tests.support.redis_process import OwnRedis

pytestmark = pytest.mark.anyio

SECONDS = 3600
CHANNEL = "gatepost:test"


@dataclass(frozen=True, slots=True)
class End:
    """A process's memory, and its end of the channel."""

    cache: SessionCache[CacheEntry]
    invalidation: RedisInvalidation

    async def remembers(self, session_id: int, user_id: int) -> None:
        """Wait until it may remember this session, and does."""
        expires_at = SystemClock().now() + timedelta(hours=1)
        async with asyncio.timeout(patience.SECONDS):
            while not self.knows(session_id):
                seen = CacheEntry(
                    session_id, user_id, expires_at, self.cache.begin_read(session_id)
                )
                self.cache.keep(seen)
                await asyncio.sleep(0.001)

    def knows(self, session_id: int) -> bool:
        return self.cache.find(session_id, SystemClock().now()) is not None

    async def is_trusted(self) -> None:
        """Wait until it is."""
        await until(lambda: self.cache.is_trusted)

    async def forgets(self, session_id: int) -> None:
        """Wait until it has."""
        await until(lambda: not self.knows(session_id))


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(patience.SECONDS):
        while not so():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_end(url: str, channel: str = CHANNEL) -> AsyncIterator[End]:
    clock = SystemClock()
    cache: SessionCache[CacheEntry] = SessionCache(clock, seconds=SECONDS, size=1000)
    invalidation = RedisInvalidation(url, channel, cache, clock)
    listening = asyncio.create_task(invalidation.run_listener())
    try:
        yield End(cache, invalidation)
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await invalidation.close()


@pytest.fixture
async def here(started_redis: OwnRedis) -> AsyncIterator[End]:
    async with open_end(started_redis.url) as end:
        yield end


@pytest.fixture
async def there(started_redis: OwnRedis) -> AsyncIterator[End]:
    async with open_end(started_redis.url) as end:
        yield end


async def test_nobody_is_trusted_before_the_channel_was_heard(here: End) -> None:
    assert not here.cache.is_trusted
    expires_at = SystemClock().now() + timedelta(hours=1)
    here.cache.keep(CacheEntry(1, 1, expires_at, here.cache.begin_read(1)))
    await here.is_trusted()
    assert not here.knows(1)


async def test_it_ends_though_a_cancellation_comes_just_as_a_ping_is_sent(
    started_redis: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Python 3.11 has it: what is being waited for ends, and the cancellation is forgotten."""
    is_sent = asyncio.Event()
    is_armed = False

    async def wait_for(sending: Awaitable[None], _: float) -> None:
        await sending
        if is_armed:
            is_sent.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    monkeypatch.setattr("redis.asyncio.connection.asyncio.wait_for", wait_for)
    cache: SessionCache[CacheEntry] = SessionCache(SystemClock(), seconds=SECONDS, size=1000)
    invalidation = RedisInvalidation(started_redis.url, CHANNEL, cache, SystemClock())
    listening = asyncio.create_task(invalidation.run_listener())
    await until(lambda: cache.is_trusted)
    is_armed = True
    async with asyncio.timeout(patience.SECONDS):
        await is_sent.wait()
    is_armed = False
    listening.cancel()
    done, _ = await asyncio.wait({listening}, timeout=patience.SECONDS)
    listening.cancel()
    assert done
    assert not cache.is_trusted
    await invalidation.close()


async def test_one_tells_all_of_one_user(here: End, there: End) -> None:
    for end in (here, there):
        await end.remembers(1, user_id=1)
        await end.remembers(2, user_id=1)
    await here.invalidation.invalidate([1])
    assert not here.knows(1), "without any waiting"
    await there.forgets(1)
    assert not there.knows(2)
    assert here.invalidation.figures["published"] == 1
    # Not to be told: a process that got no turn for a second forgets for that alone.
    await until(lambda: there.invalidation.figures["received"] > 0)


async def test_many_who_tell_at_once_share_messages(here: End, there: End) -> None:
    for number in range(500):
        await there.remembers(number, user_id=number)
    async with asyncio.TaskGroup() as tasks:
        for number in range(500):
            tasks.create_task(here.invalidation.invalidate([number]))
    for number in range(500):
        await there.forgets(number)
    assert here.invalidation.figures["published"] < 10


async def test_very_many_users_are_told_as_everybody(here: End, there: End) -> None:
    await there.remembers(1, user_id=20_000_000)
    await here.invalidation.invalidate(range(20_000))
    await there.forgets(1)


async def test_another_services_channel_is_another_channel(
    started_redis: OwnRedis, here: End
) -> None:
    async with open_end(started_redis.url, "gatepost:another") as stranger:
        await here.is_trusted()
        await stranger.is_trusted()
        await stranger.invalidation.invalidate([1])
        await here.invalidation.invalidate([1])
        await until(lambda: here.invalidation.figures["received"] > 0)
        await until(lambda: stranger.invalidation.figures["received"] > 0)
    assert here.invalidation.figures["received"] == 1
    assert stranger.invalidation.figures["received"] == 1


@pytest.mark.parametrize("message", [b"nonsense", b"1,2,", b"-", b"\xff", b"1;2", b"*"])
async def test_what_is_no_announcement_makes_it_forget_and_breaks_nothing(
    started_redis: OwnRedis, here: End, message: bytes
) -> None:
    await here.remembers(1, user_id=77)
    async with redis.asyncio.Redis.from_url(started_redis.url) as client:
        await client.publish(CHANNEL, message)
        await here.forgets(1)
    await here.remembers(1, user_id=77)


async def test_a_redis_that_is_killed_is_trusted_by_nobody(
    started_redis: OwnRedis, here: End, there: End
) -> None:
    for end in (here, there):
        await end.remembers(1, user_id=1)
    started_redis.stop()
    await here.invalidation.invalidate([1])
    assert not here.knows(1)
    assert not there.knows(1), "whoever was told that it is done can rely on it"
    started_redis.start()
    for end in (here, there):
        await end.is_trusted()
        assert not end.knows(1), "it begins with nothing"


async def test_a_redis_that_is_frozen_is_waited_out(
    started_redis: OwnRedis, here: End, there: End
) -> None:
    for end in (here, there):
        await end.remembers(1, user_id=1)
    started_redis.freeze()
    await here.invalidation.invalidate([1])
    assert not there.knows(1)
    started_redis.thaw()
    for end in (here, there):
        await end.is_trusted()
        assert not end.knows(1)


async def test_a_long_outage_costs_each_announcement_nothing(
    started_redis: OwnRedis, here: End
) -> None:
    await here.is_trusted()
    started_redis.stop()
    async with asyncio.timeout(patience.HANGING_SECONDS):
        for number in range(1000):
            await here.invalidation.invalidate([number])


async def test_what_could_not_be_told_is_told_later(started_redis: OwnRedis, here: End) -> None:
    started_redis.stop()
    await here.invalidation.invalidate([1])
    assert here.invalidation.figures["published"] == 0
    started_redis.start()
    await until(lambda: here.invalidation.figures["published"] == 1)


async def test_a_subscription_that_is_cut_is_taken_up_again(
    started_redis: OwnRedis, here: End, there: End
) -> None:
    for end in (here, there):
        await end.remembers(1, user_id=1)
    async with redis.asyncio.Redis.from_url(started_redis.url) as client:
        await client.client_kill_filter(_type="pubsub")
    for end in (here, there):
        await end.forgets(1)
        await end.remembers(1, user_id=1)
    await here.invalidation.invalidate([1])
    await there.forgets(1)


async def test_a_redis_that_is_not_there_keeps_nobody(tmp_path: object) -> None:
    async with open_end(f"unix://{tmp_path}/nowhere") as end:
        async with asyncio.timeout(patience.HANGING_SECONDS):
            for number in range(100):
                await end.invalidation.invalidate([number])
        assert not end.cache.is_trusted
