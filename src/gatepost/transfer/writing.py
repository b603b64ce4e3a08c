"""Writes rows to empty tables in one transaction, in the fastest way of each database."""

from collections.abc import Sequence
from typing import Any

from asyncpg.exceptions import InterfaceError, PostgresError
from sqlalchemy import Row, Table, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection


async def lock_tables(connection: AsyncConnection, tables: Sequence[Table]) -> None:
    """Lock the tables against other writers until the transaction ends, on PostgreSQL only.

    SQLite has a single writer. MariaDB cannot lock tables within a transaction: rows that others
    write there are found by the comparison.
    """
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in tables)
        await connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


async def set_next_id(connection: AsyncConnection, table: Table, number: int) -> None:
    """Set the id of the next row. Call it before the first insert: MariaDB commits here."""
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
    """Insert rows as they were read; raises `DBAPIError` if the database refuses one."""
    if connection.dialect.name == "postgresql":
        await _copy(connection, table, rows)
    else:
        await connection.execute(insert(table), [dict(row._mapping) for row in rows])  # noqa: SLF001 - its public name


async def _copy(
    connection: AsyncConnection, table: Table, rows: Sequence[Row[*tuple[Any, ...]]]
) -> None:
    """Insert with COPY in SQLAlchemy's transaction; its types convert the values."""
    dialect = connection.dialect
    types = [column.type.dialect_impl(dialect) for column in table.columns]
    converters = [kind.bind_processor(dialect) for kind in types]
    records = [
        tuple(
            convert(value) if convert else value
            for convert, value in zip(converters, row, strict=True)
        )
        for row in rows
    ]
    raw: Any = (await connection.get_raw_connection()).driver_connection
    try:
        await raw.copy_records_to_table(
            table.name, records=records, columns=[column.name for column in table.columns]
        )
    except (PostgresError, InterfaceError) as error:
        raise DBAPIError("COPY", None, error) from error
