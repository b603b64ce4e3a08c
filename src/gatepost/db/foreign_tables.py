"""Reads a table of another system's database, row by row, and writes nothing."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnClause,
    Connection,
    Select,
    TableClause,
    case,
    column,
    func,
    inspect,
    literal_column,
    select,
    table,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from gatepost.db.diagnosis import explain_failure
from gatepost.db.sqlalchemy_parts import wrap_errors_of_connecting

ForeignRow: TypeAlias = Mapping[str, Any]

_ROWS = 500
_POSTGRESQL_TIMES = ("timestamptz", "timestamp", "date")
_SHOWN_COLUMNS = 20
_SHOWN_TABLES = 3


class UnreadableTable(Exception):  # noqa: N818 - it says what the table is
    """There is no such database or table, or no right to read it; the text is for people."""


@dataclass(frozen=True, slots=True)
class WaysIn:
    """A table beside the users' own, with a row for each way in which one of them logs in.

    The first of the names that there is counts, of the table and of each column. Where `provider`
    is `own`, the row's password becomes the column `password` of the user; `others` becomes the
    number of all other rows.
    """

    tables: Sequence[str]
    user: Sequence[str]
    provider: Sequence[str]
    own: str
    password: str
    others: str


@dataclass(frozen=True, slots=True)
class ForeignTable:
    """A table or view by its name, with its schema where it has one; `needed` is a column."""

    name: str
    schema: str | None = None
    needed: str = "email"
    ways_in: WaysIn | None = None

    def called(self, name: str) -> "ForeignTable":
        """The same by another name, `name` or `schema.name`."""
        schema, _, bare = name.rpartition(".")
        return replace(self, name=bare, schema=schema or None)

    @property
    def shown(self) -> str:
        """As people write it."""
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


@asynccontextmanager
async def open_table(
    url: URL, wanted: ForeignTable, columns: Collection[str]
) -> AsyncIterator[AsyncIterator[list[ForeignRow]]]:
    """Give those of the `columns` that there are, some rows at a time, in a stable order.

    All rows are as they were when the reading began: in the order of the primary key, or where
    there is none, as in a view, in that of the needed column. Raises `UnreadableTable`.
    """
    engine = create_async_engine(url, poolclass=NullPool, hide_parameters=True)
    wrap_errors_of_connecting(engine.sync_engine)
    try:
        with _telling(wanted):
            order = await _find_order(engine, wanted)
            connection = await engine.connect()
        async with aclosing(connection):
            yield _read(connection, wanted, columns, order)
    finally:
        await engine.dispose()


@contextmanager
def _telling(wanted: ForeignTable) -> Iterator[None]:
    """Name the cause in our own words: the driver's may hold the address, the user and more."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        reason = f"its table {wanted.shown} could not be read: {explain_failure(error)}"
        raise UnreadableTable(reason) from None


async def _find_order(engine: AsyncEngine, wanted: ForeignTable) -> Sequence[str]:
    """The columns that bring the rows in order; raises `UnreadableTable` if there are no rows."""
    try:
        connection = await engine.connect()
    except (SQLAlchemyError, OSError) as error:
        raise UnreadableTable(f"it cannot be connected to: {explain_failure(error)}") from None
    async with aclosing(connection):
        similar = await connection.run_sync(_find_similar, wanted)
        if similar is not None:
            advice = f"; similar ones are {', '.join(similar)}" if similar else ""
            raise UnreadableTable(f"it has no table {wanted.shown} (--table names another){advice}")
        return await connection.run_sync(_primary_key, wanted) or [wanted.needed]


def _find_similar(connection: Connection, wanted: ForeignTable) -> Sequence[str] | None:
    """None if the table or view is there, else those with similar names."""
    inspector = inspect(connection)
    if inspector.has_table(wanted.name, schema=wanted.schema):
        return None
    schema = wanted.schema if wanted.schema in inspector.get_schema_names() else None
    names = {
        name.lower(): name
        for name in (*inspector.get_table_names(schema), *inspector.get_view_names(schema))
    }
    return [names[key] for key in get_close_matches(wanted.name.lower(), names, _SHOWN_TABLES)]


