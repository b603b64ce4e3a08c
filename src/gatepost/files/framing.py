"""Cuts a file into rows, one at a time: whatever the file holds, memory stays flat.

What is no row is given as `Unreadable` in its place, and the next row follows: one broken line
spoils no other.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, TypeAlias

from pydantic_core import from_json

LONGEST_ROW = 1024 * 1024
"""In bytes. What is longer is not kept in memory."""

_TOO_LONG = f"It has more than {LONGEST_ROW} bytes"
_KEPT_OF_A_ROW = 10_000
_PIECE = 256 * 1024
_BOM = b"\xef\xbb\xbf"
_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff")
_GZIP = b"\x1f\x8b"

# A cell that begins like this is a formula to a spreadsheet, the full-width forms included.
_FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20\t\r"
_GUARD = "'"


class Fault(StrEnum):
    """Why a piece of a file is no row."""

    UNREADABLE = "row_unreadable"
    TOO_LONG = "row_too_long"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands where a row should: why it is none, and as much of it as is worth keeping."""

    fault: Fault
    detail: str
    text: str


class BrokenFile(Exception):  # noqa: N818 - it says what the file is
    """The file as a whole cannot be read, or not any further; its text goes on after its name."""


Row: TypeAlias = "Mapping[str, Any] | Unreadable"
Framing: TypeAlias = Callable[[BinaryIO], Iterator[Row]]
"""Rows of an open file, in order; raises `BrokenFile`."""


def unpacked(file: BinaryIO) -> BinaryIO:
    """The file's content, out of gzip if it is in it; raises `BrokenFile` for other encodings."""
    buffered = io.BufferedReader(file) if isinstance(file, io.RawIOBase) else file
    beginning = _peek(buffered)
    if beginning.startswith(_OTHER_ENCODINGS):
        raise BrokenFile("cannot be read: it is in UTF-16, save it as UTF-8")
    if beginning.startswith(_GZIP):
        return io.BufferedReader(gzip.GzipFile(fileobj=buffered), LONGEST_ROW)
    return buffered


def json_lines(file: BinaryIO) -> Iterator[Row]:
    """A JSON object a line; empty lines are passed over."""
    for line in _lines(file):
        if len(line) >= LONGEST_ROW:
            yield Unreadable(Fault.TOO_LONG, _TOO_LONG, _shown(line))
        elif line and not line.isspace():
            yield _read_object(line)


def csv_rows(
    file: BinaryIO, needs: str | None = None, columns: Sequence[str] | None = None
) -> Iterator[Row]:
    """Comma-separated rows below a line that names the columns (RFC 4180); no cell is no text.

    With `columns` there is no such line. Raises `BrokenFile` where the column that it `needs` is
    not among them. Takes off the mark with which `guarded` keeps a cell from being a formula.
    """
    lines = _CsvLines(file)
    reader = csv.reader(lines, strict=True)
    header = _read_header(reader, lines, needs) if columns is None else columns
    if header is None:
        return
    while (cells := _next_cells(reader)) is not None:
        taken, fault = lines.take(), lines.take_fault()
        if fault is not None:
            yield Unreadable(*fault, _shown(taken))
        elif isinstance(cells, csv.Error):
            too_long = "field larger than" in str(cells)
            fault_of_reader = Fault.TOO_LONG if too_long else Fault.UNREADABLE
            yield Unreadable(
                fault_of_reader, "It is no row of CSV: look at its quotes", _shown(taken)
            )
        elif len(cells) == len(header):
            yield _cells_by_name(header, cells)
        elif cells:
            detail = f"It has {len(cells)} cells, and there are {len(header)} columns"
            yield Unreadable(Fault.UNREADABLE, detail, _shown(taken))


def guarded(cell: str) -> str:
    """The cell, marked so that no spreadsheet runs it; `csv_rows` takes the mark off again."""
    return _GUARD + cell if cell and (cell[0] in _FORMULA or _is_marked(cell)) else cell


def _is_marked(cell: str) -> bool:
    """Whether it looks as if `guarded` had made it."""
    rest = cell.lstrip(_GUARD)
    return cell[:1] == _GUARD and rest[:1] != "" and rest[0] in _FORMULA


def _peek(file: BinaryIO) -> bytes:
    return file.peek(2)[:2] if isinstance(file, io.BufferedReader) else b""


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends; of one that is too long the beginning, as long as no row may be."""
    is_first, rest = True, b""
    while piece := _read(file):
        *lines, rest = (rest + piece).split(b"\n")
        rest = rest[:LONGEST_ROW]
        if is_first and lines:
            lines[0], is_first = lines[0].removeprefix(_BOM), False
        yield from lines
    if rest:
        yield rest.removeprefix(_BOM) if is_first else rest


def _read(file: BinaryIO) -> bytes:
    try:
        return file.read(_PIECE)
    except EOFError:
        raise BrokenFile("cannot be read to its end: the gzip is not whole") from None
    except (gzip.BadGzipFile, zlib.error):
        raise BrokenFile("cannot be read to its end: the gzip is damaged") from None


def _read_object(line: bytes) -> Row:
    try:
        value = from_json(line, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        return Unreadable(Fault.UNREADABLE, "It is no JSON in UTF-8", _shown(line))
    if type(value) is not dict:
        return Unreadable(Fault.UNREADABLE, "It is no JSON object", _shown(line))
    return value


def _shown(line: bytes) -> str:
    return line[:_KEPT_OF_A_ROW].decode(errors="backslashreplace").rstrip("\r\n")


class _CsvLines:
    """Lines as text for the reader of CSV, remembering what the current row is made of.

    The reader takes no exception from here and goes on: so what is wrong with a line is noted.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._lines = _lines(file)
        self._taken: list[bytes] = []
        self._fault: tuple[Fault, str] | None = None

    def __iter__(self) -> "_CsvLines":
        return self

    def __next__(self) -> str:
        line = next(self._lines) + b"\n"
        self._taken.append(line)
        if len(line) > LONGEST_ROW:
            self._fault = Fault.TOO_LONG, _TOO_LONG
            return "\n"
        try:
            return line.decode()
        except UnicodeDecodeError:
            self._fault = Fault.UNREADABLE, "It is not in UTF-8"
            return line.decode(errors="replace")

    def take(self) -> bytes:
        taken, self._taken = b"".join(self._taken), []
        return taken

    def take_fault(self) -> tuple[Fault, str] | None:
        fault, self._fault = self._fault, None
        return fault


def _read_header(
    reader: Iterator[list[str]], lines: _CsvLines, needs: str | None
) -> Sequence[str] | None:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error:
        raise BrokenFile("cannot be read: its first line does not name the columns") from None
    if lines.take_fault():
        raise BrokenFile("cannot be read: its first line is not in UTF-8")
    lines.take()
    if len(set(header)) < len(header):
        raise BrokenFile("cannot be read: its first line names a column twice")
    if header and needs is not None and needs not in header:
        raise BrokenFile(f"cannot be read: its first line names no column {needs}")
    return header or None


def _next_cells(reader: Iterator[list[str]]) -> list[str] | csv.Error | None:
    """The cells of the next row, what the reader has against it, or None at the end."""
    try:
        return next(reader, None)
    except csv.Error as error:
        return error


def _cells_by_name(header: Sequence[str], cells: Sequence[str]) -> Mapping[str, str]:
    return {
        name: cell[1:] if cell[0] == _GUARD and _is_marked(cell) else cell
        for name, cell in zip(header, cells, strict=True)
        if cell
    }
