"""Reads a whole database as it was at one moment, a bounded batch of rows at a time."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Row, Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatepost.db.engine import WRITES

_MOST_ROWS = 2000
_FIRST_ROWS = 8
_MOST_CHARACTERS = 2**22


class UnreadableRow(Exception):  # noqa: N818 - read as the fact that it tells
    """A value that its column cannot hold, as somebody may write it into an SQLite file."""


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection that sees what was committed when it first read, and writes nothing."""
    async with engine.connect() as connection:
        options: dict[str, Any] = {WRITES: False}
        if connection.dialect.name != "sqlite":  # whose every transaction is one
            options["isolation_level"] = "REPEATABLE READ"
        if connection.dialect.name == "postgresql":
            options["postgresql_readonly"] = True
        yield await connection.execution_options(**options)


async def batches(
    connection: AsyncConnection, table: Table
) -> AsyncIterator[Sequence[Row[*tuple[Any, ...]]]]:
    """All rows by id, so many at a time that a few megabytes hold them.

    Raises `UnreadableRow`.
    """
    key, after, limit = table.c.id, None, _FIRST_ROWS
    while True:
        query = select(table).order_by(key).limit(limit)
        try:
            result = await connection.execute(query if after is None else query.where(key > after))
            rows = result.all()
        except ValueError as error:  # of a type's own reader
            msg = f"A row of the table {table.name} after id {after or 0} cannot be read."
            raise UnreadableRow(msg) from error
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
    """The id of the next row to be made: higher than any that there is, or ever was."""
    said = await connection.scalar(text(_NEXT_ID[connection.dialect.name]), {"name": table.name})
    highest = await connection.scalar(select(func.max(table.c.id)))
    return max(said or 1, (highest or 0) + 1)


def _size(rows: Sequence[Row[*tuple[Any, ...]]]) -> int:
    """About how many characters the rows hold, at least 1."""
    return 1 + sum(len(value) for row in rows for value in row if isinstance(value, str | bytes))