def _primary_key(connection: Connection, wanted: ForeignTable) -> Sequence[str]:
    """Its columns, however many; empty where there is none, or none that this user may see."""
    try:
        return inspect(connection).get_pk_constraint(wanted.name, wanted.schema)[
            "constrained_columns"
        ]
    except SQLAlchemyError:
        return ()


async def _read(
    connection: AsyncConnection,
    wanted: ForeignTable,
    columns: Collection[str],
    order: Sequence[str],
) -> AsyncIterator[list[ForeignRow]]:
    with _telling(wanted):
        await _take_times_as_text(connection)
        names = await _columns_of(connection, wanted)
        if wanted.needed not in names:
            raise _without_needed(wanted, names)
        source = table(wanted.name, *map(column, names), schema=wanted.schema)
        there = [each for each in source.c if each.name in columns]
        in_order = [source.c[name] for name in order]
        query: Select[*tuple[Any, ...]] = select(*there).select_from(source).order_by(*in_order)
        if wanted.ways_in is not None:
            query = await _with_ways_in(connection, wanted, wanted.ways_in, query, source)
        result = await connection.stream(query)
        async for some in result.mappings().partitions(_ROWS):
            yield [dict(row) for row in some]


async def _take_times_as_text(connection: AsyncConnection) -> None:
    """Have PostgreSQL's times come as files have them: some are beyond Python's calendar."""
    if connection.dialect.driver != "asyncpg":
        return
    await connection.exec_driver_sql("SET LOCAL datestyle = 'ISO'")
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None  # noqa: S101 - it has just answered
    for kind in _POSTGRESQL_TIMES:
        await driver.set_type_codec(
            kind, schema="pg_catalog", encoder=str, decoder=str, format="text"
        )


async def _columns_of(connection: AsyncConnection, wanted: ForeignTable) -> Sequence[str]:
    source = table(wanted.name, schema=wanted.schema)
    no_row: Select[*tuple[Any, ...]] = (
        select(literal_column("*")).select_from(source).where(literal_column("1 = 0"))
    )
    return list((await connection.execute(no_row)).keys())


def _without_needed(wanted: ForeignTable, names: Sequence[str]) -> UnreadableTable:
    some = ", ".join(names[:_SHOWN_COLUMNS])
    return UnreadableTable(
        f"its table {wanted.shown} has no column {wanted.needed}, but these: {some}"
    )


async def _with_ways_in(
    connection: AsyncConnection,
    wanted: ForeignTable,
    ways_in: WaysIn,
    query: Select[*tuple[Any, ...]],
    users: TableClause,
) -> Select[*tuple[Any, ...]]:
    """The query with what the table beside says of each user; raises `UnreadableTable`."""
    own_id = users.c[_first_of(("id",), users.c.keys(), wanted)]
    beside = await _find_beside(connection, wanted, ways_in)
    names = await _columns_of(connection, beside)
    found = (ways_in.user, ways_in.provider, (ways_in.password,))
    columns: list[ColumnClause[Any]] = [
        column(_first_of(wished, names, beside)) for wished in found
    ]
    user, provider, password = columns
    ways = (
        select(
            user.label("user"),
            func.max(case((provider == ways_in.own, password))).label(ways_in.password),
            func.count(case((provider != ways_in.own, 1))).label(ways_in.others),
        )
        .select_from(table(beside.name, *columns, schema=beside.schema))
        .group_by(user)
        .subquery("ways_in")
    )
    return query.add_columns(ways.c[ways_in.password], ways.c[ways_in.others]).select_from(
        users.outerjoin(ways, ways.c.user == own_id)
    )


async def _find_beside(
    connection: AsyncConnection, wanted: ForeignTable, ways_in: WaysIn
) -> ForeignTable:
    for name in ways_in.tables:
        beside = ForeignTable(name, wanted.schema)
        if await connection.run_sync(_find_similar, beside) is None:
            return beside
    reason = f"it has no table {' or '.join(ways_in.tables)} beside {wanted.shown}"
    raise UnreadableTable(reason)


def _first_of(wanted: Sequence[str], names: Sequence[str], source: ForeignTable) -> str:
    for name in wanted:
        if name in names:
            return name
    raise _without_needed(replace(source, needed=wanted[0]), names)
