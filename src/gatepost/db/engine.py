"""Opens the database: one pool, its size bounded, SQLite's transactions in our own hands."""

import math
import time
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gatepost.db.diagnosis import spoils_a_connection
from gatepost.db.pool import MeasuredPool
from gatepost.settings import DatabaseSettings

WRITES = "gatepost_writes"
"""The execution option that says the coming transaction may write."""


PATIENT = "gatepost_patient"
"""The execution option that says a connection's statements may take as long as they need."""

_CONNECT_SECONDS = 10
"""How long a server may take to accept a connection."""

_SILENCE_SECONDS = 5
"""How long after the server's own limit of a statement nothing at all may have come. A server that
has gone without a word, or hangs, would be waited for until the network gives up, in an hour."""

_REPLICA_SECONDS = 2
"""How long a replica may take to accept a connection: there is somebody else to ask."""

_DEADLINE = "gatepost_deadline"

# How many steps SQLite takes between two looks at the clock: less than a millisecond's worth.
_STEPS = 10_000


def open_engine(settings: DatabaseSettings, *, is_patient: bool = False) -> AsyncEngine:
    """Open a pool of `DATABASE_POOL_SIZE` connections and no overflow; connects when first used.

    A statement is given up after `DATABASE_STATEMENT_TIMEOUT_SECONDS`, by the server, or a little
    later here if nothing is heard of that; and a transaction in which nothing happens after
    `DATABASE_IDLE_TRANSACTION_TIMEOUT_SECONDS`. Never where it `is_patient`, as a command that goes
    through all rows has to be.
    """
    url = settings.sqlalchemy_url
    engine = _open(url, settings, _connect_args(url, settings, is_patient=is_patient))
    if url.get_backend_name() == "sqlite":
        seconds = None if is_patient else settings.database_statement_timeout_seconds
        _take_over_sqlite(engine.sync_engine, seconds)
    return engine


def open_replica_engine(settings: DatabaseSettings) -> AsyncEngine | None:
    """The same for the replica, if there is one; it has little time to let us in."""
    url = settings.sqlalchemy_read_url
    if url is None:
        return None
    patience = "timeout" if url.get_backend_name() == "postgresql" else "connect_timeout"
    arguments = _connect_args(url, settings, is_patient=False)
    return _open(url, settings, {**arguments, patience: _REPLICA_SECONDS})


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
    event.listen(engine.sync_engine, "handle_error", _let_go_of_spoilt)
    return engine


def _isolation(url: URL) -> dict[str, Any]:
    """READ COMMITTED everywhere: MariaDB's REPEATABLE READ would hide what a lock waited for."""
    return {} if url.get_backend_name() == "sqlite" else {"isolation_level": "READ COMMITTED"}


def _connect_args(url: URL, settings: DatabaseSettings, *, is_patient: bool) -> dict[str, Any]:
    match url.get_backend_name():
        case "sqlite":
            return {"timeout": settings.database_pool_timeout_seconds}
        case "postgresql":
            own = {"application_name": "gatepost", "timezone": "UTC"}
            limits = {} if is_patient else _postgresql_limits(settings)
            return {
                "server_settings": own | limits,
                "command_timeout": None if is_patient else _silence(settings),
                "timeout": _CONNECT_SECONDS,
            }
        case _:
            limit = "" if is_patient else _mariadb_limits(settings)
            seconds = {
                "read_timeout": None if is_patient else _silence(settings),
                "connect_timeout": _CONNECT_SECONDS,
            }
            said = {name: value for name, value in seconds.items() if name not in url.query}
            return {"init_command": f"SET time_zone = '+00:00'{limit}", **said}


def _silence(settings: DatabaseSettings) -> int:
    return settings.database_statement_timeout_seconds + _SILENCE_SECONDS


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
        is_patient = connection.get_execution_options().get(PATIENT, False)
        connection.info[_DEADLINE] = math.inf if is_patient else time.monotonic() + seconds

    event.listen(engine, "connect", watch)
    event.listen(engine, "before_cursor_execute", begin)


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


def _let_go_of_spoilt(context: ExceptionContext) -> None:
    """Connect anew after an error that this connection would go on to meet, once all is mended."""
    if spoils_a_connection(context.original_exception):
        context.is_disconnect = True
