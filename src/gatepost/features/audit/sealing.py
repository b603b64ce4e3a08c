"""Gives committed rows their place in the chain, in the background, a second or so after them.

Requests only insert: were each to read the hash before its own, they would all wait for one lock.
"""

import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta

from gatepost.features.audit import chain, repository, service
from gatepost.features.audit.models import AuditEvent, AuditHead
from gatepost.features.audit.repository import Place
from gatepost.features.audit.state import AuditState
from gatepost.runtime import Runtime
from gatepost.work import Origin, Work, begin_work

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=1)

BATCH = 200
"""Rows in a transaction: others wait for it no longer than for a request."""

_PATIENCE = 10

_ADVICE = {"advice": "run `gatepost audit verify`"}
_HINT = "if SECRET_KEY was changed: FORMER_SECRET_KEYS did not name the one before"


async def run_sealer(runtime: Runtime, every: timedelta = EVERY) -> None:
    """Seal about once in `every` until the process stops; what fails is told once, tried again."""
    seconds, fails = every.total_seconds(), False
    # Several processes that started together shall not seal together.
    apart = secrets.SystemRandom()
    while await runtime.wait_or_stop(
        seconds * (_PATIENCE if fails else 1) * apart.uniform(0.5, 1.5)
    ):
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
        await _look_for_head(work)
        if not await repository.has_unsealed(work.db):
            return 0
    total = 0
    while True:
        async with begin_work(runtime, origin) as work:
            count = await work.write(seal)
        if count:
            runtime.state(AuditState).head_seen.set()  # not before the head is committed
        total += count
        if count < BATCH or runtime.stopping.is_set():
            return total


async def seal(work: Work) -> int:
    """Seal a batch of rows; returns how many, fewer than `BATCH` once no more are left.

    Whoever holds the head's row seals. What it finds in disorder it leaves as it is, and goes on
    behind it, so that the disorder stays to be found. Nothing is signed over a head that no known
    key verifies: the log begins anew after a position that stays empty.
    """
    head = await repository.lock_head(work.db)
    rows = await repository.list_unsealed(work.db, 0, BATCH)
    if not rows:
        return 0
    if head is None:
        head = await _first_head(work)
        if head is None:
            return 0  # another process was quicker
    keys = service.known_keys(work.runtime)
    signer = keys.of_head(head)
    if signer is None:
        log.error("audit.head_unverified", extra=_ADVICE | {"hint": _HINT})
        await _begin_anew(work, head)
    await _leave_out_what_is_beyond(work, head)
    if signer not in {None, keys.own}:
        log.warning("audit.rekeyed")
        head.rekeyed_position = head.position
        rows = await _all_unsealed(work, rows)
    await repository.seal(work.db, _extend(keys, head, rows))
    return len(rows)


async def _look_for_head(work: Work) -> None:
    """Find out whether the log has a head, unless that is known: new rows tell of it."""
    seen = work.runtime.state(AuditState).head_seen
    if not seen.is_set() and await repository.find_head(work.db) is not None:
        seen.set()


async def _all_unsealed(work: Work, rows: list[AuditEvent]) -> list[AuditEvent]:
    """These rows, and all that follow: what a former secret wrote is sealed when it is replaced."""
    found, some = list(rows), rows
    while len(some) == BATCH:
        some = await repository.list_unsealed(work.db, found[-1].id, BATCH)
        found += some
    return found


def _extend(keys: chain.Keys, head: AuditHead, rows: Sequence[AuditEvent]) -> list[Place]:
    """Move the head on over the rows, and return their places."""
    own_id = chain.key_id(keys.own)
    is_rekeyed, places = head.key_id != own_id, []
    for row in rows:
        head.hash = chain.link(keys.own, head.hash, head.position + 1, row)
        head.position += 1
        if is_rekeyed and row.key_id != own_id and keys.named_by(row) is not None:
            head.rekeyed_position = head.position
        places.append(Place(row.id, head.position, head.hash))
    chain.sign_head(keys.own, head)
    return places


async def _first_head(work: Work) -> AuditHead | None:
    """A new head, before the first row; None if another process has just made one.

    There had been one if a row says so, or this process has seen it.
    """
    head = AuditHead(
        position=0,
        hash=chain.BEGINNING,
        purged_position=0,
        purged_hash=chain.BEGINNING,
        rekeyed_position=0,
    )
    had_one = (
        work.runtime.state(AuditState).head_seen.is_set()
        or await repository.has_mac_between(work.db, *chain.MACS_OF_LOG_WITH_HEAD)
        or await repository.find_last(work.db) is not None
    )
    if had_one:
        log.error("audit.head_deleted", extra=_ADVICE)
        await _begin_anew(work, head)
    chain.sign_head(work.runtime.state(AuditState).key, head)
    return head if await repository.insert_head(work.db, head) else None


async def _begin_anew(work: Work, head: AuditHead) -> None:
    """Believe nothing of what the head says, and let a position that stays empty tell of it."""
    last = await repository.find_last(work.db)
    head.position = int(last.position) if last else 0
    head.purged_position, head.purged_hash = 0, chain.BEGINNING
    _leave_a_hole(head)
    head.rekeyed_position = head.position


async def _leave_out_what_is_beyond(work: Work, head: AuditHead) -> None:
    """Go on behind rows that stand beyond the head: inserted, or an older head was put back."""
    last = await repository.find_last(work.db)
    is_beyond = last is not None and last.position > head.position
    if last is not None and is_beyond:
        head.position = int(last.position)
    if await repository.find_impossible(work.db, head.position) is not None:
        is_beyond = await repository.unseal_impossible(work.db, head.position)
    if is_beyond:
        log.error("audit.rows_beyond_head", extra=_ADVICE)
        _leave_a_hole(head)


def _leave_a_hole(head: AuditHead) -> None:
    """Skip a position: with the old head went the proof of what was there, and that is to show."""
    head.position += 1
    head.hash = chain.BEGINNING
