"""Runs every feature's purge: for the command line, and hourly in the service."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from gatepost.features import FEATURES
from gatepost.runtime import Runtime
from gatepost.work import Origin, Work, begin_work

log = logging.getLogger(__name__)

Purge = Callable[[Work], Awaitable[int]]

INTERVAL = timedelta(hours=1)

_SHORTEST_PAUSE = 0.01
"""Seconds between two batches, which is more where a batch takes longer."""


async def _purge_store(work: Work) -> int:
    """The store keeps its own transactions."""
    return await work.runtime.store.purge() + await work.runtime.lockout.purge()


def purges() -> Mapping[str, Purge]:
    """By kind of row, what deletes a batch of those that have expired and returns its size."""
    of_features = {
        kind: feature.load(purge) for feature in FEATURES for kind, purge in feature.purges.items()
    }
    return {**of_features, "stored_entries": _purge_store}


async def purge_all(runtime: Runtime) -> dict[str, int]:
    """Delete all rows that have expired; returns how many of each kind.

    Each batch is a transaction of its own, followed by a pause of the same length, so that requests
    wait no longer than for another request. Ends early where the process stops.
    """
    origin = Origin(request_id=f"purge-{secrets.token_hex(8)}")
    return {name: await _repeat(purge, runtime, origin) for name, purge in purges().items()}


async def run_purger(runtime: Runtime, every: timedelta = INTERVAL) -> None:
    """Purge about once in `every` until the process stops; a failure is logged, and tried again."""
    # Several processes that started together shall not purge together.
    apart = secrets.SystemRandom()
    while await runtime.wait_or_stop(every.total_seconds() * apart.uniform(0.5, 1.5)):
        try:
            purged = await purge_all(runtime)
        except Exception:
            log.exception("purge.failed")
            continue
        runtime.metrics.count_purged(purged)
        if any(purged.values()):
            log.info("purge.done", extra={"rows": purged})


async def _repeat(purge: Purge, runtime: Runtime, origin: Origin) -> int:
    total = 0
    while True:
        began = time.monotonic()
        async with begin_work(runtime, origin) as work:
            count = await work.write(purge)
        total += count
        # Half of the time is others': who waits for SQLite's lock looks for it but now and then.
        pause = max(_SHORTEST_PAUSE, time.monotonic() - began)
        if not count or not await runtime.wait_or_stop(pause):
            return total
