"""Reads a whole database in one snapshot, in batches of bounded size."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Row, Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatepost.db.engine import WRITES

_MOST_ROWS = 2000
_FIRST_ROWS = 8
_MOST_CHARACTERS = 2**22


class UnreadableValue(Exception):  # noqa: N818 - it says what was found
    """A value of the wrong type for its column, which SQLite accepts."""


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A read-only connection with the isolation of a snapshot, taken at its first query."""
    async with engine.connect() as connection:
        options: dict[str, Any] = {WRITES: False}
        if connection.dialect.name != "sqlite":  # where every transaction is a snapshot
            options["isolation_level"] = "REPEATABLE READ"
        if connection.dialect.name == "postgresql":
            options["postgresql_readonly"] = True
        yield await connection.execution_options(**options)


async def batches(
    connection: AsyncConnection, table: Table
) -> AsyncIterator[Sequence[Row[*tuple[Any, ...]]]]:
    """All rows, ordered by id, in batches of a few megabytes.

    Raises `UnreadableValue`.
    """
    key, after, limit = table.c.id, None, _FIRST_ROWS
    while True:
        query = select(table).order_by(key).limit(limit)
        try:
            result = await connection.execute(query if after is None else query.where(key > after))
            rows = result.all()
        except ValueError as error:  # raised by the type of a column
            msg = f"A row of the table {table.name} after id {after or 0} cannot be read."
            raise UnreadableValue(msg) from error
        if not rows:
            return
        yield rows
        after = rows[-1].id
        limit = min(2 * limit, _MOST_ROWS, max(1, len(rows) * _MOST_CHARACTERS // _size(rows)))


async def count(connection: AsyncConnection, table: Table) -> int:
    return await connection.scalar(select(func.count()).select_from(table)) or 0


async def is_empty(connection: AsyncConnection, table: Table) -> bool:
    return await connection.scalar(select(table.c.id).limit(1)) is None


_NEXT_ID = {
    "sqlite": "SELECT seq + 1 FROM sqlite_sequence WHERE name = :name",
    "postgresql": "SELECT 1 + pg_sequence_last_value("
    "pg_get_serial_sequence(:name, 'id')::regclass)",
    "mysql": "SELECT auto_increment FROM information_schema.tables"
    " WHERE table_schema = database() AND table_name = :name",
}


async def next_id(connection: AsyncConnection, table: Table) -> int:
    """The id of the next row: higher than any existing or deleted one."""
    stored = await connection.scalar(text(_NEXT_ID[connection.dialect.name]), {"name": table.name})
    highest = await connection.scalar(select(func.max(table.c.id)))
    return max(stored or 1, (highest or 0) + 1)


def _size(rows: Sequence[Row[*tuple[Any, ...]]]) -> int:
    """The approximate size of the rows in characters, at least 1."""
    return 1 + sum(len(value) for row in rows for value in row if isinstance(value, str | bytes))
