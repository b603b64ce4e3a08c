"""Where rows come from: a file in any of a system's formats, a folder of files, or a table."""

import io
import re
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from anyio.from_thread import BlockingPortal, start_blocking_portal
from sqlalchemy.engine import URL

from gatepost.db.foreign_tables import ForeignRow, ForeignTable, UnreadableTable, open_table
from gatepost.files.framing import BrokenFile, Row, csv_rows, json_lines, unpacked
from gatepost.files.json_arrays import json_items
from gatepost.settings import DatabaseSettings, SettingsError

_BOM = b"\xef\xbb\xbf"
_LOOKED_AT = 4096


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the users stand in a system's files.

    In a document that is an array at `array_path`; in one that is an object at `object_path`, or
    without one an object a line. CSV has a line of names unless `csv_columns` gives them.
    """

    array_path: str = "item"
    object_path: str | None = None
    csv_columns: Sequence[str] | None = None


LINES_OR_ARRAY = Shape()
"""An array of users, or one a line."""


def rows_of_file(file: BinaryIO, shape: Shape) -> Iterator[Row]:
    """The rows of an open file; its first character tells the format. Raises `BrokenFile`."""
    content = unpacked(file)
    if not isinstance(content, io.BufferedReader):
        content = io.BufferedReader(cast("io.RawIOBase", content))  # one that cannot be looked into
    if content.peek(len(_BOM)).startswith(_BOM):
        content.read(len(_BOM))
    beginning = content.peek(_LOOKED_AT).lstrip()[:1]
    if beginning == b"[":
        return json_items(content, shape.array_path)
    if beginning == b"{":
        path = shape.object_path
        return json_lines(content) if path is None else json_items(content, path)
    return csv_rows(content, columns=shape.csv_columns)


def rows_of_folder(folder: Path, shape: Shape) -> Iterator[Row]:
    """The rows of all JSON files in a folder, users-2 before users-10; raises `BrokenFile`."""
    files = sorted(folder.glob("*.json"), key=lambda path: _by_number(path.name))
    if not files:
        raise BrokenFile("has no JSON file in it")
    for path in files:
        with path.open("rb") as file:
            yield from rows_of_file(file, shape)


@contextmanager
def rows_of_table(
    url: str, wanted: ForeignTable, columns: Collection[str]
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
        yield _rows_of(portal, batches)


def _rows_of(portal: BlockingPortal, batches: AsyncIterator[list[ForeignRow]]) -> Iterator[Row]:
    with _telling_what_is_unreadable(), suppress(StopAsyncIteration):
        while True:
            yield from portal.call(batches.__anext__)


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
