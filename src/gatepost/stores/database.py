"""The store of a service of several processes without a Redis: a table in its database."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple, TypeVar

from sqlalchemy import Index, LargeBinary, bindparam, delete, select, update
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import Mapped, mapped_column

from gatepost.clock import Clock
from gatepost.db.base import TABLE_OPTIONS, Base, exact_text
from gatepost.db.diagnosis import explain_failure
from gatepost.holding import expect_no_transaction
from gatepost.stores import entries
from gatepost.stores.base import Attempt, AttemptRules, Count, Outcome, Window
from gatepost.stores.batches import BatchedStore, Batches
from gatepost.stores.entries import Entry, Step

T = TypeVar("T")

_TRIES = 5
_PURGED_AT_ONCE = 1000


class StoredEntry(Base):
    """One entry of the shared store; `expires_at` is in milliseconds of Unix time."""

    __tablename__ = "gatepost_stored_entries"
    __table_args__ = (Index(None, "expires_at"), TABLE_OPTIONS)

    key: Mapped[str] = mapped_column(exact_text(160), unique=True)
    value: Mapped[bytes] = mapped_column(LargeBinary(65535))
    expires_at: Mapped[int]


class Wish(NamedTuple):
    """A step for the entry of a key; one that `makes` an entry finds a row to lock."""

    key: str
    step: Step[Any]
    makes: bool


class DatabaseStore(BatchedStore[Wish]):
    """What many tasks want at once is one short transaction, which holds the rows of its keys.

    Nobody may hold a transaction while they ask: SQLite has room for one writer.
    """

    kind: Literal["database"] = "database"

    def __init__(self, engine: AsyncEngine, clock: Clock, *, patience: float = 5.0) -> None:
        """Nobody waits longer than `patience` seconds for an answer: others may be writing."""
        self._engine = engine
        self._clock = clock
        self._batches = Batches(
            "the database as a store",
            self._perform,
            probe=Wish("probe", entries.increment(timedelta(seconds=1), 1), makes=True),
            patience=patience,
            failures=(SQLAlchemyError, OSError),
            explain=explain_failure,
        )

    async def increment(self, key: str, lifetime: timedelta, amount: int = 1) -> Count:
        return await self._run(key, entries.increment(lifetime, amount))

    async def get(self, key: str) -> bytes | None:
        return await self._run(key, entries.get, makes=False)

    async def put(self, key: str, value: bytes, lifetime: timedelta) -> None:
        await self._run(key, entries.put(value, lifetime))

    async def put_new(self, key: str, value: bytes, lifetime: timedelta) -> bool:
        return await self._run(key, entries.put_new(value, lifetime))

    async def take(self, key: str) -> bytes | None:
        return await self._run(key, entries.take, makes=False)

    async def delete(self, key: str) -> None:
        await self._run(key, entries.delete, makes=False)

    async def count_in_window(
        self, key: str, limit: int, length: timedelta, amount: int = 1
    ) -> Window:
        return await self._run(key, entries.count_in_window(limit, length, amount))

    async def begin_attempt(self, key: str, place: str, rules: AttemptRules) -> Attempt:
        return await self._run(key, entries.begin_attempt(place, rules))

    async def end_attempt(
        self, key: str, place: str, rules: AttemptRules, outcome: Outcome, *, begun: bool = True
    ) -> bool:
        return await self._run(key, entries.end_attempt(place, rules, outcome, begun=begun))

    async def purge(self) -> int:
        expect_no_transaction("the database as a store")
        async with self._engine.begin() as connection:
            at = StoredEntry.expires_at
            expired = select(StoredEntry.id).where(at <= self._now()).order_by(at)
            ids = list(await connection.scalars(expired.limit(_PURGED_AT_ONCE)))
            if ids:
                await connection.execute(
                    # Once more: what was renewed since it was read stays.
                    delete(StoredEntry).where(
                        StoredEntry.id.in_(ids), StoredEntry.expires_at <= self._now()
                    )
                )
        return len(ids)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    async def _run(self, key: str, step: Step[T], *, makes: bool = True) -> T:
        answer: T = await self._batches.run(Wish(key, step, makes))
        return answer

    async def _perform(self, wishes: Sequence[Wish]) -> Sequence[Any]:
        for left in reversed(range(_TRIES)):
            try:
                return await self._try(wishes)
            except DBAPIError:
                # Two processes may meet in a deadlock, of which one is told to try again.
                if not left:
                    raise
                await asyncio.sleep(0)
        raise AssertionError

    async def _try(self, wishes: Sequence[Wish]) -> Sequence[Any]:
        now = self._now()
        async with self._engine.begin() as connection:
            before = await _lock(connection, wishes)
            after = {
                key: None if entry is None or entry.expires_at <= now else entry
                for key, entry in before.items()
            }
            answers = []
            for wish in wishes:
                after[wish.key], answer = wish.step(after.get(wish.key), now)
                answers.append(answer)
            await _write(connection, before, after)
        return answers


async def _lock(connection: AsyncConnection, wishes: Sequence[Wish]) -> dict[str, Entry]:
    """The rows of all keys, in the order of the keys, held until the transaction ends."""
    found = await _select(connection, {wish.key for wish in wishes})
    missing = sorted({wish.key for wish in wishes if wish.makes} - found.keys())
    if missing:
        await _insert_missing(connection, missing)
        found |= await _select(connection, missing)
    return found


async def _select(connection: AsyncConnection, keys: Iterable[str]) -> dict[str, Entry]:
    rows = await connection.execute(
        select(StoredEntry.key, StoredEntry.value, StoredEntry.expires_at)
        .where(StoredEntry.key.in_(sorted(keys)))
        .order_by(StoredEntry.key)
        .with_for_update()
    )
    return {key: Entry(value, expires_at) for key, value, expires_at in rows}


async def _insert_missing(connection: AsyncConnection, keys: Sequence[str]) -> None:
    """Make rows that have expired already, unless another process makes them first."""
    rows = [{"key": key, "value": b"", "expires_at": 0} for key in keys]
    match connection.dialect.name:
        case "postgresql":
            on_postgresql = postgresql.insert(StoredEntry).on_conflict_do_nothing()
            await connection.execute(on_postgresql, rows)
        case "sqlite":
            await connection.execute(sqlite.insert(StoredEntry).on_conflict_do_nothing(), rows)
        case _:
            await connection.execute(mysql.insert(StoredEntry).prefix_with("IGNORE"), rows)


async def _write(
    connection: AsyncConnection, before: Mapping[str, Entry], after: Mapping[str, Entry | None]
) -> None:
    changed = [
        {"its_key": key, "value": entry.value, "expires_at": entry.expires_at}
        for key, entry in sorted(after.items())
        if entry is not None and entry != before.get(key)
    ]
    if changed:
        await connection.execute(
            update(StoredEntry).where(StoredEntry.key == bindparam("its_key")), changed
        )
    gone = [key for key, entry in sorted(after.items()) if entry is None and key in before]
    if gone:
        await connection.execute(delete(StoredEntry).where(StoredEntry.key.in_(gone)))
