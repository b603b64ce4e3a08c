"""The unit of work of one request or command: a transaction, with the process's runtime."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Concatenate, ParamSpec, Self, TypeVar

from gatepost import holding
from gatepost.db.database import Database
from gatepost.db.replica import FAILURES
from gatepost.errors import Problem
from gatepost.runtime import Runtime
from gatepost.transaction import Origin, Transaction

__all__ = ["Origin", "Work", "begin_work"]

P = ParamSpec("P")
T = TypeVar("T")


class Work(Transaction):
    """The transaction of one request or command, and the `runtime` of its process."""

    def __init__(
        self,
        runtime: Runtime,
        origin: Origin,
        database: Database,
        outer: holding.Holder | None = None,
    ) -> None:
        super().__init__(
            database, runtime.clock, origin, runtime.invalidation.invalidate, outer=outer
        )
        self.runtime = runtime

    async def read_list(
        self,
        story: Callable[Concatenate[Self, P], Awaitable[T]],
        *args: P.args,
        **options: P.kwargs,
    ) -> T:
        """Run a function that only lists rows on the replica, or in this work if there is none.

        The replica may lag behind, so do not base decisions on the rows. If it fails, the function
        runs again on the primary.
        """
        replica = self.runtime.replica
        if replica is None or not replica.is_available:
            return await story(self, *args, **options)
        await self.commit_and_release()  # no task holds two connections at a time
        reading = type(self)(self.runtime, self.origin, replica.database)
        try:
            return await story(reading, *args, **options)
        except FAILURES as error:
            replica.has_failed(error)
        finally:
            await reading.close()
        return await story(self, *args, **options)


@asynccontextmanager
async def begin_work(
    runtime: Runtime, origin: Origin, *, writes: bool = True
) -> AsyncIterator[Work]:
    """Commit on success, roll back on failure; a problem that `keeps_writes` commits too.

    `writes=False` promises to only read: on SQLite such work never waits for the single writer. If
    it begins within other work, that work must not hold a transaction.
    """
    holding.expect_no_transaction("other work")
    database = runtime.writer if writes else runtime.reader
    work = Work(runtime, origin, database, holding.current.get())
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
        await work.close()
