"""Inserts many rows in the fastest way of each database, in the caller's transaction."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from asyncpg.exceptions import InterfaceError, PostgresError, UniqueViolationError
from sqlalchemy import ARRAY, ColumnElement, Dialect, String, Table, bindparam, func, insert, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

from gatepost.db.savepoints import unless_taken

_ROWS_IN_A_STATEMENT = 1_000
_ROWS_IN_A_PIECE = 2_000

_BEGINNING = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = (-1).to_bytes(2, signed=True)
_NULL = (-1).to_bytes(4, signed=True)
_TRUTHS = {truth: bytes((0, 0, 0, 1, truth)) for truth in (False, True)}
_EIGHT = (8).to_bytes(4)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


async def insert_rows(
    db: AsyncSession, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> bool:
    """Insert all rows; False, with none inserted and the transaction intact, if a key is taken."""
    if not rows:
        return True

    async def write() -> None:
        connection = await db.connection()  # inside the savepoint of `unless_taken`
        if connection.dialect.name == "postgresql":
            await _copy(connection, table, columns, rows)
        else:
            await _insert(connection, table, columns, rows)

    return await unless_taken(db, write)


def has_any_of(
    db: AsyncSession, column: InstrumentedAttribute[Any], values: Sequence[str]
) -> ColumnElement[bool]:
    """The condition that the column has one of hundreds of values, which its index finds.

    On PostgreSQL the values are a joined set of rows: without statistics of the table, it would
    compare each row with each member of a list.
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
    """Insert without SQLAlchemy's processing of each row, which takes longer than the database."""
    dialect = connection.dialect
    statement = insert(table).compile(dialect=dialect, column_keys=list(columns))
    values = dict(zip(columns, zip(*rows, strict=True), strict=True))
    order = statement.positiontup or columns
    converted = [_convert(table.c[name].type, dialect, values[name]) for name in order]
    parameters = list(zip(*converted, strict=True))
    for start in range(0, len(parameters), _ROWS_IN_A_STATEMENT):
        some = parameters[start : start + _ROWS_IN_A_STATEMENT]
        await connection.exec_driver_sql(str(statement), some)


def _convert(kind: TypeEngine[Any], dialect: Dialect, values: Iterable[Any]) -> Iterable[Any]:
    """Convert a column's values to the driver's types."""
    process = kind.dialect_impl(dialect).bind_processor(dialect)
    return values if process is None else _map_once(process, values)


async def _copy(
    connection: AsyncConnection,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> None:
    raw: Any = (await connection.get_raw_connection()).driver_connection
    source = _copied_rows(rows)
    try:
        await raw.copy_to_table(table.name, source=source, columns=columns, format="binary")
    except UniqueViolationError:
        raise
    except (PostgresError, InterfaceError, OSError) as error:
        # Wrapped as SQLAlchemy wraps the driver's errors, without the values of the rows.
        raise OperationalError("COPY", None, error, hide_parameters=True) from None


async def _copied_rows(rows: Sequence[Sequence[Any]]) -> AsyncIterator[bytes]:
    """Rows in COPY's binary format, in pieces: the server reads one while the next is encoded.

    The server parses it faster than text (PostgreSQL manual, COPY, Binary Format).
    """
    yield _BEGINNING
    for start in range(0, len(rows), _ROWS_IN_A_PIECE):
        yield _copied_piece(rows[start : start + _ROWS_IN_A_PIECE])
    yield _END


def _copied_piece(rows: Sequence[Sequence[Any]]) -> bytes:
    copied: list[Sequence[bytes]] = []
    before: Sequence[Any] = ()
    for values in zip(*rows, strict=True):
        # Two equal columns, such as a user's times, are encoded once.
        copied.append(copied[-1] if values == before else _copied(values))
        before = values
    field_count = len(copied).to_bytes(2)
    return field_count + field_count.join(map(b"".join, zip(*copied, strict=True)))


def _copied(values: Sequence[Any]) -> Sequence[bytes]:
    """Encode a column's values, each after its size; the types are text, boolean and time."""
    match next((value for value in values if value is not None), None):
        case str():
            return [
                _NULL if value is None else len(text := value.encode()).to_bytes(4) + text
                for value in values
            ]
        case bool():
            return [_NULL if value is None else _TRUTHS[value] for value in values]
        case datetime():
            return list(_map_once(_copied_time, values))
        case None:
            return [_NULL] * len(values)
        case other:
            raise TypeError(type(other).__name__)


def _copied_time(time: datetime | None) -> bytes:
    """Encode a time as microseconds since 2000-01-01."""
    if time is None:
        return _NULL
    since = time - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    return _EIGHT + (seconds * 1_000_000 + since.microseconds).to_bytes(8, signed=True)


def _map_once(convert: Callable[[Any], Any], values: Iterable[Any]) -> Iterator[Any]:
    """Convert each value; a value identical to the one before is not converted again."""
    last = converted = None
    for value in values:
        if value is not last or value is None:
            last, converted = value, convert(value)
        yield converted
