"""Holds up the hash pool, so that a test can do things while a password is being hashed."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from gatepost.security.hash_pool import HashPool
from tests.support import patience


@asynccontextmanager
async def held_up(pool: HashPool) -> AsyncIterator[None]:
    """Nothing is hashed inside the block: what comes waits in the queue until it ends."""
    gate = threading.Event()
    jobs = [asyncio.create_task(pool.run(gate.wait)) for _ in range(pool.threads)]
    try:
        await until(lambda: pool.running == pool.threads)
        yield
    finally:
        gate.set()
        await asyncio.gather(*jobs)


async def until(holds: Callable[[], bool]) -> None:
    """Return as soon as it holds, which it does soon or never."""
    async with asyncio.timeout(patience.SECONDS):
        while not holds():  # noqa: ASYNC110 - what the pool does, it does in threads
            await asyncio.sleep(0.001)
