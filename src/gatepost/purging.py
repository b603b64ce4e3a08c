"""Deletes expired rows of every feature: hourly in the service, and by `gatepost purge`."""

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
"""The least time between two batches, in seconds; after a longer batch it is longer."""


async def _purge_store(work: Work) -> int:
    """Purge the store, which has its own transactions."""
    return await work.runtime.store.purge() + await work.runtime.lockout.purge()


def purges() -> Mapping[str, Purge]:
    """For each kind of row, the function that deletes a batch and returns its size."""
    of_features = {
        kind: feature.load(purge) for feature in FEATURES for kind, purge in feature.purges.items()
    }
    return {**of_features, "stored_entries": _purge_store}


async def purge_all(runtime: Runtime) -> dict[str, int]:
    """Delete all expired rows; returns the number for each kind.

    Each batch is a transaction of its own, followed by a pause of the same length, so that requests
    do not wait long for a lock. Ends early if the process stops.
    """
    origin = Origin(request_id=f"purge-{secrets.token_hex(8)}")
    return {name: await _repeat(purge, runtime, origin) for name, purge in purges().items()}


async def run_purger(runtime: Runtime, interval: timedelta = INTERVAL) -> None:
    """Purge about once per interval until the process stops; failures are logged and retried."""
    # Random intervals, so that processes that started together do not purge together.
    apart = secrets.SystemRandom()
    while await runtime.wait_or_stop(interval.total_seconds() * apart.uniform(0.5, 1.5)):
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
        # Half of the time is for requests: SQLite polls for its write lock only now and then.
        pause = max(_SHORTEST_PAUSE, time.monotonic() - began)
        if not count or not await runtime.wait_or_stop(pause):
            return total
