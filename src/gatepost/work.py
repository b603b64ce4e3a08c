"""One request or command: one transaction, and what follows once it is committed."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from gatepost import holding
from gatepost.db.diagnosis import explain_failure, is_transaction_conflict
from gatepost.db.replica import FAILURES
from gatepost.errors import Problem
from gatepost.runtime import Runtime

log = logging.getLogger(__name__)

T = TypeVar("T")

_PATIENCE = 10.0
_FIRST_PAUSE, _LAST_PAUSE = 0.01, 0.5
"""Seconds for which a story is tried again, and between two tries, which grow."""

_APART = secrets.SystemRandom()

FollowUp = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the work came from, as the audit log will tell it."""

    request_id: str
    address: str | None = None
    user_agent: str | None = None


@dataclass(slots=True)
class Work:
    """A transaction that begins at its first query, and the process it runs in."""

    runtime: Runtime
    origin: Origin
    make_session: async_sessionmaker[AsyncSession]
    outer: holding.Holder | None = None
    """The work within which this one was begun."""
    follow_ups: list[FollowUp] = field(default_factory=list)
    changed_users: set[int] = field(default_factory=set)
    _session: AsyncSession | None = None

    @property
    def db(self) -> AsyncSession:
        return self.open_db()

    def open_db(self) -> AsyncSession:
        """The session of the transaction. It is made now: what comes most needs none."""
        if self._session is None:
            self._session = self.make_session()
        return self._session

    @property
    def is_in_transaction(self) -> bool:
        """Whether a query has begun one that has not ended."""
        return self._session is not None and self._session.in_transaction()

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    def invalidate(self, user_id: int) -> None:
        """Invalidate every process's cached sessions of this user.

        It happens after the commit, before the queued actions and before the answer is sent.
        """
        self.changed_users.add(user_id)

    def after_commit(self, action: FollowUp) -> None:
        """Queue an action to run after the commit; a rollback drops it."""
        self.follow_ups.append(action)

    async def flush(self) -> None:
        """Send what the session has yet to write, so that what refuses it is met now."""
        if self._session is not None:
            await self._session.flush()

    async def commit_and_release(self) -> None:
        """Commit, return the connection to the pool, and run the queued actions.

        It comes before slow work, as hashing is. The next query begins another transaction, which
        sees what others committed meanwhile.
        """
        try:
            if self.is_in_transaction:
                await self.db.commit()
        finally:  # a commit that was cut short may have come about
            await self._tell_of_changed_users()
        await _follow_up(self)

    async def rollback_and_release(self) -> None:
        """Roll back to the last `commit_and_release`, and drop the actions queued since.

        The next query begins another transaction.
        """
        self.follow_ups, self.changed_users = [], set()
        if self.is_in_transaction:
            await self.db.rollback()

    async def _tell_of_changed_users(self) -> None:
        users, self.changed_users = self.changed_users, set()
        if users:
            await self.runtime.announcements.announce(users)


async def write(work: Work, story: Callable[[], Awaitable[T]]) -> T:
    """Run a story in a transaction that begins with it, and again if another one was in the way.

    A deadlock and its like undo all of the transaction, so the story reads anew all that it goes
    by: what is slow, as a hash, comes before. What this work did before is committed first. Raises
    what was in the way if it still is after `_PATIENCE` seconds, and all else at once.
    """
    await work.commit_and_release()
    give_up_at, pause = time.monotonic() + _PATIENCE, _FIRST_PAUSE
    while True:
        try:
            answer = await story()
            await work.flush()
        except DBAPIError as error:
            if not is_transaction_conflict(error) or time.monotonic() >= give_up_at:
                raise
            log.info("database.tried_again", extra={"reason": explain_failure(error)})
        else:
            return answer
        await work.rollback_and_release()
        # Two that were in each other's way shall not begin again together.
        await asyncio.sleep(pause * _APART.uniform(0.5, 1.5))
        pause = min(2 * pause, _LAST_PAUSE)


@asynccontextmanager
async def begin_work(
    runtime: Runtime, origin: Origin, *, writes: bool = True
) -> AsyncIterator[Work]:
    """Commit on success, roll back on failure; a problem that `keeps_writes` commits too.

    `writes=False` is a promise to only read: on SQLite such work never waits for the one writer.
    Where it is begun within other work, that work holds no transaction.
    """
    holding.expect_no_transaction("other work")
    open_session = runtime.open_writer if writes else runtime.open_reader
    work = Work(runtime, origin, open_session, holding.current.get())
    holding.current.set(work)
    try:
        try:
            yield work
        except Problem as problem:
            if problem.keeps_writes:
                await work.commit_and_release()
            raise
        await work.commit_and_release()
    finally:
        holding.current.set(work.outer)
        # Not closed where it holds no connection: closing one costs a task.
        if work.is_in_transaction:
            await asyncio.shield(asyncio.create_task(work.db.close()))


async def read_list(work: Work, story: Callable[[Work], Awaitable[T]]) -> T:
    """Run a story that only lists on the replica, if there is one, else as part of this work.

    The replica may be a moment behind: nothing that decides anything may be read so. Where it
    fails, the story is told once more by the database itself.
    """
    replica = work.runtime.replica
    if replica is None or not replica.is_available:
        return await story(work)
    await work.commit_and_release()  # nobody needs two connections at a time
    try:
        reading = Work(work.runtime, work.origin, replica.open_session)
        async with reading.db:
            return await story(reading)
    except FAILURES as error:
        replica.has_failed(error)
    return await story(work)


async def _follow_up(work: Work) -> None:
    """Run what was to follow the commit. The deed is done: a failure here is told, not raised."""
    follow_ups, work.follow_ups = work.follow_ups, []
    for action in follow_ups:
        try:
            await action()
        except Exception:
            log.exception("commit.follow_up_failed", extra={"request_id": work.origin.request_id})
