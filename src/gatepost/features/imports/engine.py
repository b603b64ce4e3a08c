"""Imports accounts by the million, and resumes after a crash behind the last committed batch.

The rows of a batch, the progress of the import and the size of the rejects file are committed in
one transaction. A second run with the same file continues behind the last batch, and ends with the
same accounts, the same rejects and the same counts.
"""

import asyncio
from dataclasses import dataclass

from gatepost.db.diagnosis import is_transaction_conflict
from gatepost.features.imports import checkpoints, repository
from gatepost.features.imports.batches import Batch
from gatepost.features.imports.checkpoints import Checkpoint
from gatepost.features.imports.conflicts import RowOutcome, all_refused, resolve_conflicts
from gatepost.features.imports.job import ImportJob, ImportOutcome, ImportProgress, ImportStopped
from gatepost.features.imports.prefetching import Prefetcher, prefetching
from gatepost.features.imports.processing import add_batch, make_validator
from gatepost.runtime import Runtime
from gatepost.work import Origin, Work, begin_work

_ATTEMPTS = 10


async def import_users(runtime: Runtime, origin: Origin, job: ImportJob) -> ImportOutcome:
    """Create an account from every valid row; raises `ImportStopped`, or `BrokenFile`.

    A file that breaks off behind its first row is imported up to there, and not marked as finished.
    Hooks are called once for the import, not for each account. No transaction is open while
    passwords are hashed; users may register meanwhile: unique constraints decide who gets an
    address.
    """
    begun = await _begin(runtime, origin, job)
    if begun.finished_at is not None:
        return ImportOutcome(begun.progress, begun.progress.row_count, begun.finished_at)
    progress, resumed_after = begun.progress, begun.progress.row_count
    validator = make_validator(runtime, job, begun.begun_at)
    looks_first = resumed_after > 0
    async with prefetching(job.source.batches(validator, resumed_after)) as prefetcher:
        run = _Run(runtime, origin, job, prefetcher)
        while (batch := await prefetcher.take()) is not None:
            if batch.has_passwords:
                prefetcher.start_next()
                await _hash_passwords(runtime, batch)
            made_before = progress.made
            progress = await _store(run, batch, progress, looks_first=looks_first)
            # If some addresses were taken, more will be: query before inserting.
            looks_first = progress.made - made_before < len(batch.rows)
            job.on_progress(progress)
    if job.broken is None:
        await _finish(runtime, origin, job, progress)
    return ImportOutcome(progress, resumed_after, broken=job.broken)


@dataclass(frozen=True, slots=True)
class _Run:
    """An import under way."""

    runtime: Runtime
    origin: Origin
    job: ImportJob
    prefetcher: Prefetcher


async def _begin(runtime: Runtime, origin: Origin, job: ImportJob) -> Checkpoint:
    async with begin_work(runtime, origin) as work:
        return await work.write(checkpoints.start_or_resume, job)


async def _finish(
    runtime: Runtime, origin: Origin, job: ImportJob, progress: ImportProgress
) -> None:
    async with begin_work(runtime, origin) as work:
        await work.write(checkpoints.finish, job, progress)


async def _store(
    run: _Run, batch: Batch, progress: ImportProgress, *, looks_first: bool
) -> ImportProgress:
    """Insert a batch and save the progress in one transaction; retries after a deadlock."""
    for attempt in range(_ATTEMPTS):
        try:
            if attempt == 0:
                return await _store_once(run, batch, progress, looks_first=looks_first)
            return await _store_once(run, batch, progress, looks_first=True, by_address=True)
        except Exception as error:
            if not is_transaction_conflict(error):
                raise
    raise ImportStopped("Too much else is being written to the database. Run it again to go on.")


async def _store_once(
    run: _Run,
    batch: Batch,
    progress: ImportProgress,
    *,
    looks_first: bool,
    by_address: bool = False,
) -> ImportProgress:
    job = run.job
    async with begin_work(run.runtime, run.origin) as work:
        await checkpoints.claim(work, job, progress, next_row=batch.last)
        # Not earlier: on a single core the short statement above would wait for the thread.
        run.prefetcher.start_next()
        outcomes = await _insert(work, batch, looks_first=looks_first, by_address=by_address)
        after = add_batch(job, progress, batch, outcomes, all_refused(batch, outcomes))
        await checkpoints.save(work, job, after)
        return after


async def _insert(
    work: Work, batch: Batch, *, looks_first: bool, by_address: bool
) -> list[RowOutcome]:
    """Insert the rows that can be inserted: all at once, or those that are left after a query.

    Without `looks_first` all rows are tried at once. `by_address` inserts in the order of the
    addresses: two transactions that insert in one order cannot deadlock.
    """
    if not looks_first and await repository.insert_users(work.db, batch.rows):
        return [RowOutcome.MADE] * len(batch.rows)
    for _ in range(_ATTEMPTS):
        existing = await repository.find_existing(work.db, batch.rows)
        outcomes = resolve_conflicts(batch.rows, existing)
        pairs = zip(batch.rows, outcomes, strict=True)
        rows = [row for row, outcome in pairs if outcome is RowOutcome.MADE]
        if by_address:
            rows.sort(key=lambda row: row.email_key)
        if await repository.insert_users(work.db, rows):
            return outcomes
    raise ImportStopped("Too many of these addresses register meanwhile. Run it again to go on.")


async def _hash_passwords(runtime: Runtime, batch: Batch) -> None:
    """Hash the plain passwords of a batch, on all cores."""
    turn = asyncio.Semaphore(runtime.hash_pool.threads)

    async def hash_one(position: int, password: str | None) -> str | None:
        if password is None:
            return batch.rows[position].password_hash
        async with turn:
            return await runtime.passwords.hash(password)

    hashes = await asyncio.gather(*(hash_one(*each) for each in enumerate(batch.passwords)))
    batch.rows = [
        row._replace(password_hash=hashed) for row, hashed in zip(batch.rows, hashes, strict=True)
    ]
