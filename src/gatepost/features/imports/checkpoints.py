"""Stores the progress of an import, so that a run that was stopped is continued by the next."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from gatepost.events import Event
from gatepost.features.audit import service as audit
from gatepost.features.imports import events, repository
from gatepost.features.imports.job import ImportJob, ImportProgress, ImportStopped, RejectSink
from gatepost.features.imports.models import UserImport
from gatepost.work import Work

_SHOWN_OF_A_KEY = 16


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """When an import began, its progress, and when it finished."""

    begun_at: datetime
    progress: ImportProgress
    finished_at: datetime | None = None


async def start_or_resume(work: Work, job: ImportJob) -> Checkpoint:
    """The stored progress of the job, or its start; raises `ImportStopped`."""
    found = None if job.key is None else await _find(work, job.key, job)
    if found is not None:
        return Checkpoint(found.begun_at, _progress_of(found), found.finished_at)
    begun = UserImport(key=job.key, begun_at=work.now, **_columns(ImportProgress()))
    if job.key is not None and not await repository.insert_import(work.db, begun):
        raise _other_process()
    await _record(work, job, events.USERS_IMPORT_BEGUN)
    return Checkpoint(work.now, ImportProgress())


async def claim(work: Work, job: ImportJob, progress: ImportProgress, next_row: int) -> None:
    """Move the import on to `next_row` and lock it; raises `ImportStopped`.

    Call this before anything else in the transaction: of two processes with the same file, the
    second waits here and then finds that the import has moved on.
    """
    await _advance(work, job, progress.row_count, {"row_count": next_row})


async def save(work: Work, job: ImportJob, progress: ImportProgress) -> None:
    """Store the progress, at whose row the import was claimed."""
    await _advance(work, job, progress.row_count, _columns(progress))


async def finish(work: Work, job: ImportJob, progress: ImportProgress) -> None:
    """Mark the import as finished, and record that in the audit log."""
    await _advance(work, job, progress.row_count, {"finished_at": work.now})
    await _record(
        work,
        job,
        events.USERS_IMPORTED,
        made=progress.made,
        already_there=progress.already_there,
        refused=progress.refused_count,
    )


def refuse_existing_rejects(rejects: RejectSink) -> None:
    """Raise `ImportStopped` if the rejects file has rows of another import."""
    if rejects.size > 0:
        raise ImportStopped("The rejects file exists already: move it away, or name another.")


async def _find(work: Work, key: str, job: ImportJob) -> UserImport | None:
    found = await repository.find_import(work.db, key)
    if found is None:
        refuse_existing_rejects(job.rejects)
        return None
    if job.restarts:
        await repository.delete_import(work.db, key)
        return None
    if found.finished_at is None and job.rejects.size < found.rejects_size:
        raise ImportStopped(
            "The rejects file is not the one that this import was writing: put it back, or begin "
            "again with --restart."
        )
    return found


async def _advance(work: Work, job: ImportJob, from_row: int, values: Mapping[str, object]) -> None:
    if job.key is None:
        return
    if not await repository.advance_import(work.db, job.key, from_row, values):
        raise _other_process()


async def _record(work: Work, job: ImportJob, event: Event, **counts: int) -> None:
    name = None if job.key is None else job.key[:_SHOWN_OF_A_KEY]
    await audit.record(work, event, audit.EventContext(details={"import": name, **counts}))


def _columns(progress: ImportProgress) -> dict[str, Any]:
    return {each.name: getattr(progress, each.name) for each in fields(progress)}


def _progress_of(found: UserImport) -> ImportProgress:
    return ImportProgress(
        **{each.name: getattr(found, each.name) for each in fields(ImportProgress)}
    )


def _other_process() -> ImportStopped:
    return ImportStopped("Another process is importing the same file.")
