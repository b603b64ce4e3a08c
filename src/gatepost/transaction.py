"""A transaction, which begins with its first query, and the actions after its commit."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import CursorResult, Executable, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost import holding
from gatepost.clock import Clock
from gatepost.db.database import Database
from gatepost.db.diagnosis import explain_failure, is_transaction_conflict
from gatepost.db.savepoints import unless_taken
from gatepost.db.statements import Batched, Condition, Row, Values, rows_by_table
from gatepost.db.unit_of_work import UnitOfWork

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE = 10.0
_FIRST_PAUSE, _LAST_PAUSE = 0.01, 0.5
"""Seconds for which a transaction is retried, and the growing pauses between two tries."""

_JITTER = secrets.SystemRandom()

FollowUp = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of the work, as the audit log records it."""

    request_id: str
    address: str | None = None
    user_agent: str | None = None


class Transaction(UnitOfWork):
    """Begins and ends transactions, and decides which statements go past the session.

    This is the only class that does so. Public methods without a docstring are documented in
    `UnitOfWork`.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        origin: Origin,
        send_invalidations: Callable[[Collection[int]], Awaitable[None]],
        outer: holding.Holder | None = None,
    ) -> None:
        """`outer` is the work within which this one begins, if any."""
        self.origin = origin
        self.outer = outer
        self._database = database
        self._clock = clock
        self._send_invalidations = send_invalidations
        self._follow_ups: list[FollowUp] = []
        self._invalidated: set[int] = set()
        self._session: AsyncSession | None = None
        self._is_direct = database.autocommit.is_direct

    @property
    def now(self) -> datetime:
        return self._clock.now()

    @property
    def db(self) -> AsyncSession:
        if self._session is None:
            self._session = self._database.open_session()
        return self._session

    @property
    def updates_return_rows(self) -> bool:
        return self._database.updates_return_rows

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction has begun and not ended."""
        return self._session is not None and self._session.in_transaction()

    async def fetch_one(self, statement: Executable | Batched, values: Values) -> Any:  # noqa: ANN401 - a row of any columns
        if isinstance(statement, Batched):
            if self._goes_direct:
                row = await self._database.autocommit.fetch_batched(statement, values)
                if row is not None:
                    return row
            statement = statement.single
        rows = await self.fetch_all(statement, values)
        return rows[0] if rows else None

    async def fetch_all(self, statement: Executable, values: Values) -> Sequence[Any]:
        if self._goes_direct:
            rows = await self._database.autocommit.fetch(statement, values)
            if rows is not None:
                return rows
        return (await self.db.execute(statement, values)).all()

    async def insert(self, row: Row) -> int:
        if self._goes_direct:
            row_id = await self._database.autocommit.insert(row)
            if row_id is not None:
                return row_id
        result = await self.db.execute(insert(row.table), row.values)
        assert isinstance(result, CursorResult)  # noqa: S101 - what an insert gives
        key = result.inserted_primary_key
        assert key is not None  # noqa: S101 - one row was inserted
        return int(key[0])

    async def insert_all(
        self, rows: Sequence[Row], *, if_unchanged: Condition | None = None
    ) -> bool:
        if self._goes_direct and if_unchanged is not None:
            is_inserted = await self._database.autocommit.insert_all(rows, if_unchanged)
            if is_inserted is not None:
                return is_inserted
        if if_unchanged is not None and not await self.hold(if_unchanged):
            return False
        return await unless_taken(self.db, lambda: self._insert_within(rows))

    async def hold(self, condition: Condition) -> bool:
        found = await self.db.execute(condition.query, condition.values)
        return found.first() is not None

    async def write(
        self,
        story: Callable[Concatenate[Self, P], Awaitable[T]],
        *args: P.args,
        **options: P.kwargs,
    ) -> T:
        """Run a function in a new transaction, and again after a conflict.

        A deadlock or a serialization failure undoes the whole transaction, so `story` must read
        everything it depends on again; do slow work such as hashing before. Earlier writes of this
        work are committed first. Raises the conflict if it lasts for `_PATIENCE` seconds, and any
        other error at once.
        """
        await self.commit_and_release()
        retries_end, pause = time.monotonic() + _PATIENCE, _FIRST_PAUSE
        while True:
            try:
                answer = await story(self, *args, **options)
                await self.flush()
            except DBAPIError as error:
                if not is_transaction_conflict(error) or time.monotonic() >= retries_end:
                    raise
                log.info("database.tried_again", extra={"reason": explain_failure(error)})
            else:
                return answer
            await self.rollback_and_release()
            # With jitter, so that two conflicting transactions do not begin again together.
            await asyncio.sleep(pause * _JITTER.uniform(0.5, 1.5))
            pause = min(2 * pause, _LAST_PAUSE)

    def keep_in_one_transaction(self) -> None:
        """Send everything through the session from now on, so that it commits together."""
        self._is_direct = False

    def invalidate(self, user_id: int) -> None:
        self._invalidated.add(user_id)

    def after_commit(self, action: FollowUp) -> None:
        self._follow_ups.append(action)

    async def flush(self) -> None:
        """Send the session's pending writes, so that their errors are raised now."""
        if self._session is not None:
            await self._session.flush()

    async def commit_and_release(self) -> None:
        """Commit, return the connection to the pool, and run the queued actions.

        Call this before slow work such as hashing. The next query begins another transaction, which
        sees the commits of others.
        """
        try:
            if self.is_in_transaction:
                await self.db.commit()
        finally:  # an interrupted commit may have succeeded
            await self._invalidate_now()
        await self._follow_up()

    async def rollback_and_release(self) -> None:
        """Roll back to the last `commit_and_release`, and drop the actions queued since.

        The next query begins another transaction.
        """
        self._follow_ups, self._invalidated = [], set()
        if self.is_in_transaction:
            await self.db.rollback()

    async def close(self) -> None:
        """Roll back an open transaction, even if the task is cancelled meanwhile."""
        # A session without a connection is not closed: closing one costs a task.
        if self.is_in_transaction:
            await asyncio.shield(asyncio.create_task(self.db.close()))

    @property
    def _goes_direct(self) -> bool:
        return self._is_direct and not self.is_in_transaction

    async def _insert_within(self, rows: Sequence[Row]) -> None:
        for table, of_table in rows_by_table(rows):
            await self.db.execute(insert(table), [row.values for row in of_table])

    async def _invalidate_now(self) -> None:
        users, self._invalidated = self._invalidated, set()
        if users:
            await self._send_invalidations(users)

    async def _follow_up(self) -> None:
        """Run the queued actions; their errors are logged, not raised, after the commit."""
        actions, self._follow_ups = self._follow_ups, []
        for action in actions:
            try:
                await action()
            except Exception:
                log.exception(
                    "commit.follow_up_failed", extra={"request_id": self.origin.request_id}
                )
