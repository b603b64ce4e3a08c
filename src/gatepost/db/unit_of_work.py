"""What stories and repositories need of a `Work`: the database and the time."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.statements import Batched, Condition, Row, Values


class UnitOfWork(Protocol):
    """One transaction, the time, and what follows the commit; `Work` is one.

    A story asks for rows by `fetch_one` and `fetch_all`, writes rows by `insert` and `insert_all`,
    and uses the session `db` for everything else. Outside a transaction the former go straight to
    the driver where that is possible, and are committed at once; within one they are part of it.
    So a write by one of them is the only write of its story.
    """

    @property
    def now(self) -> datetime: ...

    @property
    def db(self) -> AsyncSession:
        """The session of the transaction, which its first query begins."""

    @property
    def updates_return_rows(self) -> bool:
        """Whether the database has `UPDATE ... RETURNING`; MariaDB has not."""

    async def fetch_one(self, statement: Executable | Batched, values: Values) -> Any:  # noqa: ANN401 - a row of any columns
        """Return the first row of a statement that is made once for the process, or None.

        The statement selects columns, or updates a row and returns columns. It has to be harmless
        when executed twice, which happens where the connection breaks.
        """

    async def fetch_all(self, statement: Executable, values: Values) -> Sequence[Any]:
        """Return all rows of a statement as in `fetch_one`."""

    async def insert(self, row: Row) -> int:
        """Insert a row and return its id; raises `IntegrityError`."""

    async def insert_all(
        self, rows: Sequence[Row], *, if_unchanged: Condition | None = None
    ) -> bool:
        """Insert the rows, in their order, or none of them.

        False if the condition does not hold or a unique key is taken. The row that the condition
        finds is locked, on SQLite by there being one writer. Each row has a unique key, so that
        inserting it twice, which is tried where the connection breaks, does no harm.
        """

    async def hold(self, condition: Condition) -> bool:
        """Lock the row that the condition finds until the transaction ends.

        False if the condition does not hold.
        """

    def invalidate(self, user_id: int) -> None:
        """Invalidate every process's cached sessions of this user.

        It happens after the commit, before the queued actions and before the answer is sent.
        """

    def after_commit(self, action: Callable[[], Awaitable[None]]) -> None:
        """Queue an action to run after the commit; a rollback drops it."""
