"""Reads a table of another system's database, row by row, and writes nothing."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Select, column, literal_column, select, table
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

ForeignRow: TypeAlias = Mapping[str, Any]

_ROWS = 1_000


class UnreadableTable(Exception):  # noqa: N818 - it says what the table is
    """There is no such database or table, or no right to read it; the text is for people."""


@dataclass(frozen=True, slots=True)
class ForeignTable:
    """A table by its name, with its schema where it has one, and what it cannot be without.

    `ordered_by` is a unique column, so that rows come in the same order each time.
    """

    name: str
    schema: str | None = None
    ordered_by: str = "id"
    needed: str = "email"

    @classmethod
    def named(cls, name: str) -> "ForeignTable":
        """Read `name` or `schema.name`."""
        schema, _, bare = name.rpartition(".")
        return cls(bare, schema or None)


@asynccontextmanager
async def open_table(
    url: URL, wanted: ForeignTable, columns: Collection[str]
) -> AsyncIterator[AsyncIterator[list[ForeignRow]]]:
    """Give those of the `columns` that there are, some rows at a time, in a stable order.

    All rows are as they were when the reading began. Raises `UnreadableTable`.
    """
    engine = create_async_engine(url, poolclass=NullPool, hide_parameters=True)
    try:
        async with engine.connect() as connection:
            yield _read(connection, wanted, columns)
    except (DBAPIError, OSError):
        # The driver's own text may hold the address, the user and more.
        name = wanted.name if wanted.schema is None else f"{wanted.schema}.{wanted.name}"
        reason = f"it cannot be connected to, or has no table {name} that this user may read"
        raise UnreadableTable(reason) from None
    finally:
        await engine.dispose()


async def _read(
    connection: AsyncConnection, wanted: ForeignTable, columns: Collection[str]
) -> AsyncIterator[list[ForeignRow]]:
    source = table(wanted.name, schema=wanted.schema)
    no_row: Select[*tuple[Any, ...]] = (
        select(literal_column("*")).select_from(source).where(literal_column("1 = 0"))
    )
    names = (await connection.execute(no_row)).keys()
    there = [name for name in names if name in columns]
    if wanted.needed not in there:
        raise UnreadableTable(f"its table {wanted.name} has no column {wanted.needed}")
    query: Select[*tuple[Any, ...]] = (
        select(*map(column, there)).select_from(source).order_by(column(wanted.ordered_by))
    )
    result = await connection.stream(query)
    async for some in result.mappings().partitions(_ROWS):
        yield [dict(row) for row in some]
