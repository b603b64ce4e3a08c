"""A connection that holds the database's migration lock."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatepost.db.engine import WITHOUT_STATEMENT_TIMEOUT

LOCK_SECONDS = 300
"""How long one process waits for another's migration."""

# The key of PostgreSQL's advisory lock: the bytes of "gatepost", unlikely to be used by others.
_POSTGRESQL_LOCK = int.from_bytes(b"gatepost", "big")


class MigrationBusy(Exception):  # noqa: N818 - read as the fact that it states
    """Another process has been migrating this database for longer than `LOCK_SECONDS`."""


@asynccontextmanager
async def connect_exclusively(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Wait for the migration lock, and yield a connection that holds it.

    The engine must have been opened without a statement timeout, which would end long statements.

    The block is committed if it ends without an exception. PostgreSQL and SQLite commit all of it
    at once; MariaDB and MySQL commit each DDL statement by itself. Raises `MigrationBusy` after
    `LOCK_SECONDS`.
    """
    async with engine.connect() as connection, _hold(connection):
        yield connection


def _hold(connection: AsyncConnection) -> AbstractAsyncContextManager[None]:
    match connection.dialect.name:
        case "sqlite":
            return _hold_sqlite(connection)
        case "postgresql":
            return _hold_postgresql(connection)
        case _:
            return _hold_mariadb(connection)


@asynccontextmanager
async def _hold_postgresql(connection: AsyncConnection) -> AsyncIterator[None]:
    """An advisory lock that ends with the transaction, as connection poolers require."""
    async with connection.begin():
        # Waiting for the lock and altering a large table may take longer than any request.
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})"))
        yield


@asynccontextmanager
async def _hold_mariadb(connection: AsyncConnection) -> AsyncIterator[None]:
    """A named lock of the session, since each DDL statement there ends the transaction."""
    # As on PostgreSQL. MySQL, which has neither limit, ignores MariaDB's executable comment.
    await connection.execute(
        text(
            f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}"
            " /*M!100300 , max_statement_time = 0, idle_transaction_timeout = 0 */"
        )
    )
    # Names are the server's, not the database's, and at most 64 characters long.
    database = (connection.engine.url.database or "").encode()
    name = f"gatepost {hashlib.sha256(database).hexdigest()[:40]}"
    got = await connection.scalar(
        text("SELECT GET_LOCK(:name, :seconds)"), {"name": name, "seconds": LOCK_SECONDS}
    )
    await connection.commit()
    if got != 1:
        raise MigrationBusy
    # Suppress MariaDB's only warning here (it ignores names of primary keys), which is logged.
    await connection.execute(text("SET SESSION max_error_count = 0"))
    await connection.commit()
    try:
        yield
        await connection.commit()
    finally:
        await connection.rollback()
        await connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})
        await connection.commit()
        # A new connection has the usual limits again.
        await connection.invalidate()


@asynccontextmanager
async def _hold_sqlite(connection: AsyncConnection) -> AsyncIterator[None]:
    """Take the write lock at the beginning, and turn foreign keys off meanwhile.

    Most changes of a table create a new one and drop the old one. With foreign keys on, the drop
    would delete its rows, and by cascade those of other tables. The pragma has no effect in a
    transaction, so it precedes it.
    """
    await connection.execution_options(**{WITHOUT_STATEMENT_TIMEOUT: True})
    usual_wait = await _pragma(connection, "busy_timeout")
    await _pragma(connection, f"busy_timeout = {LOCK_SECONDS * 1000}")
    await _pragma(connection, "foreign_keys = OFF")
    try:
        async with connection.begin():
            yield
            await _refuse_dangling_rows(connection)
    finally:
        await _pragma(connection, "foreign_keys = ON")
        await _pragma(connection, f"busy_timeout = {usual_wait}")


async def _refuse_dangling_rows(connection: AsyncConnection) -> None:
    dangling = await connection.execute(text("PRAGMA foreign_key_check"))
    tables = {str(row[0]) for row in dangling}
    if tables:
        msg = f"a migration left rows without their parents in {', '.join(sorted(tables))}"
        raise RuntimeError(msg)


async def _pragma(connection: AsyncConnection, words: str) -> object:
    """Run a pragma without SQLAlchemy, which would begin a transaction first."""
    raw = await connection.get_raw_connection()
    assert raw.driver_connection is not None  # noqa: S101 - it is connected
    async with raw.driver_connection.execute(f"PRAGMA {words}") as cursor:
        row = await cursor.fetchone()
    return row[0] if row else None
