"""Logs each answered request, the only event that every request logs.

A log record and its formatting cost as much as the rest of a request. So, if only our own handler
listens, the same line is written here directly. If there are other handlers, or the line may have a
secret to mask, it is an ordinary record.
"""

import json
import logging
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, TextIO

from gatepost.clock import seconds_since_epoch
from gatepost.observability.redaction import Redaction

EVENT = "request.answered"

log = logging.getLogger("gatepost.requests")
_ours = logging.getLogger("gatepost")
_root = logging.getLogger()


class Answered(NamedTuple):
    """A request and its answer: the fields of the log line, with the duration in seconds.

    `is_id_ours` is true if the id was generated here, and so contains no secret.
    """

    request_id: str
    is_id_ours: bool
    method: str
    route: str
    status: int
    seconds: float
    address: str | None


class ProcessLog(logging.StreamHandler[TextIO]):
    """The log handler of our own processes; `redaction` is None unless it writes JSON."""

    def __init__(self, stream: TextIO, redaction: Redaction | None) -> None:
        super().__init__(stream)
        self._redaction = redaction
        self._constant = lru_cache(maxsize=1024)(self._constant_part)
        self._second, self._second_written = 0, ""

    def write(self, answered: Answered) -> bool:
        """Write the line at once; False, with nothing written, if an ordinary record is needed."""
        request_id, is_id_ours, method, route, status, seconds, address = answered
        constant = self._constant(method, route, status)
        if not constant or not (is_id_ours or self._is_clean(request_id)):
            return False
        where = "" if address is None else f', "address": "{address}"'
        line = (
            f'{{"timestamp": "{self._timestamp()}", "level": "info", "event": "{EVENT}", '
            f'"logger": "{log.name}", "request_id": "{request_id}", {constant}, '
            f'"duration_ms": {_milliseconds(seconds)}{where}}}\n'
        )
        self.acquire()
        try:
            self.stream.write(line)
            self.stream.flush()
        except (OSError, ValueError):
            return False  # an ordinary record reports the error
        finally:
            self.release()
        return True

    def _constant_part(self, method: str, route: str, status: int) -> str:
        """The fields with few different values; empty if they may have something to mask."""
        text = json.dumps({"method": method, "route": route, "status": status})[1:-1]
        return text if self._is_clean(text) and "\x7f" not in text else ""

    def _is_clean(self, text: str) -> bool:
        return self._redaction is not None and self._redaction.finds_nothing(text)

    def _timestamp(self) -> str:
        at = seconds_since_epoch()
        second = int(at)
        if second != self._second:
            self._second_written = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = second
        return f"{self._second_written}.{int((at - second) * 1000):03d}Z"


def log_request(answered: Answered) -> None:
    """Log an answered request, if the log level allows."""
    if not log.isEnabledFor(logging.INFO):
        return
    process_log = _only_handler()
    if process_log is None or not process_log.write(answered):
        log.info(
            EVENT,
            extra={
                "request_id": answered.request_id,
                "method": answered.method,
                "route": answered.route,
                "status": answered.status,
                "duration_ms": _milliseconds(answered.seconds),
                "address": answered.address,
            },
        )


def _only_handler() -> ProcessLog | None:
    """The only handler of request records, if there is only one and it is ours."""
    handlers = _root.handlers
    if len(handlers) != 1 or log.handlers or log.filters or _ours.handlers:
        return None
    handler = handlers[0]
    if not isinstance(handler, ProcessLog) or handler.filters or handler.level > logging.INFO:
        return None
    return handler if log.propagate and _ours.propagate else None


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
