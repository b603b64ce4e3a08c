"""The read replica, from which lists may be read."""

import logging
import time

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.database import Database
from gatepost.db.diagnosis import explain_failure

log = logging.getLogger(__name__)

FAILURES = (DBAPIError, PoolTimeout, OSError)
"""Errors of the replica after which the primary is asked."""

_PAUSE_SECONDS = 5.0


class Replica:
    """A replica with its own pool. After a failure it is not used for some seconds."""

    def __init__(self, engine: AsyncEngine, database: Database) -> None:
        self.engine = engine
        self.database = database
        self.failures = 0
        self._ask_again_at = 0.0

    @property
    def is_available(self) -> bool:
        """Whether the replica has not failed within the last seconds."""
        return time.monotonic() >= self._ask_again_at

    def has_failed(self, error: Exception) -> None:
        """Count and log a failure, and stop using the replica for some seconds."""
        self.failures += 1
        self._ask_again_at = time.monotonic() + _PAUSE_SECONDS
        reason = explain_failure(error)
        log.warning("replica.failed", extra={"error": type(error).__name__, "reason": reason})
