"""Rows of files, and the errors of rows and files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, TypeAlias

LONGEST_ROW = 1024 * 1024
"""In bytes. A longer row is unreadable; its whole text goes to the rejects."""

LONGEST_PIECE = 16 * LONGEST_ROW
"""In bytes. A file without the end of a row for so long is not a file of rows."""

_FIRST_ROWS = 100
_SHOWN_COLUMNS = 20
_LONGEST_NAME = 40
_SHOWN_DETAILS = 2

TOO_LONG = f"It has more than {LONGEST_ROW} bytes"


class RowFault(StrEnum):
    """The reason why a part of a file is not a row."""

    UNREADABLE = "row_unreadable"
    TOO_LONG = "row_too_long"


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A part of a file that is not a row: the reason, and its whole text."""

    fault: RowFault
    detail: str
    text: str = field(repr=False)


Row: TypeAlias = Mapping[str, Any] | UnreadableRow


@dataclass(slots=True)
class ByteCounter:
    """The approximate number of bytes read so far."""

    count: int = 0


class BrokenFile(Exception):  # noqa: N818 - it says what the file is
    """The file cannot be read, or no further; the message continues a sentence after its name."""


def decode_any(text: bytes) -> str:
    """Decode bytes, with escapes for those that are not UTF-8."""
    return text.decode(errors="backslashreplace").rstrip("\r\n")


def peek(rows: Iterator[Row]) -> tuple[Sequence[Row], Iterator[Row]]:
    """The first rows, and an iterator of all rows, the first included.

    If the file breaks off among the first rows, the iterator raises `BrokenFile` behind them.
    """
    first: list[Row] = []
    broken: list[BrokenFile] = []
    try:
        for row in islice(rows, _FIRST_ROWS):
            first.append(row)  # noqa: PERF402 - those before the break are kept
    except BrokenFile as error:
        broken.append(error)

    def all_rows() -> Iterator[Row]:
        yield from first
        for error in broken:
            raise error
        yield from rows

    return first, all_rows()


def join_faults(rows: Iterable[Row]) -> str:
    """Join the details of unreadable rows into a sentence or two."""
    details = {row.detail: None for row in rows if isinstance(row, UnreadableRow)}
    return ". ".join(list(details)[:_SHOWN_DETAILS])


def missing_email_column(columns: Iterable[str]) -> BrokenFile:
    """The error of a file without an email column; it names the columns."""
    names = sorted(name for name in columns if name.isprintable() and "@" not in name)
    return BrokenFile(f"has no column email, but these: {join_columns(names)}")


def join_columns(names: Sequence[str]) -> str:
    """Join the first names of columns, each shortened."""
    return ", ".join(name[:_LONGEST_NAME] for name in names[:_SHOWN_COLUMNS])
