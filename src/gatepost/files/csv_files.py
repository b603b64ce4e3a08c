"""Reads the rows of a CSV file; where a wrong quote makes rows ambiguous, no line is lost."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gatepost.files.content import Content, describe_non_rows
from gatepost.files.lines import lines_of
from gatepost.files.rows import (
    LONGEST_PIECE,
    LONGEST_ROW,
    TOO_LONG,
    BrokenFile,
    Row,
    RowFault,
    UnreadableRow,
    decode_any,
    join_columns,
)

# Spreadsheets take a cell that begins like this for a formula, full-width forms included.
_FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20\t\r"
_ESCAPE = "'"

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

_QUOTES = "This is not a row of CSV: check its quotes"
_QUOTES_OF_HEADER = "cannot be read: check the quotes in its first line"
_AFTER_A_QUOTE = "This comes after a quote that an earlier line opens: check that line"
_NOT_UTF8 = "It is not in UTF-8"
_ADDRESS = re.compile(r"\s*[^\s@]+@[^\s@]+\s*")

ColumnsOf: TypeAlias = Callable[[Sequence[str]], Sequence[str] | None]
"""Names the columns of cells, in a file without a header line; None if they are not a row."""


@dataclass(frozen=True, slots=True)
class CsvForm:
    """The separators that a file may have, and how its columns are named.

    A header line names them, and one must be an email column, unless `columns_of` is given.
    """

    is_email_column: Callable[[str], bool]
    separators: str = ","
    columns_of: ColumnsOf | None = None


def csv_rows(content: Content, form: CsvForm) -> Iterator[Row]:
    """Rows (RFC 4180), without their empty cells. Raises `BrokenFile`.

    Undoes `escape_formula`. Where a wrong quote makes the rows ambiguous, each line becomes an
    `UnreadableRow`: no row is made from parts of two, and no line is lost.
    """
    csv.field_size_limit(2 * LONGEST_PIECE)  # lines are bounded already
    separator = _separator(content, form)
    lines = _Lines(content)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    header = None if form.columns_of else _read_header(reader, lines, content, form)
    if header is not None or form.columns_of is not None:
        yield from _rows(reader, lines, _Shape(header, form, separator))


def _rows(reader: Iterator[list[str]], lines: "_Lines", shape: "_Shape") -> Iterator[Row]:
    while (cells := _next_cells(reader)) is not None:
        taken, fault = lines.take()
        row = shape.row(taken, cells) if fault is None else UnreadableRow(*fault, "")
        if isinstance(row, UnreadableRow):
            yield from _line_by_line(row.fault, row.detail, taken)
            if lines.is_open:
                rest = lines.to_the_closing_quote()
                yield from _line_by_line(row.fault, _AFTER_A_QUOTE, rest)
        elif row:
            yield row


def escape_formula(cell: str) -> str:
    """The cell, prefixed if a spreadsheet would run it as a formula; `csv_rows` undoes that."""
    return _ESCAPE + cell if cell and (cell[0] in _FORMULA or _is_escaped(cell)) else cell


def _is_escaped(cell: str) -> bool:
    """Whether a cell looks like a result of `escape_formula`."""
    rest = cell.lstrip(_ESCAPE)
    return cell[:1] == _ESCAPE and rest[:1] != "" and rest[0] in _FORMULA


class _Shape:
    """The columns of a file, and whether lines are a row of it."""

    def __init__(self, header: Sequence[str] | None, form: CsvForm, separator: str) -> None:
        self._header = header
        self._form = form
        self._separator = separator

    def row(self, taken: Sequence[bytes], cells: list[str] | csv.Error) -> Row:
        """The row of these lines; an empty one for empty lines."""
        if isinstance(cells, csv.Error):
            return UnreadableRow(RowFault.UNREADABLE, _QUOTES, "")
        if not cells:
            return {}
        columns = self._columns(cells)
        if columns is None:
            return UnreadableRow(RowFault.UNREADABLE, self._wrong_count(len(cells)), "")
        if len(taken) > 1 and any(map(self._could_be_row, taken[1:])):
            return UnreadableRow(RowFault.UNREADABLE, _QUOTES, "")
        return _cells_by_name(columns, cells)

    def _wrong_count(self, count: int) -> str:
        if self._header is None:
            return f"It has {count} cells, and they are not those of such a file"
        return f"It has {count} cells, and there are {len(self._header)} columns"

    def _columns(self, cells: Sequence[str]) -> Sequence[str] | None:
        if self._header is not None:
            return self._header if len(cells) == len(self._header) else None
        return None if self._form.columns_of is None else self._form.columns_of(cells)

    def _could_be_row(self, line: bytes) -> bool:
        """Whether a line inside quotes could be a row of its own: then the quotes are wrong.

        With the wrong number of cells it still counts, if an email column is just an address.
        """
        try:
            cells = next(csv.reader([line.decode(errors="replace")], delimiter=self._separator), [])
        except csv.Error:
            return False
        columns = self._columns(cells)
        if columns is not None:
            return any("@" in cell for cell in self._addresses(columns, cells))
        addresses = self._addresses(self._header or (), cells)
        return len(cells) > 1 and any(map(_ADDRESS.fullmatch, addresses))

    def _addresses(self, columns: Sequence[str], cells: Sequence[str]) -> Iterator[str]:
        pairs = zip(columns, cells, strict=False)
        return (cell for name, cell in pairs if self._form.is_email_column(name))


class _Lines:
    """Feeds lines to the CSV reader, and keeps those of the current row.

    The reader cannot continue after an exception, so errors in a line are noted instead.
    """

    def __init__(self, content: Content) -> None:
        self._lines = lines_of(content)
        self._taken: list[bytes] = []
        self._size = 0
        self._fault: tuple[RowFault, str] | None = None
        self.is_open = False
        """Whether the last row was abandoned inside a quote."""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._size > LONGEST_ROW:
            self.is_open = True
            raise StopIteration  # ends this row only: the reader asks again for the next one
        line = next(self._lines) + b"\n"
        self._taken.append(line)
        self._size += len(line)
        if self._size > LONGEST_ROW:
            self._fault = RowFault.TOO_LONG, TOO_LONG
        try:
            return line.decode()
        except UnicodeDecodeError:
            self._fault = self._fault or (RowFault.UNREADABLE, _NOT_UTF8)
            return line.decode(errors="replace")

    def take(self) -> tuple[Sequence[bytes], tuple[RowFault, str] | None]:
        """The lines of the row that was read, and the error in them, if any."""
        taken, fault = self._taken, self._fault
        self._taken, self._size, self._fault = [], 0, None
        return taken, fault

    def to_the_closing_quote(self) -> Iterator[bytes]:
        """The remaining lines of an abandoned row."""
        self.is_open = False
        for line in self._lines:
            yield line
            if not _ends_inside_quote(line):
                return


def _ends_inside_quote(line: bytes) -> bool:
    """Whether a line that begins inside a quote ends inside one."""
    try:
        next(csv.reader(['"' + line.decode(errors="replace") + "\n"], strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _line_by_line(fault: RowFault, detail: str, lines: Iterable[bytes]) -> Iterator[Row]:
    for line in lines:
        if line.strip():
            yield UnreadableRow(fault, detail, decode_any(line))
            detail = _AFTER_A_QUOTE


def _separator(content: Content, form: CsvForm) -> str:
    """The separator with which the first line has an email column; a comma if none has."""
    line = next(filter(None, map(bytes.strip, content.beginning.splitlines())), b"")
    names = ((each, _split(line, each)) for each in form.separators)
    return next((each for each, split in names if any(map(form.is_email_column, split))), ",")


def _split(line: bytes, separator: str) -> Sequence[str]:
    try:
        cells = next(csv.reader([line.decode(errors="replace")], delimiter=separator), [])
    except csv.Error:
        return ()
    return [cell.strip() for cell in cells]


def _read_header(
    reader: Iterator[list[str]], lines: _Lines, content: Content, form: CsvForm
) -> Sequence[str] | None:
    """The names of the columns; None for an empty file."""
    cells: list[str] | csv.Error | None = []
    while cells == []:
        cells = _next_cells(reader)
    if cells is None:
        return None
    taken, fault = lines.take()
    header = [] if isinstance(cells, csv.Error) else [name.strip() for name in cells]
    _, *others = filter(bytes.strip, taken)
    if any(b"@" in line for line in others):
        raise BrokenFile(describe_non_rows(content.beginning) or _QUOTES_OF_HEADER)
    if not any(map(form.is_email_column, header)):
        raise BrokenFile(_why_no_email_column(content, taken[-1], header, form))
    if fault is not None:
        raise BrokenFile("cannot be read: its first line is not in UTF-8")
    named = [name for name in header if name]
    if len(set(named)) < len(named):
        raise BrokenFile("cannot be read: its first line names a column twice")
    return header


def _why_no_email_column(
    content: Content, line: bytes, header: Sequence[str], form: CsvForm
) -> str:
    """The most helpful reason why the header line has no email column."""
    description = describe_non_rows(content.beginning)
    if description is not None:
        return description
    if content.beginning.lstrip()[:1] in {b"{", b"["}:
        return "is JSON, and not CSV as its name or --format says"
    reason = "cannot be read: its first line names no column email"
    for separator, name in _SEPARATORS.items():
        if any(map(form.is_email_column, _split(line, separator))):
            return f"{reason}: its cells are separated by {name}, save it with commas"
    if any("@" in name for name in header):  # it is a row of personal data, not to be repeated
        return f"{reason}, but is a row itself"
    names = join_columns(header)
    return f"{reason}, but these: {names}" if names.isprintable() and names else reason


def _next_cells(reader: Iterator[list[str]]) -> list[str] | csv.Error | None:
    """The cells of the next row, or the reader's error, or None at the end."""
    try:
        return next(reader, None)
    except csv.Error as error:
        return error


def _cells_by_name(header: Sequence[str], cells: Sequence[str]) -> Mapping[str, str]:
    return {
        name: cell[1:] if cell[0] == _ESCAPE and _is_escaped(cell) else cell
        for name, cell in zip(header, cells, strict=True)
        if cell
    }
