"""Seals committed rows in the background: gives each its position and hash, about a second later.

Requests only insert rows. Reading the previous hash, too, would make them all wait for one lock.
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

INTERVAL = timedelta(seconds=1)

BATCH = 200
"""Rows per transaction, few enough that others wait no longer than for a request."""

_BACKOFF = 10
"""Factor of the interval while sealing fails."""

_ADVICE = {"advice": "run `gatepost audit verify`"}
_HINT = "if SECRET_KEY was changed: FORMER_SECRET_KEYS did not name the one before"


async def run_sealer(runtime: Runtime, interval: timedelta = INTERVAL) -> None:
    """Seal about once per `interval` until the process stops.

    After a failure it tries again, more slowly; only the first failure in a row is logged.
    """
    seconds, fails = interval.total_seconds(), False
    # Jitter: processes that were started together must not seal at the same time.
    jitter = secrets.SystemRandom()
    while await runtime.wait_or_stop(
        seconds * (_BACKOFF if fails else 1) * jitter.uniform(0.5, 1.5)
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
    """Seal all committed rows, in batches, or until the process stops; returns how many."""
    origin = Origin(request_id=f"sealing-{secrets.token_hex(8)}")
    async with begin_work(runtime, origin, writes=False) as work:
        await _detect_head(work)
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
    """Seal a batch of rows; returns how many, fewer than `BATCH` if no more are left.

    The lock of the head's row lets one process seal at a time. Damaged rows are left as they are,
    and the chain continues behind them, so that a verification finds them. If no known key
    verifies the head, it is not signed again: the chain restarts after a position left empty.
    """
    head = await repository.lock_head(work.db)
    rows = await repository.list_unsealed(work.db, 0, BATCH)
    if not rows:
        return 0
    if head is None:
        head = await _insert_head(work)
        if head is None:
            return 0  # another process was quicker
    keys = service.known_keys(work.runtime)
    signer = keys.verifying_key_of(head)
    if signer is None:
        log.error("audit.head_unverified", extra=_ADVICE | {"hint": _HINT})
        await _restart_chain(work, head)
    await _skip_rows_beyond_head(work, head)
    if signer not in {None, keys.own}:
        log.warning("audit.rekeyed")
        head.rekeyed_position = head.position
        rows = await _all_unsealed(work, rows)
    await repository.seal(work.db, _extend(keys, head, rows))
    return len(rows)


async def _detect_head(work: Work) -> None:
    """Set `head_seen` if the log has a head: the MACs of new rows then prove that it had one."""
    seen = work.runtime.state(AuditState).head_seen
    if not seen.is_set() and await repository.find_head(work.db) is not None:
        seen.set()


async def _all_unsealed(work: Work, rows: list[AuditEvent]) -> list[AuditEvent]:
    """These rows and all after them: rows of a former key are sealed before a new key signs."""
    found, some = list(rows), rows
    while len(some) == BATCH:
        some = await repository.list_unsealed(work.db, found[-1].id, BATCH)
        found += some
    return found


def _extend(keys: chain.Keys, head: AuditHead, rows: Sequence[AuditEvent]) -> list[Place]:
    """Advance the head past these rows, and return their positions and hashes."""
    own_id = chain.key_id(keys.own)
    is_rekeyed, places = head.key_id != own_id, []
    for row in rows:
        head.hash = chain.link(keys.own, head.hash, head.position + 1, row)
        head.position += 1
        if is_rekeyed and row.key_id != own_id and keys.key_of(row) is not None:
            head.rekeyed_position = head.position
        places.append(Place(row.id, head.position, head.hash))
    chain.sign_head(keys.own, head)
    return places


async def _insert_head(work: Work) -> AuditHead | None:
    """A new head, before the first row; None if another process has just inserted one.

    If this process saw a head before, or a row proves that there was one, it was deleted: that is
    logged, and the chain restarts.
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
        await _restart_chain(work, head)
    chain.sign_head(work.runtime.state(AuditState).key, head)
    return head if await repository.insert_head(work.db, head) else None


async def _restart_chain(work: Work, head: AuditHead) -> None:
    """Reset an untrusted head behind the last row, and leave an empty position as evidence."""
    last = await repository.find_last(work.db)
    head.position = int(last.position) if last else 0
    head.purged_position, head.purged_hash = 0, chain.BEGINNING
    _leave_gap(head)
    head.rekeyed_position = head.position


async def _skip_rows_beyond_head(work: Work, head: AuditHead) -> None:
    """Continue behind rows beyond the head: they were inserted, or an older head was restored."""
    last = await repository.find_last(work.db)
    is_beyond = last is not None and last.position > head.position
    if last is not None and is_beyond:
        head.position = int(last.position)
    if await repository.find_impossible(work.db, head.position) is not None:
        is_beyond = await repository.unseal_impossible(work.db, head.position)
    if is_beyond:
        log.error("audit.rows_beyond_head", extra=_ADVICE)
        _leave_gap(head)


def _leave_gap(head: AuditHead) -> None:
    """Leave an empty position, which a verification reports: the old head's proof is lost."""
    head.position += 1
    head.hash = chain.BEGINNING
