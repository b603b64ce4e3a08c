"""Inserts many rows at once, each database's fastest way, inside the caller's transaction."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from asyncpg.exceptions import UniqueViolationError
from sqlalchemy import ARRAY, ColumnElement, String, Table, bindparam, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

_ROWS_IN_A_STATEMENT = 1_000


async def insert_rows(
    db: AsyncSession, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> bool:
    """Insert all rows, or none if a unique key is taken: then False, and the transaction lives."""
    if not rows:
        return True
    try:
        async with db.begin_nested():
            connection = await db.connection()  # asked for here, where it has its savepoint
            if connection.dialect.name == "postgresql":
                await _copy(connection, table, columns, rows)
            else:
                await _insert(connection, table, columns, rows)
    except (IntegrityError, UniqueViolationError):
        return False
    return True


def one_of(
    db: AsyncSession, column: InstrumentedAttribute[Any], values: Sequence[str]
) -> ColumnElement[bool]:
    """Whether the column has one of hundreds of values, found by its index.

    PostgreSQL joins them as rows: with a table that it has no statistics of, it would compare each
    row with each member of a list.
    """
    if db.get_bind().dialect.name == "postgresql":
        members = bindparam(None, list(values), type_=ARRAY(String))
        return column.in_(select(func.unnest(members)))
    return column.in_(values)


async def _insert(
    connection: AsyncConnection,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> None:
    statement = insert(table)
    for start in range(0, len(rows), _ROWS_IN_A_STATEMENT):
        some = rows[start : start + _ROWS_IN_A_STATEMENT]
        await connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in some])


async def _copy(
    connection: AsyncConnection,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> None:
    raw: Any = (await connection.get_raw_connection()).driver_connection
    text = "".join(["\t".join(map(_copied, row)) + "\n" for row in rows]).encode()
    await raw.copy_to_table(table.name, source=_one(text), columns=columns, format="text")


async def _one(piece: bytes) -> AsyncIterator[bytes]:
    yield piece


def _copied(value: object) -> str:
    """A value in the text format of COPY (PostgreSQL manual, COPY, File Formats)."""
    if value is None:
        return "\\N"
    if type(value) is str:
        return _escape(value) if "\\" in value or not value.isprintable() else value
    if type(value) is bool:
        return "t" if value else "f"
    if type(value) is datetime:
        return value.astimezone(UTC).isoformat(" ")
    return str(value)


def _escape(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\t", "\\t")
    return text.replace("\n", "\\n").replace("\r", "\\r")
