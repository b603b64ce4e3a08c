"""The memory as a store."""

from datetime import timedelta

import pytest

from gatepost.stores.base import Store
from gatepost.stores.entries import put, read
from gatepost.stores.memory import MemoryStore
from tests.stores.contract import StoreContract
from tests.support.clock import SetClock

pytestmark = pytest.mark.anyio


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self, memory_store: Store) -> Store:
        return memory_store


async def test_memory_has_an_end_and_forgets_what_was_touched_longest_ago(clock: SetClock) -> None:
    store = MemoryStore(clock, most_entries=3)
    for name in ("a", "b", "c"):
        await store.update(name, put(b"", timedelta(hours=1)))
    await store.update("a:count", put(b"1", timedelta(hours=1)))
    await store.update("b", read)
    await store.update("d", put(b"", timedelta(hours=1)))
    assert store.figures["entries"] == 3
    assert await store.update("a", read) is None
    assert await store.update("b", read) == b""


async def test_a_purge_deletes_what_has_expired(clock: SetClock) -> None:
    store = MemoryStore(clock)
    for number in range(10):
        await store.update(str(number), put(b"", timedelta(seconds=number + 1)))
    clock.advance(timedelta(seconds=5))
    assert await store.purge() == 5
    assert store.figures["entries"] == 5
