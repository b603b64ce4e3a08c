"""Configures the log of a process: one line an event, as JSON or for people, without secrets.

Only the command line and `gatepost.asgi` call it. In a host application the log is the host's.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

from gatepost.observability.console_lines import ConsoleLine
from gatepost.observability.redaction import Redaction, is_secret_name
from gatepost.observability.request_ids import current_request_id
from gatepost.observability.request_log import ProcessLog
from gatepost.settings import ObservabilitySettings

Fields = dict[str, Any]

_OURS = ("gatepost", "uvicorn")
"""The loggers to which `LOG_LEVEL` applies. All others log warnings only: some libraries would
write whole SQL statements, values included."""

_SERVERS = ("uvicorn", "uvicorn.error", "uvicorn.asgi", "gunicorn.error")
_ACCESS_LOGS = ("uvicorn.access", "gunicorn.access")
_TALKATIVE = ("gatepost.db.sqlalchemy_parts",)
"""Loggers of ours that a library writes to."""

_LEFT_OUT = frozenset({"color_message", "taskName", "event"})
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({})))

_CONTROLS = (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0))
_MARKS = (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPED = {code: f"\\x{code:02x}" for code in _CONTROLS} | {c: f"\\u{c:04x}" for c in _MARKS}
"""Escapes for characters that end a line, control a terminal or change the text's direction."""

_encode = json.JSONEncoder(default=str, skipkeys=True).encode


def configure_logging(
    settings: ObservabilitySettings, known_secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Write the events of all loggers to `stream`; None is standard error.

    `known_secrets` are masked wherever they occur.
    """
    stream = sys.stderr if stream is None else stream
    redaction = Redaction(known_secrets)
    handler = ProcessLog(stream, redaction if writes_json(settings, stream) else None)
    handler.setFormatter(make_formatter(settings, redaction, stream))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[settings.log_level]))
    for name in _SERVERS:
        _hand_over(name, propagate=True)
    for name in _ACCESS_LOGS:
        # They contain raw paths and queries; `web.middleware.request_context` logs without them.
        _hand_over(name, propagate=False)
    for name in _OURS:
        logging.getLogger(name).setLevel(settings.log_level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _hand_over(name: str, *, propagate: bool) -> None:
    """Remove a server's own handlers from its logger."""
    logger = logging.getLogger(name)
    logger.handlers[:] = []
    logger.setLevel(logging.NOTSET)
    logger.propagate = propagate


def writes_json(settings: ObservabilitySettings, stream: TextIO) -> bool:
    """Whether lines on this stream are JSON; `auto` writes JSON unless it is a terminal."""
    if settings.log_format == "auto":
        return not stream.isatty()
    return settings.log_format == "json"


def make_formatter(
    settings: ObservabilitySettings, redaction: Redaction, stream: TextIO
) -> logging.Formatter:
    """A formatter that writes each record as one event."""
    if writes_json(settings, stream):
        return _EventFormatter(_json_line(redaction))
    return _EventFormatter(_console_line(redaction, colours=stream.isatty()))


class _EventFormatter(logging.Formatter):
    """Formats a record's fields, `extra` included, by the given function."""

    def __init__(self, render: Callable[[Fields], str]) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        return self._render(self._describe(record))

    def _describe(self, record: logging.LogRecord) -> Fields:
        """Time, level, event, logger and request id; then the event's own fields."""
        fields = {"event": record.getMessage(), "stack_info": record.stack_info or None}
        fields |= {k: v for k, v in vars(record).items() if k not in _OF_EVERY_RECORD}
        if record.exc_info and record.exc_info[0]:
            fields["exception"] = self.formatException(record.exc_info)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        described: Fields = {
            "timestamp": f"{at[:-6]}Z",
            "level": record.levelname.lower(),
            "event": fields["event"],
            "logger": record.name,
        }
        request_id = current_request_id()
        if request_id is not None:
            described["request_id"] = request_id
        for name, value in fields.items():
            if name[0] != "_" and name not in _LEFT_OUT and value is not None:
                described[name] = value
        return described


def _json_line(redaction: Redaction) -> Callable[[Fields], str]:
    def line(fields: Fields) -> str:
        written = _written(fields)
        # Most lines contain nothing to mask: a single search of the whole line is enough.
        if redaction.finds_nothing(written) and not any(map(is_secret_name, fields)):
            return written
        return _written(redaction.mask(fields))

    return line


def _written(fields: object) -> str:
    """JSON in ASCII, so that no value can end the line or control a terminal."""
    return _encode(fields).replace("\x7f", "\\u007f")


def _console_line(redaction: Redaction, *, colours: bool) -> Callable[[Fields], str]:
    render = ConsoleLine(colours=colours)

    def line(fields: Fields) -> str:
        masked = redaction.mask(fields)
        assert isinstance(masked, dict)  # noqa: S101 - a mapping is masked to a dict
        masked["event"] = str(masked["event"]).translate(_ESCAPED).replace("\n", "\\n")
        for name in ("exception", "stack_info"):
            if name in masked:
                masked[name] = str(masked[name]).translate(_ESCAPED)
        return render(masked)

    return line
