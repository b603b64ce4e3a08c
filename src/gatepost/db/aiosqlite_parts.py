"""SQLite connections that execute a statement in one trip to the connection's thread.

A trip costs the event loop more than a statement costs SQLite, and SQLAlchemy makes four for one
statement: to open a cursor, to execute, to fetch and to close. Private parts of aiosqlite are used
in this module only; `pyproject.toml` allows the minor versions that were tested with it.

A cursor is closed in the connection's thread, even if its statement fails: the garbage collector
would close it in the event loop, which would need the connection's mutex. The connection's thread
holds the mutex while it waits for the lock of another connection, for up to
`DATABASE_POOL_TIMEOUT_SECONDS`, and the holder of that lock may need the event loop to go on.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Generator, Iterable
from typing import Any, Self

import aiosqlite

_FIRST_ROWS = 1000
"""The number of rows fetched in the statement's trip. A statement with more keeps its cursor."""


class OneTripConnection(aiosqlite.Connection):
    """A connection whose cursors execute a statement and fetch its rows in one trip."""

    def cursor(self) -> Any:  # noqa: ANN401 - SQLAlchemy's versions await it, or its `__aenter__`
        return _Cursor(self)

    async def execute_in_thread(self, function: Callable[..., Any], *values: Any) -> Any:  # noqa: ANN401 - what it returns
        """Call a function in the connection's thread, which has a `run` up to aiosqlite 0.21."""
        return await self._execute(function, self._conn, *values)  # type: ignore[no-untyped-call] # it has no annotations


def connect(database: str, **options: Any) -> OneTripConnection:  # noqa: ANN401 - those of `sqlite3.connect`
    """Return a connection that opens when it is awaited; its thread is a daemon."""
    connection = OneTripConnection(
        lambda: sqlite3.connect(database, **options), iter_chunk_size=_FIRST_ROWS
    )
    # Up to 0.21 a connection is a subclass of `Thread`.
    thread: Any = getattr(connection, "_thread", connection)
    thread.daemon = True
    return connection


class _Cursor:
    """The part of a cursor's interface that SQLAlchemy uses."""

    def __init__(self, connection: OneTripConnection) -> None:
        self._connection = connection
        self._rest: sqlite3.Cursor | None = None
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    def __await__(self) -> Generator[None, None, Self]:
        yield from ()
        return self

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Self:
        await self._run(_execute, sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Self:
        await self._run(_execute_many, sql, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        if self._rest is not None:
            rows += await self._connection.execute_in_thread(
                lambda _, rest: rest.fetchall(), self._rest
            )
            await self.close()
        return rows

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        size = self.arraysize if size is None else size
        if len(self._rows) < size and self._rest is not None:
            self._rows += await self._connection.execute_in_thread(
                lambda _, rest: rest.fetchmany(size), self._rest
            )
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    async def fetchone(self) -> Any:  # noqa: ANN401 - a row of any columns
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def __aiter__(self) -> AsyncIterator[Any]:
        while rows := await self.fetchmany(_FIRST_ROWS):
            for row in rows:
                yield row

    async def close(self) -> None:
        rest, self._rest, self._rows = self._rest, None, []
        if rest is not None:
            await self._connection.execute_in_thread(lambda _, rest: rest.close(), rest)

    async def _run(self, function: Callable[..., Any], sql: str, parameters: Any) -> None:  # noqa: ANN401 - as the standard library has it
        await self.close()
        found = await self._connection.execute_in_thread(function, sql, parameters)
        self.description, self.rowcount, self.lastrowid, self._rows, self._rest = found


def _execute(connection: sqlite3.Connection, sql: str, parameters: Any) -> tuple[Any, ...]:  # noqa: ANN401 - as the standard library has it
    cursor = connection.cursor()
    try:
        cursor.execute(sql, parameters)
        rows = cursor.fetchmany(_FIRST_ROWS) if cursor.description else []
    except BaseException:
        cursor.close()
        raise
    return _result(cursor, rows)


def _execute_many(connection: sqlite3.Connection, sql: str, parameters: Any) -> tuple[Any, ...]:  # noqa: ANN401 - as the standard library has it
    cursor = connection.cursor()
    try:
        cursor.executemany(sql, parameters)
    except BaseException:
        cursor.close()
        raise
    return _result(cursor, [])


def _result(cursor: sqlite3.Cursor, rows: list[Any]) -> tuple[Any, ...]:
    """The attributes of a cursor, and the cursor itself unless all its rows were fetched."""
    is_complete = len(rows) < _FIRST_ROWS
    attributes = (cursor.description, cursor.rowcount, cursor.lastrowid, rows)
    if is_complete:
        cursor.close()
    return (*attributes, None if is_complete else cursor)
