"""Reads the rows of a system's export: a file in any of its formats, or a folder of files."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gatepost.files.content import describe_non_rows, open_content
from gatepost.files.csv_files import ColumnsOf, CsvForm, csv_rows
from gatepost.files.json_arrays import json_items
from gatepost.files.lines import json_lines
from gatepost.files.rows import BrokenFile, ByteCounter, Row


@dataclass(frozen=True, slots=True)
class FileLayout:
    """The place of the users in a system's files.

    A JSON document that is an array has them at `array_path`; one that is an object at
    `object_path`, or if that is None, one object per line. CSV has a header line, unless
    `columns_of` names the columns.
    """

    array_path: str = "item"
    object_path: str | None = None
    separators: str = ","
    columns_of: ColumnsOf | None = None


LINES_OR_ARRAY = FileLayout()
"""JSON Lines, an array of users, or CSV with a header line."""


@dataclass(frozen=True, slots=True)
class FileReader:
    """Reads files of one layout, and counts their bytes."""

    layout: FileLayout
    is_email_column: Callable[[str], bool]
    bytes_read: ByteCounter

    def read_file(self, file: BinaryIO) -> Iterator[Row]:
        """The rows of an open file, whose first character decides the format.

        Raises `BrokenFile`.
        """
        return self._read(file, needs_array=True)

    def read_folder(self, folder: Path) -> Iterator[Row]:
        """The rows of all JSON files in a folder, users-2 before users-10; raises `BrokenFile`."""
        paths = sorted(folder.glob("*.json"), key=lambda path: _natural_order(path.name))
        if not paths:
            raise BrokenFile("has no JSON file in it")
        for path in paths:
            with path.open("rb") as file:
                yield from self._read(file, needs_array=False)

    def _read(self, file: BinaryIO, *, needs_array: bool) -> Iterator[Row]:
        content, layout = open_content(file, self.bytes_read), self.layout
        first = content.beginning.lstrip()[:1]
        if first == b"[":
            return json_items(content, layout.array_path, needs_array=needs_array)
        if first == b"{" and layout.object_path is not None:
            return json_items(content, layout.object_path, needs_array=needs_array)
        if first == b"{":
            return json_lines(content)
        reason = describe_non_rows(content.beginning) if first else "is empty"
        if reason is not None:
            raise BrokenFile(reason)
        form = CsvForm(self.is_email_column, layout.separators, layout.columns_of)
        return csv_rows(content, form)


def _natural_order(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
