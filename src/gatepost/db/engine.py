"""Opens the database: one pool, its size bounded, SQLite's transactions in our own hands."""

from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gatepost.db.diagnosis import spoils_a_sqlite_connection
from gatepost.db.pool import MeasuredPool
from gatepost.settings import DatabaseSettings

WRITES = "gatepost_writes"
"""The execution option that says the coming transaction may write."""


def open_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Open a pool of `DATABASE_POOL_SIZE` connections and no overflow; connects when first used."""
    url = settings.sqlalchemy_url
    engine = create_async_engine(
        url,
        poolclass=MeasuredPool,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_pool_timeout_seconds,
        pool_pre_ping=url.get_backend_name() != "sqlite",
        connect_args=_connect_args(url, settings),
        hide_parameters=True,  # an error's text must not carry a hash or an address
        **_isolation(url),
    )
    if url.get_backend_name() == "sqlite":
        _take_over_sqlite(engine.sync_engine)
    return engine


def _isolation(url: URL) -> dict[str, Any]:
    """READ COMMITTED everywhere: MariaDB's REPEATABLE READ would hide what a lock waited for."""
    return {} if url.get_backend_name() == "sqlite" else {"isolation_level": "READ COMMITTED"}


def _connect_args(url: URL, settings: DatabaseSettings) -> dict[str, Any]:
    seconds = settings.database_statement_timeout_seconds
    match url.get_backend_name():
        case "sqlite":
            return {"timeout": settings.database_pool_timeout_seconds}
        case "postgresql":
            return {
                "server_settings": {
                    "application_name": "gatepost",
                    "statement_timeout": str(seconds * 1000),
                    "timezone": "UTC",
                }
            }
        case _:
            return {
                "init_command": f"SET time_zone = '+00:00', innodb_lock_wait_timeout = {seconds}"
            }


def _take_over_sqlite(engine: Engine) -> None:
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "handle_error", _let_go_of_spoilt_sqlite)


def _prepare_sqlite(connection: Any, _record: Any) -> None:  # noqa: ANN401 - the driver's own type
    """Leave transactions to SQLAlchemy: left to the driver, a savepoint outlives a rollback."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Queue for the one writer at once: a reader that turns writer later is refused, not queued."""
    writes = connection.get_execution_options().get(WRITES, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _let_go_of_spoilt_sqlite(context: ExceptionContext) -> None:
    """Open the file anew after such an error: no connection finds out by itself that it is mended.

    One that was opened while the file might only be read goes on reading only.
    """
    if spoils_a_sqlite_connection(context.original_exception):
        context.is_disconnect = True
