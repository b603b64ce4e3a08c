"""Imports accounts by the million: what was committed before a crash is not done again.

A batch of rows, the count of rows dealt with and the size of the rejects file are one transaction.
Whoever begins again with the same file goes on behind the last batch, and ends with the same
accounts, the same rejects and the same numbers.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Protocol

from gatepost.db.diagnosis import is_transaction_conflict
from gatepost.db.temporary_map import TemporaryDiskMap
from gatepost.features.accounts import repository
from gatepost.features.accounts.import_batches import Batch, Reading, Refusal
from gatepost.features.accounts.import_conflicts import Fate, Taken, refusals, sort_out
from gatepost.features.accounts.judging import Judge, Likeness
from gatepost.features.accounts.models import UserImport
from gatepost.features.audit import service as audit
from gatepost.features.audit.events import Event
from gatepost.runtime import Runtime
from gatepost.work import Origin, Work, begin_work, write

_ATTEMPTS = 10
_SHOWN_OF_A_KEY = 16


class ImportStopped(Exception):  # noqa: N818 - it says what happened
    """The import cannot begin or go on; its text is a sentence for the operator."""


class Rejected(Protocol):
    """Where refused rows are kept; `files.rejects` is it."""

    @property
    def size(self) -> int: ...

    def write(self, after: int, entries: Sequence[Mapping[str, object]]) -> int:
        """Go back to `after` bytes, add the entries, and return the new size."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How far an import has come: the rows dealt with, and what became of them."""

    row_count: int = 0
    made: int = 0
    already_there: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    rejects_size: int = 0

    @property
    def refused_count(self) -> int:
        return sum(self.refused.values())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import has come to.

    `resumed_after` is how many rows earlier runs had dealt with; `finished_at` when one of them had
    finished, so that this one had nothing to do. `broken` says why the file could not be read to
    its end: what comes behind the rows of the tally is unknown.
    """

    tally: Tally
    resumed_after: int = 0
    finished_at: datetime | None = None
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One import: what comes in, by which rules, and who hears of it.

    `key` says which file and options these are, None if they cannot be told again: then nothing is
    remembered, and whoever begins again begins at the first row.
    """

    reading: Reading
    key: str | None
    rejected: Rejected
    allows_admins: bool = False
    checks_passwords: bool = False
    begins_again: bool = False
    tell: Callable[[Tally], None] = lambda _: None


async def import_users(runtime: Runtime, origin: Origin, plan: Plan) -> Outcome:
    """Make an account of every row that can be one; raises `ImportStopped`, or `BrokenFile`.

    A file that breaks off behind its first row is imported up to there, and not finished.

    Hosts' hooks hear of the import, not of each account. Nothing is held while passwords are
    hashed, and others register meanwhile: the constraints decide who gets an address.
    """
    begun_at, tally, finished_at = await _begin(runtime, origin, plan)
    if finished_at is not None:
        return Outcome(tally, tally.row_count, finished_at)
    resumed_after = tally.row_count
    judge = _judge(runtime, plan, begun_at)
    is_careful = resumed_after > 0
    async with _ahead(plan.reading.batches(judge, resumed_after)) as ahead:
        run = _Run(runtime, origin, plan, ahead)
        while (batch := await ahead.take()) is not None:
            if batch.has_passwords:
                ahead.make_next()
                await _hash_passwords(runtime, batch)
            before = tally
            tally = await _store(run, batch, tally, careful=is_careful)
            # Where some addresses were taken, more will be: look before inserting.
            is_careful = tally.made - before.made < len(batch.rows)
            plan.tell(tally)
    broken = _broken(plan)
    if broken is None:
        await _finish(runtime, origin, plan, tally)
    return Outcome(tally, resumed_after, broken=broken)


async def rehearse_import(
    runtime: Runtime, origin: Origin, plan: Plan, show: Callable[[Refusal], None]
) -> Outcome:
    """Find out what `import_users` would do, and do nothing; each refusal is shown.

    Passwords are not hashed. What others do until it is done for real cannot be known. Raises
    `ImportStopped` where it would write over rejects.
    """
    _refuse_to_write_over(plan.rejected)
    tally = Tally()
    judge = _judge(runtime, plan, runtime.clock.now())
    with TemporaryDiskMap() as seen:
        async with _ahead(plan.reading.batches(judge, 0)) as ahead:
            while (batch := await ahead.take()) is not None:
                ahead.make_next()
                async with begin_work(runtime, origin, writes=False) as work:
                    taken = await repository.find_taken(work.db, batch.rows)
                fates = _sort_out_with(seen, batch, taken)
                refused = refusals(batch, fates)
                for refusal in refused:
                    show(refusal)
                tally = _add(tally, batch, fates, refused, plan.rejected)
                plan.tell(tally)
    return Outcome(tally, broken=_broken(plan))


