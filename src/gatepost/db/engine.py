"""Opens the database: one pool, its size bounded, SQLite's transactions in our own hands."""

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
"""The execution option that says the coming transaction may write."""


WITHOUT_STATEMENT_TIMEOUT = "gatepost_patient"
"""The execution option that says a connection's statements may take as long as they need."""

_REPLICA_SECONDS = 2
"""How long a replica may take to let us in: there is somebody else to ask."""

_DEADLINE = "gatepost_deadline"

_NO_SAVEPOINT = 1305
"""What MariaDB says where there is no savepoint of that name."""

# How many steps SQLite takes between two looks at the clock: less than a millisecond's worth.
_STEPS = 10_000


def open_engine(
    settings: DatabaseSettings, *, without_statement_timeout: bool = False
) -> AsyncEngine:
    """Open a pool of `DATABASE_POOL_SIZE` connections and no overflow; connects when first used.

    The server cancels a statement after `DATABASE_STATEMENT_TIMEOUT_SECONDS`, and this process does
    a little later, in case the server is cut off; a transaction in which nothing happens is ended
    after `DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS`. Commands that go through all rows open it
    `without_statement_timeout`, which lifts both limits.
    """
    url = settings.sqlalchemy_url
    seconds_to_connect = settings.database_pool_timeout_seconds
    arguments = _connect_args(
        url, settings, seconds_to_connect, without_statement_timeout=without_statement_timeout
    )
    engine = _open(url, settings, arguments)
    if url.get_backend_name() == "sqlite":
        seconds = None if without_statement_timeout else settings.database_statement_timeout_seconds
        _take_over_sqlite(engine.sync_engine, seconds)
    return engine


def open_replica_engine(settings: DatabaseSettings) -> AsyncEngine | None:
    """The same for the replica, if there is one; it has little time to let us in."""
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
        hide_parameters=True,  # an error's text must not carry a hash or an address
        **_isolation(url),
    )
    event.listen(engine.sync_engine, "handle_error", _replace_broken)
    if url.get_backend_name() == "postgresql":
        wrap_errors_of_connecting(engine.sync_engine)
    if url.get_backend_name() == "mysql":
        _forgive_lost_savepoints(engine.sync_engine)
    if url.get_backend_name() != "sqlite":
        _limit_pings(engine.sync_engine, settings.database_pool_timeout_seconds)
    return engine


def _isolation(url: URL) -> dict[str, Any]:
    """READ COMMITTED everywhere: MariaDB's REPEATABLE READ would hide what a lock waited for."""
    return {} if url.get_backend_name() == "sqlite" else {"isolation_level": "READ COMMITTED"}


def _connect_args(
    url: URL,
    settings: DatabaseSettings,
    seconds_to_connect: float,
    *,
    without_statement_timeout: bool,
) -> dict[str, Any]:
    # A server that is cut off gives up no statement: some time after it would have, we do.
    given_up = settings.database_statement_timeout_seconds + settings.database_pool_timeout_seconds
    longest = None if without_statement_timeout else given_up
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
            limit = "" if without_statement_timeout else _mariadb_limits(settings)
            silence = {} if "read_timeout" in url.query else {"read_timeout": longest}
            return {
                "init_command": f"SET time_zone = '+00:00'{limit}",
                "async_creator_fn": _connecting_within(seconds_to_connect, url),
                **silence,
            }


def _connecting_within(seconds: float, url: URL) -> Callable[..., Awaitable[Any]]:
    """Limit all of it: asyncmy would wait for ever for a server that is reached and silent."""
    driver: Any = url.get_dialect().import_dbapi()

    async def connect(**arguments: Any) -> Any:  # noqa: ANN401 - the driver's own types
        async with asyncio.timeout(seconds):
            return await driver.asyncmy.connect(**arguments)

    return connect


def _limit_pings(engine: Engine, seconds: float) -> None:
    """Take a connection that does not answer in time for lost: its server may be cut off from us.

    The dialects' own pings wait for as long as the network leaves open whether an answer comes, a
    quarter of an hour. Ours is one round trip; a pooler that hands out transactions knows it too.
    """

    async def answers(driver: Any) -> bool:  # noqa: ANN401 - the drivers' own types
        try:
            async with asyncio.timeout(seconds):
                await (
                    driver.execute("SELECT 1") if is_postgresql else driver.ping(reconnect=False)
                )
        except Exception:  # noqa: BLE001 - whatever it is, nobody should be given this connection
            return False
        return True

    is_postgresql = engine.dialect.name == "postgresql"

    def ping(connection: DBAPIConnection) -> bool:
        assert isinstance(connection, AdaptedConnection)  # noqa: S101 - both drivers are asynchronous
        answered: bool = connection.run_async(answers)
        return answered

    engine.dialect.do_ping = ping  # type: ignore[assignment] # of this engine, no other's


def _forgive_lost_savepoints(engine: Engine) -> None:
    """Let a deadlock be told, for which MariaDB rolls back all, savepoints included.

    To roll back to one then is an error of its own, which would hide the first.
    """
    roll_back = engine.dialect.do_rollback_to_savepoint

    def roll_back_if_it_is_there(connection: Connection, name: str) -> None:
        try:
            roll_back(connection, name)
        except DBAPIError as error:
            if error.orig is None or error.orig.args[:1] != (_NO_SAVEPOINT,):
                raise

    engine.dialect.do_rollback_to_savepoint = roll_back_if_it_is_there  # type: ignore[method-assign] # of this engine


def _postgresql_limits(settings: DatabaseSettings) -> dict[str, str]:
    idle = settings.database_idle_transaction_timeout_seconds
    return {
        "statement_timeout": str(settings.database_statement_timeout_seconds * 1000),
        "idle_in_transaction_session_timeout": str(idle * 1000),
    }


def _mariadb_limits(settings: DatabaseSettings) -> str:
    """The limits in each server's own words: to the other one they are comments.

    MySQL has one for queries alone, and none for idle transactions.
    """
    seconds = settings.database_statement_timeout_seconds
    idle = settings.database_idle_transaction_timeout_seconds
    return (
        f", innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}"
        f" /*M!100300 , max_statement_time = {seconds}, idle_transaction_timeout = {idle} */"
        f" /*!50708 , max_execution_time = {seconds * 1000} */"
    )


def _take_over_sqlite(engine: Engine, seconds: float | None) -> None:
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    if seconds is not None:
        _limit_statements(engine, seconds)


def _limit_statements(engine: Engine, seconds: float) -> None:
    """Give up what SQLite works on for longer; its own time-out is only of waiting for a lock."""

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
    """Leave transactions to SQLAlchemy: left to the driver, a savepoint outlives a rollback."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    if not has_temporary_folder():
        # Else whatever sorts many rows, as purging and migrating do, is a disk I/O error.
        cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Queue for the one writer at once: a reader that turns writer later is refused, not queued."""
    writes = connection.get_execution_options().get(WRITES, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _replace_broken(context: ExceptionContext) -> None:
    """Connect anew after an error that this connection would go on to meet, once all is mended."""
    if invalidates_connection(context.original_exception):
        context.is_disconnect = True
