"""Reads files in Gatepost's own format, as `gatepost export-users` writes them."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from gatepost.features.imports.batches import RowSource
from gatepost.features.imports.native_format import COLUMNS, read_native_rows
from gatepost.files.content import Content, describe_non_rows, open_content
from gatepost.files.csv_files import CsvForm, csv_rows
from gatepost.files.formats import Format
from gatepost.files.json_arrays import json_items
from gatepost.files.lines import json_lines
from gatepost.files.rows import (
    BrokenFile,
    ByteCounter,
    Row,
    UnreadableRow,
    join_faults,
    missing_email_column,
    peek,
)

_CSV = CsvForm(is_email_column="email".__eq__)
_ARRAY_OF_OBJECTS = re.compile(rb"\s*\[\s*[{\]]")


def read_native_file(file: BinaryIO, file_format: Format) -> RowSource:
    """The accounts in an open file; raises `BrokenFile`, also while the rows are read."""
    bytes_read = ByteCounter()
    rows = _rows(open_content(file, bytes_read), file_format)
    return RowSource(rows, read_native_rows, COLUMNS.__contains__, bytes_read)


def _rows(content: Content, file_format: Format) -> Iterator[Row]:
    if file_format is Format.CSV:
        return csv_rows(content, _CSV)
    reason = describe_non_rows(content.beginning)
    if reason is not None:
        raise BrokenFile(reason)
    is_array = _ARRAY_OF_OBJECTS.match(content.beginning) is not None
    return _checked(json_items(content, "item") if is_array else json_lines(content))


def _checked(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows; raises `BrokenFile` if none of the first ones is an account."""
    first, rows = peek(rows)
    readable = [row for row in first if not isinstance(row, UnreadableRow)]
    columns = {name for row in readable for name in row}
    if len(first) > 1 and not readable:
        raise BrokenFile(f"has no rows of JSON Lines: {join_faults(first)}")
    if readable and "email" not in columns:
        raise missing_email_column(columns)
    yield from rows
