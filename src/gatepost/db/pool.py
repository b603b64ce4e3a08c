"""A pool of connections that knows how long it kept people waiting."""

import time

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry


class MeasuredPool(AsyncAdaptedQueuePool):
    """Counts the connections it gave out, and the seconds that they were waited for."""

    taken = 0
    timeouts = 0
    seconds_waited = 0.0

    def _do_get(self) -> ConnectionPoolEntry:
        began = time.monotonic()
        try:
            connection = super()._do_get()
        except PoolTimeout:
            self.timeouts += 1
            raise
        finally:
            self.seconds_waited += time.monotonic() - began
        self.taken += 1
        return connection
