"""Finds out what an import would do, without writing anything to the database."""

import json
from collections.abc import Callable

from gatepost.db.temporary_map import TemporaryDiskMap
from gatepost.features.imports import checkpoints, repository
from gatepost.features.imports.batches import Batch, RefusedRow
from gatepost.features.imports.conflicts import (
    ExistingAccounts,
    RowOutcome,
    all_refused,
    resolve_conflicts,
)
from gatepost.features.imports.job import ImportJob, ImportOutcome, ImportProgress
from gatepost.features.imports.prefetching import prefetching
from gatepost.features.imports.processing import add_batch, make_validator
from gatepost.features.imports.validation import ComparableFields
from gatepost.runtime import Runtime
from gatepost.work import Origin, begin_work

_EMAIL, _USERNAME = "@", "u"
"""The first characters of keys in the map of rows seen so far."""


async def dry_run_import(
    runtime: Runtime, origin: Origin, job: ImportJob, show: Callable[[RefusedRow], None]
) -> ImportOutcome:
    """Return what `import_users` would return now, and call `show` for each refused row.

    Passwords are not hashed. Raises `BrokenFile`, or `ImportStopped` if the rejects file has rows
    of another import.
    """
    checkpoints.refuse_existing_rejects(job.rejects)
    progress = ImportProgress()
    validator = make_validator(runtime, job, runtime.clock.now())
    with TemporaryDiskMap() as seen:
        async with prefetching(job.source.batches(validator, 0)) as prefetcher:
            while (batch := await prefetcher.take()) is not None:
                prefetcher.start_next()
                async with begin_work(runtime, origin, writes=False) as work:
                    existing = await repository.find_existing(work.db, batch.rows)
                outcomes = _resolve_with_seen(seen, batch, existing)
                refused = all_refused(batch, outcomes)
                for row in refused:
                    show(row)
                progress = add_batch(job, progress, batch, outcomes, refused)
                job.on_progress(progress)
    return ImportOutcome(progress, broken=job.broken)


def _resolve_with_seen(
    seen: TemporaryDiskMap, batch: Batch, existing: ExistingAccounts
) -> list[RowOutcome]:
    """The outcomes as if all rows before this batch had been inserted; adds its rows to `seen`."""
    keys = [_EMAIL + row.email_key for row in batch.rows]
    keys += [_USERNAME + row.username_key for row in batch.rows if row.username_key is not None]
    for key, value in seen.find(keys).items():
        if key.startswith(_EMAIL):
            existing.by_email[key[1:]] = ComparableFields(*json.loads(value))
        else:
            existing.usernames[key[1:]] = value
    outcomes = resolve_conflicts(batch.rows, existing)
    pairs = zip(batch.rows, outcomes, strict=True)
    made = [row for row, outcome in pairs if outcome is RowOutcome.MADE]
    seen.put((_EMAIL + row.email_key, json.dumps(row.comparable)) for row in made)
    seen.put((_USERNAME + row.username_key, row.email_key) for row in made if row.username_key)
    return outcomes
