"""Fills empty tables, each database in its fastest way, within one transaction."""

from collections.abc import Sequence
from typing import Any

from asyncpg.exceptions import InterfaceError, PostgresError
from sqlalchemy import Row, Table, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection


async def keep_others_out(connection: AsyncConnection, tables: Sequence[Table]) -> None:
    """Let nobody else write until the transaction ends, where tables can be locked within one.

    SQLite has one writer anyway; on MariaDB what others write is found by counting.
    """
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in tables)
        await connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


async def set_next_id(connection: AsyncConnection, table: Table, number: int) -> None:
    """Let the next row have this id. To be called before the first row is written.

    MariaDB commits when it is told so.
    """
    match connection.dialect.name:
        case "sqlite":
            name = {"name": table.name}
            await connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), name)
            await connection.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"),
                {**name, "last": number - 1},
            )
        case "postgresql":
            await connection.execute(
                text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :number, false)"),
                {"name": table.name, "number": number},
            )
        case _:
            await connection.execute(text(f"ALTER TABLE {table.name} AUTO_INCREMENT = {number}"))


async def insert_rows(
    connection: AsyncConnection, table: Table, rows: Sequence[Row[*tuple[Any, ...]]]
) -> None:
    """Insert rows as they were read; raises `DBAPIError` where the database refuses one."""
    if connection.dialect.name == "postgresql":
        await _copy(connection, table, rows)
    else:
        await connection.execute(insert(table), [dict(row._mapping) for row in rows])  # noqa: SLF001 - its public name


async def _copy(
    connection: AsyncConnection, table: Table, rows: Sequence[Row[*tuple[Any, ...]]]
) -> None:
    """By COPY, past SQLAlchemy, whose transaction has begun: its types turn the values."""
    dialect = connection.dialect
    turns = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in table.columns]
    records = [
        tuple(turn(value) if turn else value for turn, value in zip(turns, row, strict=True))
        for row in rows
    ]
    raw: Any = (await connection.get_raw_connection()).driver_connection
    try:
        await raw.copy_records_to_table(
            table.name, records=records, columns=[column.name for column in table.columns]
        )
    except (PostgresError, InterfaceError) as error:
        raise DBAPIError("COPY", None, error) from error
