"""The log as a process of the service writes it, and as it was again afterwards."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gatepost.configuration import Settings
from gatepost.observability.logs import configure_logging


@contextmanager
def logging_left_alone() -> Iterator[None]:
    """Whatever the block does to the process's logging is undone."""
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    before = [
        (each, each.level, list(each.handlers), each.propagate, each.disabled) for each in loggers
    ]
    show_warning = warnings.showwarning
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        warnings.showwarning = show_warning
        known = {each for each, *_ in before}
        for name in logging.root.manager.loggerDict:
            if (logger := logging.getLogger(name)) not in known:
                logger.setLevel(logging.NOTSET)
                logger.handlers[:], logger.propagate = [], True
        for each, level, handlers, propagate, disabled in before:
            each.setLevel(level)
            each.handlers[:], each.propagate, each.disabled = handlers, propagate, disabled


class Log(io.StringIO):
    """What was written, as text and as events."""

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Every line, which has to be JSON, with this event."""
        lines = [json.loads(line) for line in self.getvalue().splitlines()]
        return [line for line in lines if name in {None, line["event"]}]

    def clear(self) -> None:
        """Forget what was written so far."""
        self.seek(0)
        self.truncate()


@contextmanager
def logged(settings: Settings) -> Iterator[Log]:
    """Log as a process of the service does, into a text."""
    with logging_left_alone():
        log = Log()
        configure_logging(settings.observability, settings.secret_texts, log)
        yield log
