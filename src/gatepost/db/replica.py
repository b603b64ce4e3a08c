"""The replica that lists may be read from, and whether it is worth asking."""

import logging
import time

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.database import Database
from gatepost.db.diagnosis import explain_failure

log = logging.getLogger(__name__)

FAILURES = (DBAPIError, PoolTimeout, OSError)
"""What an asking may fail with that the database itself may still answer."""

_PAUSE_SECONDS = 5.0


class Replica:
    """A pool of its own. After a failure it is left alone for a while, so that few wait for it."""

    def __init__(self, engine: AsyncEngine, database: Database) -> None:
        self.engine = engine
        self.database = database
        self.failures = 0
        self._ask_again_at = 0.0

    @property
    def is_available(self) -> bool:
        """Whether it has not just failed."""
        return time.monotonic() >= self._ask_again_at

    def has_failed(self, error: Exception) -> None:
        """Count a failure, tell why, and ask no more for some seconds."""
        self.failures += 1
        self._ask_again_at = time.monotonic() + _PAUSE_SECONDS
        reason = explain_failure(error)
        log.warning("replica.failed", extra={"error": type(error).__name__, "reason": reason})
