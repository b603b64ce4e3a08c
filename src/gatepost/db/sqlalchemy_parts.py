"""Uses of SQLAlchemy's private parts, and differences between 2.0 and 2.1.

`pyproject.toml` allows the minor versions that were tested with it.
"""

import time
from typing import Any

from asyncpg import InterfaceError, PostgresError
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from gatepost.clock import seconds_since_epoch

_TRUSTED_SECONDS = 1.0
"""Within this time of its last use a connection is not pinged, which saves a round trip."""

_RETURNED_AT = "gatepost_returned_at"


def wrap_errors_of_connecting(engine: Engine) -> None:
    """Raise `OperationalError` if PostgreSQL or its driver refuses a connection.

    SQLAlchemy 2.0 raises the driver's own error there; 2.1 wraps it.
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


class MeasuredPool(AsyncAdaptedQueuePool):
    """Counts the checkouts of connections and the seconds of waiting for them.

    With pre-ping on, connections used within the last second are not pinged. After a connection was
    found broken, every idle one is pinged; after one timed out, every idle one is replaced, because
    finding a silent connection takes long.
    """

    checkouts = 0
    timeouts = 0
    seconds_waited = 0.0

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        super().__init__(*args, **options)
        self._broken_at = 0.0
        event.listen(self, "invalidate", self._check_idle_connections)

    def _check_idle_connections(self, _connection: object, _record: object, error: object) -> None:
        self._broken_at = time.monotonic()
        if isinstance(error, TimeoutError):
            self._invalidate_time = seconds_since_epoch()

    def _do_get(self) -> ConnectionPoolEntry:
        began = time.monotonic()
        try:
            record: Any = super()._do_get()
        except PoolTimeout:
            self.timeouts += 1
            raise
        finally:
            self.seconds_waited += time.monotonic() - began
        self.checkouts += 1
        trusted_since = max(began - _TRUSTED_SECONDS, self._broken_at)
        if record.info.get(_RETURNED_AT, 0.0) > trusted_since:
            record.fresh = True  # SQLAlchemy's flag to skip the ping
        entry: ConnectionPoolEntry = record
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        record.info[_RETURNED_AT] = time.monotonic()
        super()._do_return_conn(record)
