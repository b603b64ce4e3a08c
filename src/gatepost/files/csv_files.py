"""Cuts a file of comma-separated values into rows: what no quote may hide is told line by line."""

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
    Fault,
    Row,
    UnreadableRow,
    join_columns,
    shown,
)

# A cell that begins like this is a formula to a spreadsheet, the full-width forms included.
_FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20\t\r"
_GUARD = "'"

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

_QUOTES = "It is no row of CSV: look at its quotes"
_QUOTES_OF_HEADER = "cannot be read: look at the quotes of its first line"
_BEHIND_A_QUOTE = "It stands behind a quote that is opened in a line above: look at that one"
_NOT_UTF8 = "It is not in UTF-8"
_ADDRESS = re.compile(r"\s*[^\s@]+@[^\s@]+\s*")

ColumnsOf: TypeAlias = Callable[[Sequence[str]], Sequence[str] | None]
"""The columns that cells belong to where no line names them; None if they are no row."""


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How a file's cells are told apart, and what they mean.

    A first line names the columns, one of which has to be of the addresses, unless `columns_of`
    tells by the cells what they are. `separators` are those that the file may have.
    """

    is_address: Callable[[str], bool]
    separators: str = ","
    columns_of: ColumnsOf | None = None


def csv_rows(content: Content, form: CsvForm) -> Iterator[Row]:
    """Rows (RFC 4180), without their empty cells. Raises `BrokenFile`.

    Undoes `escape_formulas`. Where a wrong quote makes the rows ambiguous, each line becomes an
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
                yield from _line_by_line(row.fault, _BEHIND_A_QUOTE, rest)
        elif row:
            yield row


def escape_formulas(cell: str) -> str:
    """The cell, marked so that no spreadsheet runs it; `csv_rows` takes the mark off again."""
    return _GUARD + cell if cell and (cell[0] in _FORMULA or _is_marked(cell)) else cell


def _is_marked(cell: str) -> bool:
    """Whether it looks as if `escape_formulas` had made it."""
    rest = cell.lstrip(_GUARD)
    return cell[:1] == _GUARD and rest[:1] != "" and rest[0] in _FORMULA


class _Shape:
    """What a row of this file looks like."""

    def __init__(self, header: Sequence[str] | None, form: CsvForm, separator: str) -> None:
        self._header = header
        self._form = form
        self._separator = separator

    def row(self, taken: Sequence[bytes], cells: list[str] | csv.Error) -> Row:
        """The row that lines are; an empty one for empty lines."""
        if isinstance(cells, csv.Error):
            return UnreadableRow(Fault.UNREADABLE, _QUOTES, "")
        if not cells:
            return {}
        columns = self._columns(cells)
        if columns is None:
            return UnreadableRow(Fault.UNREADABLE, self._wrong_count(len(cells)), "")
        if len(taken) > 1 and any(map(self._is_one, taken[1:])):
            return UnreadableRow(Fault.UNREADABLE, _QUOTES, "")
        return _cells_by_name(columns, cells)

    def _wrong_count(self, count: int) -> str:
        if self._header is None:
            return f"It has {count} cells, and they are not those of such a file"
        return f"It has {count} cells, and there are {len(self._header)} columns"

    def _columns(self, cells: Sequence[str]) -> Sequence[str] | None:
        if self._header is not None:
            return self._header if len(cells) == len(self._header) else None
        return None if self._form.columns_of is None else self._form.columns_of(cells)

    def _is_one(self, line: bytes) -> bool:
        """Whether a line inside of quotes could be a row by itself: then the quotes are wrong.

        One with another number of cells could be a broken one, if it has no more than an address
        where addresses stand.
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
        return (cell for name, cell in pairs if self._form.is_address(name))


class _Lines:
    """Lines as text for the reader of CSV, remembering what the current row is made of.

    The reader takes no exception from here and goes on: so what is wrong with a line is noted.
    """

    def __init__(self, content: Content) -> None:
        self._lines = lines_of(content)
        self._taken: list[bytes] = []
        self._size = 0
        self._fault: tuple[Fault, str] | None = None
        self.is_open = False
        """Whether the row that was taken had to be given up within a quote."""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._size > LONGEST_ROW:
            self.is_open = True
            raise StopIteration  # for this row: the next one is asked for again
        line = next(self._lines) + b"\n"
        self._taken.append(line)
        self._size += len(line)
        if self._size > LONGEST_ROW:
            self._fault = Fault.TOO_LONG, TOO_LONG
        try:
            return line.decode()
        except UnicodeDecodeError:
            self._fault = self._fault or (Fault.UNREADABLE, _NOT_UTF8)
            return line.decode(errors="replace")

    def take(self) -> tuple[Sequence[bytes], tuple[Fault, str] | None]:
        """The lines of the row that was read, and what is wrong with them."""
        taken, fault = self._taken, self._fault
        self._taken, self._size, self._fault = [], 0, None
        return taken, fault

    def to_the_closing_quote(self) -> Iterator[bytes]:
        """What follows of a row that was given up."""
        self.is_open = False
        for line in self._lines:
            yield line
            if not _stays_open(line):
                return


def _stays_open(line: bytes) -> bool:
    """Whether a line that begins within a quote ends within one."""
    try:
        next(csv.reader(['"' + line.decode(errors="replace") + "\n"], strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _line_by_line(fault: Fault, detail: str, lines: Iterable[bytes]) -> Iterator[Row]:
    for line in lines:
        if line.strip():
            yield UnreadableRow(fault, detail, shown(line))
            detail = _BEHIND_A_QUOTE


def _separator(content: Content, form: CsvForm) -> str:
    """The one by which the first line names addresses, or else the usual one."""
    line = next(filter(None, map(bytes.strip, content.beginning.splitlines())), b"")
    names = ((each, _split(line, each)) for each in form.separators)
    return next((each for each, split in names if any(map(form.is_address, split))), ",")


def _split(line: bytes, separator: str) -> Sequence[str]:
    try:
        cells = next(csv.reader([line.decode(errors="replace")], delimiter=separator), [])
    except csv.Error:
        return ()
    return [cell.strip() for cell in cells]


def _read_header(
    reader: Iterator[list[str]], lines: _Lines, content: Content, form: CsvForm
) -> Sequence[str] | None:
    """The names of the columns; None for a file without lines."""
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
    if not any(map(form.is_address, header)):
        raise BrokenFile(_without_addresses(content, taken[-1], header, form))
    if fault is not None:
        raise BrokenFile("cannot be read: its first line is not in UTF-8")
    named = [name for name in header if name]
    if len(set(named)) < len(named):
        raise BrokenFile("cannot be read: its first line names a column twice")
    return header


def _without_addresses(content: Content, line: bytes, header: Sequence[str], form: CsvForm) -> str:
    """Why the first line names no column of addresses, as far as it can be told."""
    told = describe_non_rows(content.beginning)
    if told is not None:
        return told
    if content.beginning.lstrip()[:1] in {b"{", b"["}:
        return "is JSON, and not CSV as its name or --format says"
    reason = "cannot be read: its first line names no column email"
    for separator, name in _SEPARATORS.items():
        if any(map(form.is_address, _split(line, separator))):
            return f"{reason}: its cells are separated by {name}, save it with commas"
    if any("@" in name for name in header):  # it is a row, and its cells are nobody else's to see
        return f"{reason}, but is a row itself"
    names = join_columns(header)
    return f"{reason}, but these: {names}" if names.isprintable() and names else reason


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
