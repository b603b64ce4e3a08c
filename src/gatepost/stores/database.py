"""The store for several processes without a Redis: a table in the database."""

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
from gatepost.stores.command_batcher import BatchedStore, CommandBatcher
from gatepost.stores.entries import Entry, Transition, put
from gatepost.stores.windows import Window, count_in_window

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


class Command(NamedTuple):
    key: str
    transition: Transition[Any]


class DatabaseStore(BatchedStore[Command]):
    """Runs a batch of commands in one short transaction, which locks the rows of its keys.

    A caller must not hold a transaction meanwhile: SQLite has a single writer.
    """

    kind: Literal["database"] = "database"

    def __init__(self, engine: AsyncEngine, clock: Clock, *, patience: float = 5.0) -> None:
        """A command waits at most `patience` seconds for its answer."""
        self._engine = engine
        self._clock = clock
        self._commands = CommandBatcher(
            "the database as a store",
            self._perform,
            probe=Command("probe", put(b"", timedelta(seconds=1))),
            patience=patience,
            failures=(SQLAlchemyError, OSError),
            explain=explain_failure,
        )

    async def update(self, key: str, transition: Transition[T]) -> T:
        answer: T = await self._commands.run(Command(key, transition))
        return answer

    async def count_in_window(
        self, key: str, limit: int, length: timedelta, amount: int = 1
    ) -> Window:
        return await self.update(key, count_in_window(limit, length, amount))

    async def purge(self) -> int:
        expect_no_transaction("the database as a store")
        async with self._engine.begin() as connection:
            at = StoredEntry.expires_at
            expired = select(StoredEntry.id).where(at <= self._now()).order_by(at)
            ids = list(await connection.scalars(expired.limit(_PURGED_AT_ONCE)))
            if ids:
                await connection.execute(
                    # Checked again: an entry may have been renewed since it was read.
                    delete(StoredEntry).where(
                        StoredEntry.id.in_(ids), StoredEntry.expires_at <= self._now()
                    )
                )
        return len(ids)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    async def _perform(self, commands: Sequence[Command]) -> Sequence[Any]:
        for left in reversed(range(_TRIES)):
            try:
                return await self._try(commands)
            except DBAPIError:
                # If two processes deadlock, the database aborts one, which tries again.
                if not left:
                    raise
                await asyncio.sleep(0)
        raise AssertionError

    async def _try(self, commands: Sequence[Command]) -> Sequence[Any]:
        now = self._now()
        async with self._engine.begin() as connection:
            before = await _select(connection, {each.key for each in commands})
            after, answers = _apply(commands, before, now)
            while missing := sorted(key for key in after.keys() - before.keys() if after[key]):
                await _insert_missing(connection, missing)
                before |= await _select(connection, missing)
                after, answers = _apply(commands, before, now)
            await _write(connection, before, after)
        return answers


def _apply(
    commands: Sequence[Command], before: Mapping[str, Entry], now: int
) -> tuple[dict[str, Entry | None], list[Any]]:
    """The entries after all commands, and their answers."""
    after: dict[str, Entry | None] = {
        key: entry for key, entry in before.items() if entry.expires_at > now
    }
    answers = []
    for key, transition in commands:
        after[key], answer = transition(after.get(key), now)
        answers.append(answer)
    return after, answers


async def _select(connection: AsyncConnection, keys: Iterable[str]) -> dict[str, Entry]:
    """Select the rows of these keys, and lock them in the order of the keys."""
    rows = await connection.execute(
        select(StoredEntry.key, StoredEntry.value, StoredEntry.expires_at)
        .where(StoredEntry.key.in_(sorted(keys)))
        .order_by(StoredEntry.key)
        .with_for_update()
    )
    return {key: Entry(value, expires_at) for key, value, expires_at in rows}


async def _insert_missing(connection: AsyncConnection, keys: Sequence[str]) -> None:
    """Insert rows that have expired already, to lock them; skip keys that exist by now."""
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
