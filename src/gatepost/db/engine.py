"""Opens the database: a pool of bounded size, time-outs, and explicit transactions on SQLite."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.engine import URL, AdaptedConnection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gatepost.db.aiosqlite_parts import connect as connect_in_one_trip
from gatepost.db.diagnosis import invalidates_connection
from gatepost.db.sqlalchemy_parts import MeasuredPool, wrap_errors_of_connecting
from gatepost.files.temporary import has_temporary_folder
from gatepost.settings import DatabaseSettings

WRITES = "gatepost_writes"
"""The execution option for a transaction that may write."""


WITHOUT_STATEMENT_TIMEOUT = "gatepost_patient"
"""The execution option for a connection whose statements have no time-out."""

_REPLICA_SECONDS = 2
"""The time-out of connecting to a replica; it is short because the primary can answer instead."""

_DEADLINE = "gatepost_deadline"

_NO_SAVEPOINT = 1305
"""MariaDB's error number for an unknown savepoint."""

# The steps of SQLite between two checks of the deadline, which take less than a millisecond.
_STEPS = 10_000


def open_engine(
    settings: DatabaseSettings, *, without_statement_timeout: bool = False
) -> AsyncEngine:
    """Open a pool of `DATABASE_POOL_SIZE` connections without overflow; it connects on first use.

    The server cancels a statement after `DATABASE_STATEMENT_TIMEOUT_SECONDS`, and this process does
    so a little later, in case the server is unreachable. The server ends an idle transaction after
    `DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS`. `without_statement_timeout` lifts both limits, for
    commands that read all rows.
    """
    url = settings.sqlalchemy_url
    seconds_to_connect = settings.database_pool_timeout_seconds
    arguments = _connect_args(
        url, settings, seconds_to_connect, without_statement_timeout=without_statement_timeout
    )
    engine = _open(url, settings, arguments)
    if url.get_backend_name() == "sqlite":
        seconds = None if without_statement_timeout else settings.database_statement_timeout_seconds
        _configure_sqlite(engine.sync_engine, seconds)
    return engine


def open_replica_engine(settings: DatabaseSettings) -> AsyncEngine | None:
    """Open a pool for the replica, if one is configured, with a short time-out of connecting."""
    url = settings.sqlalchemy_read_url
    if url is None:
        return None
    return _open(
        url,
        settings,
        _connect_args(url, settings, _REPLICA_SECONDS, without_statement_timeout=False),
    )


def _open(url: URL, settings: DatabaseSettings, connect_args: dict[str, Any]) -> AsyncEngine:
    engine = create_async_engine(
        url,
        poolclass=MeasuredPool,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_pool_timeout_seconds,
        pool_pre_ping=url.get_backend_name() != "sqlite",
        connect_args=connect_args,
        hide_parameters=True,  # error messages must not contain hashes or addresses
        **_isolation(url),
    )
    event.listen(engine.sync_engine, "handle_error", _replace_broken)
    if url.get_backend_name() == "postgresql":
        wrap_errors_of_connecting(engine.sync_engine)
    if url.get_backend_name() == "mysql":
        _ignore_lost_savepoints(engine.sync_engine)
    if url.get_backend_name() != "sqlite":
        _limit_pings(engine.sync_engine, settings.database_pool_timeout_seconds)
    return engine


def _isolation(url: URL) -> dict[str, Any]:
    """READ COMMITTED everywhere: MariaDB's REPEATABLE READ would hide the changes of the
    transaction that a lock waited for."""
    return {} if url.get_backend_name() == "sqlite" else {"isolation_level": "READ COMMITTED"}


def _connect_args(
    url: URL,
    settings: DatabaseSettings,
    seconds_to_connect: float,
    *,
    without_statement_timeout: bool,
) -> dict[str, Any]:
    # The driver's time-out is for a server that is unreachable, so it is longer than the server's.
    limit = settings.database_statement_timeout_seconds + settings.database_pool_timeout_seconds
    longest = None if without_statement_timeout else limit
    match url.get_backend_name():
        case "sqlite":
            return {
                "timeout": settings.database_pool_timeout_seconds,
                "async_creator_fn": connect_in_one_trip,
            }
        case "postgresql":
            own = {"application_name": "gatepost", "timezone": "UTC"}
            limits = {} if without_statement_timeout else _postgresql_limits(settings)
            return {
                "server_settings": own | limits,
                "timeout": seconds_to_connect,
                "command_timeout": longest,
            }
        case _:
            limits_text = "" if without_statement_timeout else _mariadb_limits(settings)
            silence = {} if "read_timeout" in url.query else {"read_timeout": longest}
            return {
                "init_command": f"SET time_zone = '+00:00'{limits_text}",
                "async_creator_fn": _connecting_within(seconds_to_connect, url),
                **silence,
            }


