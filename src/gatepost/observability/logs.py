"""How a process writes its log: a line an event, as JSON or for a person, without a secret.

Only who starts a process calls this. In a host application the log is the host's.
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
"""Whose events `LOG_LEVEL` is about. Of everybody else only warnings are told: some libraries
would write whole statements, values included."""

_SERVERS = ("uvicorn", "uvicorn.error", "uvicorn.asgi", "gunicorn.error")
_ACCESS_LOGS = ("uvicorn.access", "gunicorn.access")
_TALKATIVE = ("gatepost.db.sqlalchemy_parts",)
"""A library's log under our name."""

_LEFT_OUT = frozenset({"color_message", "taskName", "event"})
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({})))

_CONTROLS = (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0))
_MARKS = (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPED = {code: f"\\x{code:02x}" for code in _CONTROLS} | {c: f"\\u{c:04x}" for c in _MARKS}
"""What ends a line, moves the cursor, colours, or turns the direction of what is read."""

_encode = json.JSONEncoder(default=str, skipkeys=True).encode


def configure_logging(
    settings: ObservabilitySettings, known_secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Write everybody's events to `stream`, standard error if None, from now on.

    `known_secrets` are masked wherever they turn up.
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
        # Raw paths and queries: `web.middleware.request_context` writes lines without.
        _hand_over(name, propagate=False)
    for name in _OURS:
        logging.getLogger(name).setLevel(settings.log_level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _hand_over(name: str, *, propagate: bool) -> None:
    """Take a server's own handlers off its logger."""
    logger = logging.getLogger(name)
    logger.handlers[:] = []
    logger.setLevel(logging.NOTSET)
    logger.propagate = propagate


def writes_json(settings: ObservabilitySettings, stream: TextIO) -> bool:
    """Whether lines on this stream are JSON: `auto` writes for a person where one looks on."""
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
        # Most lines hold nothing to mask: one search of the whole line is enough for them.
        if redaction.finds_nothing(written) and not any(map(is_secret_name, fields)):
            return written
        return _written(redaction.mask(fields))

    return line


def _written(fields: object) -> str:
    """In ASCII, so that nothing in a line can end it or move a terminal's cursor."""
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
