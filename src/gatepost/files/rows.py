"""What files are cut into: rows, and what stands where a row should."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, TypeAlias

LONGEST_ROW = 1024 * 1024
"""In bytes. What is longer becomes no row, but is kept whole to be told."""

LONGEST_PIECE = 16 * LONGEST_ROW
"""In bytes. A file in which nothing ends for so long is no file of rows."""

_FIRST_ROWS = 100
_SHOWN_COLUMNS = 20
_LONGEST_NAME = 40
_SHOWN_DETAILS = 2

TOO_LONG = f"It has more than {LONGEST_ROW} bytes"


class Fault(StrEnum):
    """Why a piece of a file is no row."""

    UNREADABLE = "row_unreadable"
    TOO_LONG = "row_too_long"


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """What stands where a row should: why it is none, and all of its text, to be mended."""

    fault: Fault
    detail: str
    text: str = field(repr=False)


Row: TypeAlias = Mapping[str, Any] | UnreadableRow


@dataclass(slots=True)
class ByteCounter:
    """How many bytes have been read so far, about."""

    count: int = 0


class BrokenFile(Exception):  # noqa: N818 - it says what the file is
    """The file as a whole cannot be read, or not any further; its text goes on after its name."""


def shown(text: bytes) -> str:
    """Bytes as text that keeps all of them, whatever their encoding."""
    return text.decode(errors="backslashreplace").rstrip("\r\n")


def peek(rows: Iterator[Row]) -> tuple[Sequence[Row], Iterator[Row]]:
    """The first rows, to be looked at, and all of them.

    Where the file breaks off among the first, `BrokenFile` is raised behind them.
    """
    first: list[Row] = []
    broken: list[BrokenFile] = []
    try:
        for row in islice(rows, _FIRST_ROWS):
            first.append(row)  # noqa: PERF402 - those before the break are kept
    except BrokenFile as error:
        broken.append(error)

    def all_of_them() -> Iterator[Row]:
        yield from first
        for error in broken:
            raise error
        yield from rows

    return first, all_of_them()


def join_faults(rows: Iterable[Row]) -> str:
    """Join the reasons why some rows are unreadable, in a sentence or two."""
    details = {row.detail: None for row in rows if isinstance(row, UnreadableRow)}
    return ". ".join(list(details)[:_SHOWN_DETAILS])


def missing_email_column(columns: Iterable[str]) -> BrokenFile:
    """Return the refusal of a file none of whose columns has addresses; it names the columns."""
    names = sorted(name for name in columns if name.isprintable() and "@" not in name)
    return BrokenFile(f"has no column of addresses (email), but these: {join_columns(names)}")


def join_columns(names: Sequence[str]) -> str:
    """Join the first names of columns, each cut where it is long."""
    return ", ".join(name[:_LONGEST_NAME] for name in names[:_SHOWN_COLUMNS])