def _connecting_within(seconds: float, url: URL) -> Callable[..., Awaitable[Any]]:
    """Limit all of connecting: asyncmy waits for ever for a server that accepts and is silent."""
    driver: Any = url.get_dialect().import_dbapi()

    async def connect(**arguments: Any) -> Any:  # noqa: ANN401 - the driver's own types
        async with asyncio.timeout(seconds):
            return await driver.asyncmy.connect(**arguments)

    return connect


def _limit_pings(engine: Engine, seconds: float) -> None:
    """Treat a connection that does not answer a ping in time as lost.

    The dialects' own pings wait for TCP's time-out, a quarter of an hour. Ours is one round trip,
    which also works through a pooler in transaction mode.
    """

    async def answers(driver: Any) -> bool:  # noqa: ANN401 - the drivers' own types
        try:
            async with asyncio.timeout(seconds):
                await (
                    driver.execute("SELECT 1") if is_postgresql else driver.ping(reconnect=False)
                )
        except Exception:  # noqa: BLE001 - after any error the connection must not be used
            return False
        return True

    is_postgresql = engine.dialect.name == "postgresql"

    def ping(connection: DBAPIConnection) -> bool:
        assert isinstance(connection, AdaptedConnection)  # noqa: S101 - both drivers are asynchronous
        answered: bool = connection.run_async(answers)
        return answered

    engine.dialect.do_ping = ping  # type: ignore[assignment] # of this engine, no other's


def _ignore_lost_savepoints(engine: Engine) -> None:
    """Let the error of a deadlock reach the caller.

    MariaDB rolls back the whole transaction with its savepoints. Rolling back to one of these is
    then a second error, which would hide the deadlock.
    """
    roll_back = engine.dialect.do_rollback_to_savepoint

    def roll_back_if_it_exists(connection: Connection, name: str) -> None:
        try:
            roll_back(connection, name)
        except DBAPIError as error:
            if error.orig is None or error.orig.args[:1] != (_NO_SAVEPOINT,):
                raise

    engine.dialect.do_rollback_to_savepoint = roll_back_if_it_exists  # type: ignore[method-assign] # of this engine


def _postgresql_limits(settings: DatabaseSettings) -> dict[str, str]:
    idle = settings.database_idle_transaction_timeout_seconds
    return {
        "statement_timeout": str(settings.database_statement_timeout_seconds * 1000),
        "idle_in_transaction_session_timeout": str(idle * 1000),
    }


def _mariadb_limits(settings: DatabaseSettings) -> str:
    """The limits in the syntax of both servers: each sees those of the other as comments.

    MySQL limits queries only, and no idle transactions.
    """
    seconds = settings.database_statement_timeout_seconds
    idle = settings.database_idle_transaction_timeout_seconds
    return (
        f", innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}"
        f" /*M!100300 , max_statement_time = {seconds}, idle_transaction_timeout = {idle} */"
        f" /*!50708 , max_execution_time = {seconds * 1000} */"
    )


def _configure_sqlite(engine: Engine, seconds: float | None) -> None:
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    if seconds is not None:
        _limit_statements(engine, seconds)


def _limit_statements(engine: Engine, seconds: float) -> None:
    """Interrupt statements that take longer: SQLite's own time-out is for locks only."""

    def watch(connection: Any, record: Any) -> None:  # noqa: ANN401 - the driver's own types
        def is_over() -> bool:
            deadline: float = record.info.get(_DEADLINE, math.inf)
            return time.monotonic() > deadline

        connection.run_async(lambda driver: driver.set_progress_handler(is_over, _STEPS))

    def begin(connection: Connection, *_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's arguments
        without_statement_timeout = connection.get_execution_options().get(
            WITHOUT_STATEMENT_TIMEOUT, False
        )
        connection.info[_DEADLINE] = (
            math.inf if without_statement_timeout else time.monotonic() + seconds
        )

    event.listen(engine, "connect", watch)
    event.listen(engine, "before_cursor_execute", begin)


def _prepare_sqlite(connection: Any, _record: Any) -> None:  # noqa: ANN401 - the driver's own type
    """Set up a connection. SQLAlchemy begins transactions: with the driver's own, a savepoint
    survives a rollback."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    if not has_temporary_folder():
        # Else sorting many rows, as purging and migrating do, fails with a disk I/O error.
        cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the beginning: upgrading a read transaction fails without waiting."""
    writes = connection.get_execution_options().get(WRITES, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _replace_broken(context: ExceptionContext) -> None:
    """Mark a connection as broken after an error that it would keep raising."""
    if invalidates_connection(context.original_exception):
        context.is_disconnect = True
