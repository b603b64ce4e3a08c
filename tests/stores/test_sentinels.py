"""A Redis whose sentinels say which server it is."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from gatepost.clock import SystemClock
from gatepost.stores.base import StoreUnavailable
from gatepost.stores.redis import RedisStore
from gatepost.stores.redis_invalidation import RedisInvalidation
from gatepost.stores.session_cache import SessionCache
from tests.stores.contract import increment
from tests.support import patience
from tests.support.load import until
from tests.support.sentinels import PASSWORD, SENTINEL_PASSWORD, SERVICE, Watch

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MINUTE = timedelta(minutes=1)


@pytest.fixture
def watch() -> Iterator[Watch]:
    with Watch() as watch:
        yield watch


def url_of(watch: Watch) -> str:
    """A sentinel that is away is named first."""
    return (
        f"redis+sentinel://:{quote(PASSWORD, safe='')}@127.0.0.1:1,127.0.0.1:{watch.sentinel}"
        f"/{SERVICE}/3?sentinel_password={quote(SENTINEL_PASSWORD, safe='')}"
    )


async def test_a_store_goes_on_with_the_server_that_takes_over(watch: Watch, key: str) -> None:
    store = RedisStore(url_of(watch), "gatepost:test", patience=patience.SECONDS)
    assert await store.update(key, increment) == 1
    assert await store.update(key, increment) == 2
    watch.kill_primary()
    with pytest.raises(StoreUnavailable):
        await store.update(key, increment)

    async def counts() -> bool:
        with suppress(StoreUnavailable):
            await store.update(key, increment)
            return True
        return False

    await until(counts)
    await store.close()


async def test_announcements_are_heard_before_and_after(watch: Watch) -> None:
    url, clock = url_of(watch), SystemClock()
    caches: list[SessionCache[Any]] = [SessionCache(clock, seconds=60, size=10) for _ in range(2)]
    ends = [RedisInvalidation(url, "sessions", cache, clock) for cache in caches]
    listening = [asyncio.create_task(end.run_listener()) for end in ends]

    async def are_trusted() -> bool:
        return all(cache.is_trusted for cache in caches)

    async def are_distrusted() -> bool:
        return not any(cache.is_trusted for cache in caches)

    async def is_heard() -> bool:
        before = ends[1].figures["received"]
        await ends[0].invalidate([7])
        await asyncio.sleep(0)
        return ends[1].figures["received"] > before

    try:
        await until(are_trusted)
        await until(is_heard)
        watch.kill_primary()
        await until(are_distrusted)
        await until(are_trusted)
        await until(is_heard)
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        for end in ends:
            await end.close()
