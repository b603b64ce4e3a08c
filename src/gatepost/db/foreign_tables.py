"""Reads the rows of a table in another system's database, without writing to it."""

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


class UnreadableTable(Exception):  # noqa: N818 - named for the fact, as problems are
    """The database or the table is missing or cannot be read; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class LoginTable:
    """A table beside that of the users, with one row for each login method of a user.

    Of `names`, `user_id` and `provider` the first existing table or column is used. The password of
    the row whose provider is `own_provider` is read as the user's column `password`, and the number
    of the other rows as the column `other_logins`.
    """

    names: Sequence[str]
    user_id: Sequence[str]
    provider: Sequence[str]
    own_provider: str
    password: str
    other_logins: str


@dataclass(frozen=True, slots=True)
class ForeignTable:
    """A table or view, its schema, the column it must have, and its table of login methods."""

    name: str
    schema: str | None = None
    needed: str = "email"
    logins: LoginTable | None = None

    def with_name(self, name: str) -> "ForeignTable":
        """The same table with another name, `name` or `schema.name`."""
        schema, _, bare = name.rpartition(".")
        return replace(self, name=bare, schema=schema or None)

    @property
    def qualified_name(self) -> str:
        """The name with its schema, for messages."""
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


@asynccontextmanager
async def open_table(
    url: URL, wanted: ForeignTable, columns: Collection[str]
) -> AsyncIterator[AsyncIterator[list[ForeignRow]]]:
    """Batches of rows with those of the `columns` that exist, in a stable order.

    All rows are read in one transaction, ordered by the primary key, or by the needed column if
    there is none, as in a view. Raises `UnreadableTable`.
    """
    engine = create_async_engine(url, poolclass=NullPool, hide_parameters=True)
    wrap_errors_of_connecting(engine.sync_engine)
    try:
        with _as_unreadable(wanted):
            order = await _find_order(engine, wanted)
            connection = await engine.connect()
        async with aclosing(connection):
            yield _read(connection, wanted, columns, order)
    finally:
        await engine.dispose()


@contextmanager
def _as_unreadable(wanted: ForeignTable) -> Iterator[None]:
    """Raise `UnreadableTable` without the driver's message, which may name host and user."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        reason = f"its table {wanted.qualified_name} could not be read: {explain_failure(error)}"
        raise UnreadableTable(reason) from None


async def _find_order(engine: AsyncEngine, wanted: ForeignTable) -> Sequence[str]:
    """The columns to order by; raises `UnreadableTable` if there is no such table."""
    try:
        connection = await engine.connect()
    except (SQLAlchemyError, OSError) as error:
        raise UnreadableTable(f"it cannot be connected to: {explain_failure(error)}") from None
    async with aclosing(connection):
        similar = await connection.run_sync(_find_similar, wanted)
        if similar is not None:
            advice = f"; similar ones are {', '.join(similar)}" if similar else ""
            raise UnreadableTable(
                f"it has no table {wanted.qualified_name} (--table names another){advice}"
            )
        return await connection.run_sync(_primary_key, wanted) or [wanted.needed]


def _find_similar(connection: Connection, wanted: ForeignTable) -> Sequence[str] | None:
    """None if the table or view exists, else the names of similar ones."""
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
    """The columns of the primary key; empty if there is none, or the user may not see it."""
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
    with _as_unreadable(wanted):
        await _read_times_as_text(connection)
        names = await _columns_of(connection, wanted)
        if wanted.needed not in names:
            raise _missing_column(wanted, names)
        source = table(wanted.name, *map(column, names), schema=wanted.schema)
        existing = [each for each in source.c if each.name in columns]
        in_order = [source.c[name] for name in order]
        query: Select[*tuple[Any, ...]] = select(*existing).select_from(source).order_by(*in_order)
        if wanted.logins is not None:
            query = await _with_logins(connection, wanted, wanted.logins, query, source)
        result = await connection.stream(query)
        async for some in result.mappings().partitions(_ROWS):
            yield [dict(row) for row in some]


async def _read_times_as_text(connection: AsyncConnection) -> None:
    """Read PostgreSQL's times as text, as in files: `datetime` cannot hold some of them."""
    if connection.dialect.driver != "asyncpg":
        return
    await connection.exec_driver_sql("SET LOCAL datestyle = 'ISO'")
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None  # noqa: S101 - it is connected
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


def _missing_column(wanted: ForeignTable, names: Sequence[str]) -> UnreadableTable:
    some = ", ".join(names[:_SHOWN_COLUMNS])
    return UnreadableTable(
        f"its table {wanted.qualified_name} has no column {wanted.needed}, but these: {some}"
    )


async def _with_logins(
    connection: AsyncConnection,
    wanted: ForeignTable,
    logins: LoginTable,
    query: Select[*tuple[Any, ...]],
    users: TableClause,
) -> Select[*tuple[Any, ...]]:
    """Join the passwords and the numbers of other logins; raises `UnreadableTable`."""
    own_id = users.c[_first_of(("id",), users.c.keys(), wanted)]
    source = await _find_login_table(connection, wanted, logins)
    names = await _columns_of(connection, source)
    columns: list[ColumnClause[Any]] = [
        column(_first_of(candidates, names, source))
        for candidates in (logins.user_id, logins.provider, (logins.password,))
    ]
    user, provider, password = columns
    by_user = (
        select(
            user.label("user"),
            func.max(case((provider == logins.own_provider, password))).label(logins.password),
            func.count(case((provider != logins.own_provider, 1))).label(logins.other_logins),
        )
        .select_from(table(source.name, *columns, schema=source.schema))
        .group_by(user)
        .subquery("logins")
    )
    added = by_user.c[logins.password], by_user.c[logins.other_logins]
    return query.add_columns(*added).select_from(users.outerjoin(by_user, by_user.c.user == own_id))


async def _find_login_table(
    connection: AsyncConnection, wanted: ForeignTable, logins: LoginTable
) -> ForeignTable:
    for name in logins.names:
        table_of_logins = ForeignTable(name, wanted.schema)
        if await connection.run_sync(_find_similar, table_of_logins) is None:
            return table_of_logins
    reason = f"it has no table {' or '.join(logins.names)} beside {wanted.qualified_name}"
    raise UnreadableTable(reason)


def _first_of(candidates: Sequence[str], names: Sequence[str], source: ForeignTable) -> str:
    for name in candidates:
        if name in names:
            return name
    raise _missing_column(replace(source, needed=candidates[0]), names)
