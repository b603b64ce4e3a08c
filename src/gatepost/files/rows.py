"""What files are cut into: rows, and what stands where a row should."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

LONGEST_ROW = 1024 * 1024
"""In bytes. What is longer becomes no row, but is kept whole to be told."""

LONGEST_PIECE = 16 * LONGEST_ROW
"""In bytes. A file in which nothing ends for so long is no file of rows."""

TOO_LONG = f"It has more than {LONGEST_ROW} bytes"


class Fault(StrEnum):
    """Why a piece of a file is no row."""

    UNREADABLE = "row_unreadable"
    TOO_LONG = "row_too_long"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands where a row should: why it is none, and all of its text, to be mended."""

    fault: Fault
    detail: str
    text: str = field(repr=False)


Row: TypeAlias = Mapping[str, Any] | Unreadable


@dataclass(slots=True)
class Meter:
    """How many bytes have been read so far, about."""

    count: int = 0


class BrokenFile(Exception):  # noqa: N818 - it says what the file is
    """The file as a whole cannot be read, or not any further; its text goes on after its name."""


def shown(text: bytes) -> str:
    """Bytes as text that keeps all of them, whatever their encoding."""
    return text.decode(errors="backslashreplace").rstrip("\r\n")