def _broken(plan: Plan) -> str | None:
    return None if plan.reading.broken is None else str(plan.reading.broken)


def _judge(runtime: Runtime, plan: Plan, now: datetime) -> Judge:
    settings = runtime.settings
    policy = settings if plan.checks_passwords else None
    return Judge(runtime.passwords, now, plan.allows_admins, settings.email_special_domains, policy)


class _Ahead:
    """Batches, each made in a thread, from when that is begun until it is taken."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches = batches
        self.coming: asyncio.Task[Batch | None] | None = None

    def make_next(self) -> None:
        """Make the next one, unless that is begun."""
        if self.coming is None:
            self.coming = asyncio.create_task(asyncio.to_thread(next, self._batches, None))

    async def take(self) -> Batch | None:
        """The next one; None after the last."""
        self.make_next()
        assert self.coming is not None  # noqa: S101 - it is begun
        batch, self.coming = await self.coming, None
        return batch


@asynccontextmanager
async def _ahead(batches: Iterator[Batch]) -> AsyncIterator[_Ahead]:
    """When the block ends, so has the thread."""
    ahead = _Ahead(batches)
    try:
        yield ahead
    finally:
        if ahead.coming is not None:
            ahead.coming.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await ahead.coming


@dataclass(frozen=True, slots=True)
class _Run:
    """An import under way."""

    runtime: Runtime
    origin: Origin
    plan: Plan
    ahead: _Ahead


async def _begin(
    runtime: Runtime, origin: Origin, plan: Plan
) -> tuple[datetime, Tally, datetime | None]:
    """When the import was begun, how far it is, and when it was finished."""
    async with begin_work(runtime, origin) as work:
        return await write(work, lambda: _begin_within(work, plan))


async def _begin_within(work: Work, plan: Plan) -> tuple[datetime, Tally, datetime | None]:
    found = None if plan.key is None else await _find_begun(work, plan.key, plan)
    if found is not None:
        return found.begun_at, _tally_of(found), found.finished_at
    begun = UserImport(key=plan.key, begun_at=work.now, **_columns(Tally()))
    if plan.key is not None and not await repository.insert_import(work.db, begun):
        raise _elsewhere()
    await _record(work, plan, Event.USERS_IMPORT_BEGUN)
    return work.now, Tally(), None


async def _find_begun(work: Work, key: str, plan: Plan) -> UserImport | None:
    """What is remembered of this import; the rejects file has to fit to it."""
    found = await repository.find_import(work.db, key)
    if found is not None and plan.begins_again:
        await repository.remove_import(work.db, key)
        return None
    least = 0 if found is None else found.rejects_size
    if found is None:
        _refuse_to_write_over(plan.rejected)
    if found is not None and found.finished_at is None and plan.rejected.size < least:
        raise ImportStopped(
            "The rejects file is not the one that this import was writing: put it back, or begin "
            "again with --restart."
        )
    return found


def _refuse_to_write_over(rejected: Rejected) -> None:
    if rejected.size > 0:
        raise ImportStopped("The rejects file is there already: move it away, or name another.")


async def _store(run: _Run, batch: Batch, tally: Tally, *, careful: bool) -> Tally:
    """Insert a batch and remember it, in one transaction; tried again where it was in the way."""
    for attempt in range(_ATTEMPTS):
        try:
            if attempt == 0:
                return await _store_once(run, batch, tally, careful=careful)
            return await _store_once(run, batch, tally, careful=True, by_address=True)
        except Exception as error:
            if not is_transaction_conflict(error):
                raise
    raise ImportStopped("Too much else is being written to the database. Run it again to go on.")


async def _store_once(
    run: _Run, batch: Batch, tally: Tally, *, careful: bool, by_address: bool = False
) -> Tally:
    plan = run.plan
    async with begin_work(run.runtime, run.origin) as work:
        # First, so that of two processes with one file the second waits, and then finds it moved.
        await _move(work, plan, tally, {"row_count": batch.last})
        # Not before: on a single core what is short would wait for what is begun here.
        run.ahead.make_next()
        fates = await _insert(work, batch, careful=careful, by_address=by_address)
        after = _add(tally, batch, fates, refusals(batch, fates), plan.rejected)
        await _move(work, plan, after, _columns(after))
        return after


async def _insert(work: Work, batch: Batch, *, careful: bool, by_address: bool) -> list[Fate]:
    """Insert what can be inserted: all at once if nobody has any of it, else after a look.

    Where it was in another's way before, `by_address` and not as in the file: of two that go in one
    order one waits for the other, and never both.
    """
    if not careful and await repository.insert_many(work.db, batch.rows):
        return [Fate.MADE] * len(batch.rows)
    for _ in range(_ATTEMPTS):
        fates = sort_out(batch.rows, await repository.find_taken(work.db, batch.rows))
        rows = [row for row, fate in zip(batch.rows, fates, strict=True) if fate is Fate.MADE]
        if by_address:
            rows.sort(key=lambda row: row.email_key)
        if await repository.insert_many(work.db, rows):
            return fates
    raise ImportStopped("Too many of these addresses register meanwhile. Run it again to go on.")


async def _finish(runtime: Runtime, origin: Origin, plan: Plan, tally: Tally) -> None:
    async def finish(work: Work) -> None:
        await _move(work, plan, tally, {"finished_at": work.now})
        await _record(
            work,
            plan,
            Event.USERS_IMPORTED,
            made=tally.made,
            already_there=tally.already_there,
            refused=tally.refused_count,
        )

    async with begin_work(runtime, origin) as work:
        await write(work, lambda: finish(work))


async def _move(work: Work, plan: Plan, at: Tally, values: Mapping[str, object]) -> None:
    if plan.key is None:
        return
    if not await repository.move_import(work.db, plan.key, at.row_count, values):
        raise _elsewhere()


async def _record(work: Work, plan: Plan, event: Event, **numbers: int) -> None:
    name = None if plan.key is None else plan.key[:_SHOWN_OF_A_KEY]
    await audit.record(work, event, audit.About(details={"import": name, **numbers}))


async def _hash_passwords(runtime: Runtime, batch: Batch) -> None:
    """Hash what is to be hashed, on all cores."""
    turn = asyncio.Semaphore(runtime.hash_pool.threads)

    async def hash_one(place: int, password: str | None) -> str | None:
        if password is None:
            return batch.rows[place].password_hash
        async with turn:
            return await runtime.passwords.hash(password)

    hashed = await asyncio.gather(*(hash_one(*each) for each in enumerate(batch.passwords)))
    batch.rows = [
        row._replace(password_hash=each) for row, each in zip(batch.rows, hashed, strict=True)
    ]


def _sort_out_with(seen: TemporaryDiskMap, batch: Batch, taken: Taken) -> list[Fate]:
    """What would become of the rows, if those that came before them in the file had been made."""
    keys = [f"@{row.email_key}" for row in batch.rows]
    keys += [f"u{row.username_key}" for row in batch.rows if row.username_key is not None]
    for key, value in seen.find(keys).items():
        if key.startswith("@"):
            taken.addresses[key[1:]] = Likeness(*json.loads(value))
        else:
            taken.usernames[key[1:]] = value
    fates = sort_out(batch.rows, taken)
    made = [row for row, fate in zip(batch.rows, fates, strict=True) if fate is Fate.MADE]
    seen.put((f"@{row.email_key}", json.dumps(row.likeness)) for row in made)
    seen.put((f"u{row.username_key}", row.email_key) for row in made if row.username_key)
    return fates


def _add(
    tally: Tally,
    batch: Batch,
    fates: Sequence[Fate],
    refused: Sequence[Refusal],
    rejected: Rejected,
) -> Tally:
    """The tally after a batch, its refused rows kept."""
    return Tally(
        row_count=batch.last,
        made=tally.made + fates.count(Fate.MADE),
        already_there=tally.already_there + fates.count(Fate.ALREADY_THERE),
        refused=dict(Counter(tally.refused) + Counter(each.reason for each in refused)),
        rejects_size=rejected.write(tally.rejects_size, [each.entry() for each in refused]),
    )


def _columns(tally: Tally) -> dict[str, Any]:
    return {each.name: getattr(tally, each.name) for each in fields(tally)}


def _tally_of(found: UserImport) -> Tally:
    return Tally(**{each.name: getattr(found, each.name) for each in fields(Tally)})


def _elsewhere() -> ImportStopped:
    return ImportStopped("Another process is importing the same file.")
