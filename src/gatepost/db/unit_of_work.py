"""The interface of `Work` that services and repositories use: the database and the time."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.statements import Batched, Condition, Row, Values


class UnitOfWork(Protocol):
    """One transaction, the time, and the actions after the commit; `Work` implements it.

    A service reads rows by `fetch_one` and `fetch_all`, writes rows by `insert` and `insert_all`,
    and uses the session `db` for everything else. Outside a transaction these methods go straight
    to the driver if possible, and commit at once; within one they are part of it. So a service that
    writes by one of them makes no other write.
    """

    @property
    def now(self) -> datetime: ...

    @property
    def db(self) -> AsyncSession:
        """The session of the transaction, which begins with the first query."""

    @property
    def updates_return_rows(self) -> bool:
        """Whether the database supports `UPDATE ... RETURNING`, which MariaDB does not."""

    async def fetch_one(self, statement: Executable | Batched, values: Values) -> Any:  # noqa: ANN401 - a row of any columns
        """Return the first row of a statement, or None; create the statement once per process.

        The statement selects columns, or updates a row and returns columns. It must be idempotent:
        it is executed again if the connection breaks.
        """

    async def fetch_all(self, statement: Executable, values: Values) -> Sequence[Any]:
        """Return all rows of a statement as in `fetch_one`."""

    async def insert(self, row: Row) -> int:
        """Insert a row and return its id; raises `IntegrityError`."""

    async def insert_all(
        self, rows: Sequence[Row], *, if_unchanged: Condition | None = None
    ) -> bool:
        """Insert the rows, in their order, or none of them.

        Returns False if the condition does not hold or a unique key is taken. The row that the
        condition selects is locked (on SQLite there is a single writer). Each row must have a
        unique key, so that inserting it again, which is tried if the connection breaks, is refused.
        """

    async def hold(self, condition: Condition) -> bool:
        """Lock the row that the condition selects until the transaction ends.

        Returns False if the condition does not hold.
        """

    def invalidate(self, user_id: int) -> None:
        """Invalidate every process's cached sessions of this user.

        This happens after the commit, before the queued actions and before the response is sent.
        """

    def after_commit(self, action: Callable[[], Awaitable[None]]) -> None:
        """Queue an action to run after the commit; a rollback drops it."""
