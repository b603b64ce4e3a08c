"""A pool of connections that knows how long it kept people waiting, and each connection rested."""

import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from gatepost.clock import seconds_since_epoch

_TRUSTED_SECONDS = 1.0
"""A ping is one round trip more, and most requests need few for all else that they ask."""

_RETURNED_AT = "gatepost_returned_at"


class MeasuredPool(AsyncAdaptedQueuePool):
    """Counts the connections it gave out, and the seconds that they were waited for.

    Of a pool that pings, a connection that was in use a moment ago is spared it. Where one of them
    turns out to be broken, all that rest are pinged again; where one has fallen silent, which takes
    long to find out, all that rest are replaced.
    """

    checkouts = 0
    timeouts = 0
    seconds_waited = 0.0

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        super().__init__(*args, **options)
        self._broken_at = 0.0
        event.listen(self, "invalidate", self._distrust)

    def _distrust(self, _connection: object, _record: object, error: object) -> None:
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
            record.fresh = True  # SQLAlchemy's word for what needs no ping
        entry: ConnectionPoolEntry = record
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        record.info[_RETURNED_AT] = time.monotonic()
        super()._do_return_conn(record)
