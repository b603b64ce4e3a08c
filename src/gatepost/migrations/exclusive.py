"""A connection that holds the database's migration lock."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatepost.db.engine import WITHOUT_STATEMENT_TIMEOUT

LOCK_SECONDS = 300
"""How long one process waits for another's migration."""

# The key of PostgreSQL's advisory lock: the bytes of "gatepost", unlikely to be anybody else's.
_POSTGRESQL_LOCK = int.from_bytes(b"gatepost", "big")


class MigrationBusy(Exception):  # noqa: N818 - read as the fact that it tells
    """Another process has been migrating this database for longer than `LOCK_SECONDS`."""


@asynccontextmanager
async def connect_exclusively(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Wait for the migration lock, and yield a connection that holds it.

    The engine is a patient one: any other gives up a statement that takes long.

    What is written is committed when the block ends without an exception. PostgreSQL and SQLite
    then take all of it or nothing; MariaDB and MySQL commit each change of a table by themselves.
    Raises `MigrationBusy` after `LOCK_SECONDS`.
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
    """An advisory lock that ends with the transaction, as a pooler between us demands."""
    async with connection.begin():
        # A lock is waited for, and a large table is altered, for longer than a request may take.
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})"))
        yield


@asynccontextmanager
async def _hold_mariadb(connection: AsyncConnection) -> AsyncIterator[None]:
    """A named lock of the session: there, each change of a table ends the transaction."""
    # As on PostgreSQL. To MySQL, which has neither limit, what is in the comment is one.
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
    # Its one warning, which the driver would log, is that a primary key's name is not kept.
    await connection.execute(text("SET SESSION max_error_count = 0"))
    await connection.commit()
    try:
        yield
        await connection.commit()
    finally:
        await connection.rollback()
        await connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})
        await connection.commit()
        # The next one has the usual limits again.
        await connection.invalidate()


@asynccontextmanager
async def _hold_sqlite(connection: AsyncConnection) -> AsyncIterator[None]:
    """The write lock from the beginning, and no foreign keys meanwhile.

    Most changes of a table are made by building another and dropping the first, and where foreign
    keys are on a drop deletes its rows, and by cascade those of other tables. Within a transaction
    the switch does nothing, hence before it.
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
    """Run a pragma past SQLAlchemy, which would begin a transaction first."""
    raw = await connection.get_raw_connection()
    assert raw.driver_connection is not None  # noqa: S101 - it is connected
    async with raw.driver_connection.execute(f"PRAGMA {words}") as cursor:
        row = await cursor.fetchone()
    return row[0] if row else None
