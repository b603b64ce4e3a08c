"""Every feature's purge in one list: run by the command line, and hourly by the service."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial

from gatepost.features.audit import retention
from gatepost.features.idempotency import service as idempotency
from gatepost.features.sessions import service as sessions
from gatepost.features.signing_keys import service as signing_keys
from gatepost.runtime import Runtime
from gatepost.work import Origin, Work, begin_work, write

log = logging.getLogger(__name__)

Purge = Callable[[Work], Awaitable[int]]

EVERY = timedelta(hours=1)

_SHORTEST_PAUSE = 0.01
"""Seconds between two batches, which is more where a batch takes longer."""


async def _purge_store(work: Work) -> int:
    """The store keeps its own transactions."""
    return await work.runtime.store.purge() + await work.runtime.lockout.purge()


PURGES: Mapping[str, Purge] = {
    "sessions": sessions.purge,
    "signing_keys": signing_keys.purge,
    "audit_events": retention.purge,
    "idempotent_answers": idempotency.purge,
    "stored_entries": _purge_store,
}
"""What is deleted once it has had its day: each call deletes a batch and returns its size."""


async def purge_all(runtime: Runtime) -> dict[str, int]:
    """Delete all that has had its day; returns how many rows of each kind.

    A batch is a transaction of its own, and as long as it took nothing is done after it: others
    wait for it no longer than for a request, however much there is. Ends early where the process
    stops.
    """
    origin = Origin(request_id=f"purge-{secrets.token_hex(8)}")
    return {name: await _repeat(purge, runtime, origin) for name, purge in PURGES.items()}


async def keep_purging(runtime: Runtime, every: timedelta = EVERY) -> None:
    """Purge about once in `every` until the process stops; a failure is told, and tried again."""
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
            count = await write(work, partial(purge, work))
        total += count
        # Half of the time is others': who waits for SQLite's lock looks for it but now and then.
        pause = max(_SHORTEST_PAUSE, time.monotonic() - began)
        if not count or not await runtime.wait_or_stop(pause):
            return total
