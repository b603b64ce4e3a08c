"""Lets a statement end in a deadlock, as the server would have it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

_POSTGRESQL = "DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '{}'; END $$"
_MARIADB = "SIGNAL SQLSTATE '{}' SET MYSQL_ERRNO = {}, MESSAGE_TEXT = 'in the way'"

CODES = {"postgresql": ("40P01", "40001", "55P03"), "mariadb": ("1213", "1205", "1020")}
"""What tells that another transaction was in the way."""

_ROLLS_BACK_ALL = {"1213", "1020"}


class Count:
    """How often it has happened."""

    value = 0


@contextmanager
def deadlocks(
    engine: AsyncEngine, code: str, times: int = 1, at: str | None = None
) -> Iterator[Count]:
    """Fail the statement that follows `SAVEPOINT`, or one that has `at` in it, so many times."""
    count, armed = Count(), False

    def interfere(
        _connection: Any, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> tuple[str, Any]:
        nonlocal armed
        fails, armed = armed, statement.startswith("SAVEPOINT")
        if at is not None:
            fails = at in statement
        if not fails or count.value >= times:
            return statement, parameters
        count.value += 1
        if engine.dialect.name == "postgresql":
            return _POSTGRESQL.format(code), ()
        if code in _ROLLS_BACK_ALL:
            cursor.execute("ROLLBACK")
        state = "HY000" if code == "1205" else "40001"
        return _MARIADB.format(state, code), [()] if many else ()

    event.listen(engine.sync_engine, "before_cursor_execute", interfere, retval=True)
    try:
        yield count
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", interfere)
