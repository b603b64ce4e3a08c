"""Gives committed rows their place in the chain, in the background, a second or so after them.

Requests only insert: were each to read the hash before its own, they would all wait for one lock.
"""

import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from gatepost.features.audit import chain, repository
from gatepost.features.audit.models import AuditEvent, AuditHead
from gatepost.features.audit.repository import Place
from gatepost.runtime import Runtime
from gatepost.work import Origin, Work, begin_work, write

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=1)

BATCH = 200
"""Rows in a transaction: others wait for it no longer than for a request."""

_PATIENCE = 10

_ADVICE = {"advice": "run `gatepost audit verify`"}


async def keep_sealing(runtime: Runtime, every: timedelta = EVERY) -> None:
    """Seal about once in `every` until the process stops; what fails is told once, tried again."""
    seconds, fails = every.total_seconds(), False
    # Several processes that started together shall not seal together.
    apart = secrets.SystemRandom()
    while await runtime.rest(seconds * (_PATIENCE if fails else 1) * apart.uniform(0.5, 1.5)):
        try:
            await seal_all(runtime)
        except Exception:
            if not fails:
                log.exception("audit.sealing_failed")
            fails = True
            continue
        fails = False


async def seal_all(runtime: Runtime) -> int:
    """Seal all rows that are committed, a batch at a time, or until the process stops.

    Returns how many.
    """
    origin = Origin(request_id=f"sealing-{secrets.token_hex(8)}")
    async with begin_work(runtime, origin, writes=False) as work:
        if not await repository.has_unsealed(work.db):
            return 0
    total = 0
    while True:
        async with begin_work(runtime, origin) as work:
            count = await write(work, partial(seal, work))
        total += count
        if count < BATCH or runtime.stopping.is_set():
            return total


async def seal(work: Work) -> int:
    """Seal a batch of rows; returns how many, fewer than `BATCH` once no more are left.

    Whoever holds the head's row seals. What it finds in disorder it leaves as it is, and goes on
    behind it, so that the disorder stays to be found.
    """
    head = await repository.lock_head(work.db)
    rows = await repository.list_unsealed(work.db, 0, BATCH)
    if not rows:
        return 0
    if head is None:
        head = await _first_head(work)
        if head is None:
            return 0  # another process was quicker
    await _mend(work, head)
    await repository.seal(work.db, _extend(work.runtime.audit_key, head, rows))
    return len(rows)


def _extend(key: bytes, head: AuditHead, rows: Sequence[AuditEvent]) -> list[Place]:
    """Move the head on over the rows, and return their places."""
    own_key, is_rekeyed = chain.key_id(key), head.key_id != chain.key_id(key)
    places = []
    for row in rows:
        head.hash = chain.link(key, head.hash, head.position + 1, row)
        head.position += 1
        if is_rekeyed and row.key_id != own_key:
            head.rekeyed_position = head.position
        places.append(Place(row.id, head.position, head.hash))
    chain.sign_head(key, head)
    return places


async def _first_head(work: Work) -> AuditHead | None:
    """A new head, before the first row; None if another process has just made one."""
    head = AuditHead(
        position=0,
        hash=chain.BEGINNING,
        purged_position=0,
        purged_hash=chain.BEGINNING,
        rekeyed_position=0,
    )
    last = await repository.find_last(work.db)
    if last is not None:
        log.error("audit.head_deleted", extra=_ADVICE)
        _leave_a_hole(head, last)
    chain.sign_head(work.runtime.audit_key, head)
    return head if await repository.insert_head(work.db, head) else None


async def _mend(work: Work, head: AuditHead) -> None:
    """Make the head one that can be gone on from, whatever was done to it or to the rows."""
    key, last = work.runtime.audit_key, await repository.find_last(work.db)
    if head.key_id != chain.key_id(key):
        log.warning("audit.rekeyed")
        head.rekeyed_position = max(head.position, last.position if last else 0)
    elif not chain.is_genuine_head(key, head):
        log.error("audit.head_altered", extra=_ADVICE)
        head.rekeyed_position = 0
        _leave_a_hole(head, last)
    if last is not None and last.position > head.position:
        log.error("audit.rows_beyond_head", extra=_ADVICE)
        head.position, head.hash = last.position, last.hash


def _leave_a_hole(head: AuditHead, last: Place | None) -> None:
    """Skip a position: with the old head went the proof of what was there, and that is to show."""
    head.position = (last.position if last else 0) + 1
    head.hash = chain.BEGINNING
