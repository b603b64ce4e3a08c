"""The log line of an answered request: the one event that every request writes.

A log record and its formatting cost as much as everything else that is done for a request. Where
this process writes its own log, the line is put together here instead, the same to the character.
If another handler listens, or the line needs a closer look, it is an ordinary record.
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
    """A request and its answer: the fields of the line, but for the duration in seconds.

    `is_id_ours` where the id was made here: such a one holds no secret.
    """

    request_id: str
    is_id_ours: bool
    method: str
    route: str
    status: int
    seconds: float
    address: str | None


class ProcessLog(logging.StreamHandler[TextIO]):
    """Where a process of ours writes its log; `redaction` is None where it writes for people."""

    def __init__(self, stream: TextIO, redaction: Redaction | None) -> None:
        super().__init__(stream)
        self._redaction = redaction
        self._constant = lru_cache(maxsize=1024)(self._constant_part)
        self._second, self._second_written = 0, ""

    def write(self, answered: Answered) -> bool:
        """Write the line in one piece; False, and nothing, where a record has to be made of it."""
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
            return False  # the ordinary way knows what to do about that
        finally:
            self.release()
        return True

    def _constant_part(self, method: str, route: str, status: int) -> str:
        """What few requests differ in; empty if there is anything in it that might be masked."""
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


def tell(answered: Answered) -> None:
    """Write the line, if anybody wants to read it."""
    if not log.isEnabledFor(logging.INFO):
        return
    process_log = _only_reader()
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


def _only_reader() -> ProcessLog | None:
    """The handler that all records of requests would go to, if it is ours and there is no other."""
    handlers = _root.handlers
    if len(handlers) != 1 or log.handlers or log.filters or _ours.handlers:
        return None
    reader = handlers[0]
    if not isinstance(reader, ProcessLog) or reader.filters or reader.level > logging.INFO:
        return None
    return reader if log.propagate and _ours.propagate else None


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
