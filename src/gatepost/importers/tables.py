"""Reads the rows of another system's table."""

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from anyio.from_thread import BlockingPortal, start_blocking_portal
from pydantic_core import PydanticCustomError
from sqlalchemy.engine import URL

from gatepost.db.foreign_tables import ForeignRow, ForeignTable, UnreadableTable, open_table
from gatepost.files.rows import BrokenFile, ByteCounter, Row
from gatepost.settings.database_url import read_database_url


@contextmanager
def open_table_rows(
    url: str, table: ForeignTable, columns: Collection[str], bytes_read: ByteCounter
) -> Iterator[Iterator[Row]]:
    """The rows of a table, as an iterator for any thread; raises `BrokenFile`.

    The connection has its own event loop, in a thread of its own.
    """
    address = _parse_url(url)
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        opening = portal.wrap_async_context_manager(open_table(address, table, columns))
        with _as_broken_file():
            batches = stack.enter_context(opening)
        yield _rows(portal, batches, bytes_read)


def _rows(
    portal: BlockingPortal, batches: AsyncIterator[list[ForeignRow]], bytes_read: ByteCounter
) -> Iterator[Row]:
    with _as_broken_file(), suppress(StopAsyncIteration):
        while True:
            for row in portal.call(batches.__anext__):
                texts = (value for value in row.values() if isinstance(value, str))
                bytes_read.count += sum(map(len, texts))
                yield row


@contextmanager
def _as_broken_file() -> Iterator[None]:
    try:
        yield
    except UnreadableTable as unreadable:
        raise BrokenFile(f"cannot be read: {unreadable}") from None


def _parse_url(url: str) -> URL:
    try:
        address = read_database_url(url)
    except PydanticCustomError as error:
        raise BrokenFile("{message}. {advice}".format(**(error.context or {}))) from None
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        raise BrokenFile("is not a file")  # connecting would create it
    return address
