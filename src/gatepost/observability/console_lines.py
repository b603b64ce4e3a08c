"""Formats an event as a line for people: time, level, event, logger, then `name=value` pairs."""

from typing import Any

_RESET, _BOLD, _DIM = "\033[0m", "\033[1m", "\033[2m"
_RED, _GREEN, _YELLOW, _BLUE, _MAGENTA, _CYAN = (f"\033[{code}m" for code in range(31, 37))

_LEVELS = {
    "critical": _RED,
    "error": _RED,
    "warning": _YELLOW,
    "info": _GREEN,
    "debug": _GREEN,
    "notset": "\033[41m",
}

_LEVEL_WIDTH = 9
_EVENT_WIDTH = 30
_COLUMNS = ("timestamp", "level", "event", "logger", "exception")


class ConsoleLine:
    """Formats the fields of an event, with terminal colours or without.

    `event` must be a single line; other values are formatted by `repr`. An exception is appended.
    """

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def __call__(self, fields: dict[str, Any]) -> str:
        pairs = (self._pair(*each) for each in fields.items() if each[0] not in _COLUMNS)
        line = " ".join((*self._columns(fields), *pairs)).rstrip(" ")
        return f"{line}\n{fields['exception']}" if "exception" in fields else line

    def _columns(self, fields: dict[str, Any]) -> tuple[str, ...]:
        level = fields["level"]
        level_style = f"{_LEVELS[level]}{_BOLD}" if level in _LEVELS else ""
        logger = self._styled(f"{_BOLD}{_BLUE}", str(fields["logger"]))
        return (
            self._styled(_DIM, str(fields["timestamp"])),
            f"[{self._styled(level_style, f'{level:{_LEVEL_WIDTH}}')}]",
            self._styled(_BOLD, f"{fields['event']:{_EVENT_WIDTH}}"),
            f"{self._styled('', '[')}{logger}{self._styled('', ']')}",
        )

    def _pair(self, name: str, value: object) -> str:
        return f"{self._styled(_CYAN, name)}={self._styled(_MAGENTA, repr(value))}"

    def _styled(self, style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if self._colours else text
