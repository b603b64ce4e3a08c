"""The differences between SQLAlchemy 2.0 and 2.1."""

from typing import Any

from asyncpg import InterfaceError, PostgresError
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry


def wrap_errors_of_connecting(engine: Engine) -> None:
    """Raise `OperationalError` where PostgreSQL or its driver refuses a connection.

    SQLAlchemy 2.0 lets the driver's own error through there; 2.1 wraps it, as both do elsewhere.
    """

    def connect(
        dialect: Dialect,
        _record: ConnectionPoolEntry,
        arguments: list[Any],
        options: dict[str, Any],
    ) -> DBAPIConnection:
        try:
            return dialect.connect(*arguments, **options)
        except (InterfaceError, PostgresError) as error:
            raise OperationalError(None, None, error) from error

    event.listen(engine, "do_connect", connect)
