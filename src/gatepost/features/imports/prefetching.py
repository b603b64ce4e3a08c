"""Makes the next batch in a thread, while the database inserts the one before it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

from gatepost.features.imports.batches import Batch


class Prefetcher:
    """Takes batches from an iterator, each in a thread, at most one ahead."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches = batches
        self._next: asyncio.Task[Batch | None] | None = None

    def start_next(self) -> None:
        """Start to make the next batch, unless that is under way."""
        if self._next is None:
            self._next = asyncio.create_task(asyncio.to_thread(next, self._batches, None))

    async def take(self) -> Batch | None:
        """Wait for the next batch; None after the last."""
        self.start_next()
        assert self._next is not None  # noqa: S101 - `start_next` sets it
        batch, self._next = await self._next, None
        return batch

    async def close(self) -> None:
        """Wait for the thread to end."""
        if self._next is not None:
            self._next.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._next


@asynccontextmanager
async def prefetching(batches: Iterator[Batch]) -> AsyncIterator[Prefetcher]:
    """A `Prefetcher` whose thread has ended when the block ends."""
    prefetcher = Prefetcher(batches)
    try:
        yield prefetcher
    finally:
        await prefetcher.close()
