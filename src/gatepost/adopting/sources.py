"""Where rows come from: a file in any of a system's formats, a folder of files, or a table."""

import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from anyio.from_thread import BlockingPortal, start_blocking_portal
from sqlalchemy.engine import URL

from gatepost.db.foreign_tables import ForeignRow, ForeignTable, UnreadableTable, open_table
from gatepost.files.content import told_by_text, unpacked
from gatepost.files.csv_files import ColumnsOf, CsvForm, csv_rows
from gatepost.files.json_arrays import json_items
from gatepost.files.lines import json_lines
from gatepost.files.rows import BrokenFile, Meter, Row
from gatepost.settings import DatabaseSettings, SettingsError


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the users stand in a system's files.

    In a document that is an array at `array_path`; in one that is an object at `object_path`, or
    without one an object a line. CSV has a line of names unless `columns_of` tells them.
    """

    array_path: str = "item"
    object_path: str | None = None
    separators: str = ","
    columns_of: ColumnsOf | None = None


LINES_OR_ARRAY = Shape()
"""An array of users, or one a line."""


@dataclass(frozen=True, slots=True)
class Source:
    """A system's files: their shape, which names of columns are addresses', and what was read."""

    shape: Shape
    is_address: Callable[[str], bool]
    meter: Meter

    def rows_of_file(self, file: BinaryIO) -> Iterator[Row]:
        """The rows of an open file; its first character tells the format. Raises `BrokenFile`."""
        return self._rows(file, needs_array=True)

    def rows_of_folder(self, folder: Path) -> Iterator[Row]:
        """The rows of all JSON files in a folder, users-2 before users-10; raises `BrokenFile`."""
        files = sorted(folder.glob("*.json"), key=lambda path: _by_number(path.name))
        if not files:
            raise BrokenFile("has no JSON file in it")
        for path in files:
            with path.open("rb") as file:
                yield from self._rows(file, needs_array=False)

    def _rows(self, file: BinaryIO, *, needs_array: bool) -> Iterator[Row]:
        content, shape = unpacked(file, self.meter), self.shape
        first = content.beginning.lstrip()[:1]
        if first == b"[":
            return json_items(content, shape.array_path, needs_array=needs_array)
        if first == b"{" and shape.object_path is not None:
            return json_items(content, shape.object_path, needs_array=needs_array)
        if first == b"{":
            return json_lines(content)
        reason = told_by_text(content.beginning) if first else "is empty"
        if reason is not None:
            raise BrokenFile(reason)
        return csv_rows(content, CsvForm(self.is_address, shape.separators, shape.columns_of))


@contextmanager
def rows_of_table(
    url: str, wanted: ForeignTable, columns: Collection[str], meter: Meter
) -> Iterator[Iterator[Row]]:
    """The rows of a table, for whoever reads them in whatever thread; raises `BrokenFile`.

    The connection lives in an event loop of its own.
    """
    address = _read_url(url)
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        opening = portal.wrap_async_context_manager(open_table(address, wanted, columns))
        with _telling_what_is_unreadable():
            batches = stack.enter_context(opening)
        yield _rows_of(portal, batches, meter)


def _rows_of(
    portal: BlockingPortal, batches: AsyncIterator[list[ForeignRow]], meter: Meter
) -> Iterator[Row]:
    with _telling_what_is_unreadable(), suppress(StopAsyncIteration):
        while True:
            for row in portal.call(batches.__anext__):
                meter.count += sum(len(value) for value in row.values() if isinstance(value, str))
                yield row


@contextmanager
def _telling_what_is_unreadable() -> Iterator[None]:
    try:
        yield
    except UnreadableTable as unreadable:
        raise BrokenFile(f"cannot be read: {unreadable}") from None


def _read_url(url: str) -> URL:
    try:
        address = DatabaseSettings(database_url=url).sqlalchemy_url
    except SettingsError as error:
        reasons = " ".join(f"{problem.message}. {problem.advice}" for problem in error.problems)
        raise BrokenFile(reasons) from None
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        raise BrokenFile("is no file")  # which connecting would make
    return address


def _by_number(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
