"""Keyset pagination, which costs the same on every page."""

import base64
import binascii
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from gatepost.client.ids import LARGEST_ID
from gatepost.db.statements import Values
from gatepost.db.unit_of_work import UnitOfWork
from gatepost.errors import ValidationFailed

Row = TypeVar("Row")

_FIRST_SURROGATE, _LAST_SURROGATE = 0xD800, 0xDFFF
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BEFORE, _SINCE, _BEFORE_ROW = "before", "since", "row"
"""Prefixes of the cursors of lists by time, so that a cursor of one order is refused in another."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The page to fetch: at most `limit` rows after the row of `cursor`."""

    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows in order, and the cursor of the next page; None on the last page."""

    rows: Sequence[Row]
    next_cursor: str | None


class PageStatement(Generic[Row]):
    """A statement for pages in ascending order of `key`; create it once per process.

    `query` selects the fields of `row`, a `NamedTuple` with a field for the key.
    """

    def __init__(
        self, query: Select[Any], *, key: InstrumentedAttribute[int], row: Callable[..., Row]
    ) -> None:
        self._row = row
        self._key = key.key
        self._first = query.order_by(key).limit(bindparam("page_limit"))
        self._next = self._first.where(key > bindparam("page_after"))

    async def fetch(self, work: UnitOfWork, values: Values, page: PageRequest) -> Page[Row]:
        """Fetch one page; raises `ValidationFailed` for an invalid cursor."""
        statement, limits = self._first, {"page_limit": page.limit + 1}
        if page.cursor is not None:
            statement, limits["page_after"] = self._next, decode_cursor(page.cursor)
        found = await work.fetch_all(statement, {**values, **limits})
        rows = [self._row(*each) for each in found[: page.limit]]
        if len(found) <= page.limit:
            return Page(rows, None)
        return Page(rows, encode_cursor(getattr(rows[-1], self._key)))


async def fetch_page(
    db: AsyncSession,
    query: Select[Row],
    key: InstrumentedAttribute[int],
    page: PageRequest,
) -> Page[Row]:
    """Fetch one page in ascending order of `key`; raises as `PageStatement.fetch`."""
    if page.cursor is not None:
        query = query.where(key > decode_cursor(page.cursor))
    rows: list[Any] = list(await db.scalars(query.order_by(key).limit(page.limit + 1)))
    if len(rows) <= page.limit:
        return Page(rows, None)
    rows = rows[: page.limit]
    return Page(rows, encode_cursor(getattr(rows[-1], key.key)))


async def fetch_newest(
    db: AsyncSession,
    query: Select[Row],
    at: InstrumentedAttribute[datetime],
    key: InstrumentedAttribute[int],
    page: PageRequest,
    read: Callable[[AsyncSession, Select[Row]], Awaitable[list[Row]]],
) -> Page[Row]:
    """Fetch one page in descending order of `at`, then `key`; raises as `PageStatement.fetch`.

    `read` executes the query. If the time of the last row differs from the stored one, because that
    cannot be read, the cursor contains the row's key only.
    """
    if page.cursor is not None:
        query = query.where(_is_before(page.cursor, at, key))
    rows = await read(db, query.order_by(at.desc(), key.desc()).limit(page.limit + 1))
    if len(rows) <= page.limit:
        return Page(rows, None)
    rows = rows[: page.limit]
    return Page(rows, await _cursor_before(db, at, key, rows[-1]))


def _is_before(
    cursor: str, at: InstrumentedAttribute[datetime], key: InstrumentedAttribute[int]
) -> ColumnElement[bool]:
    before_at: Any
    before_key = _decode_cursor_of_row(cursor)
    if before_key is None:
        before_at, before_key = decode_cursor_of_time(cursor, _BEFORE)
    else:
        # Aliased: else SQLAlchemy correlates it with the table of the outer query.
        row = aliased(at.class_)
        its_at, its_key = getattr(row, at.key), getattr(row, key.key)
        before_at = select(its_at).where(its_key == before_key).scalar_subquery()
    # Not a row comparison: MariaDB uses no index for `(at, key) < (?, ?)`.
    return and_(at <= before_at, or_(at < before_at, key < before_key))


async def _cursor_before(
    db: AsyncSession,
    at: InstrumentedAttribute[datetime],
    key: InstrumentedAttribute[int],
    row: object,
) -> str:
    its_at, its_key = getattr(row, at.key), getattr(row, key.key)
    is_exact = its_at is not None and await db.scalar(
        select(key).where(key == its_key, at == its_at)
    )
    return encode_cursor_of_time(its_at, its_key, _BEFORE) if is_exact else _cursor_of_row(its_key)


async def fetch_oldest(
    db: AsyncSession,
    query: Select[Row],
    at: InstrumentedAttribute[datetime],
    key: InstrumentedAttribute[int],
    page: PageRequest,
) -> Page[Row]:
    """Fetch one page in ascending order of `at`, then `key`; raises as `PageStatement.fetch`."""
    if page.cursor is not None:
        after_at, after_key = decode_cursor_of_time(page.cursor, _SINCE)
        query = query.where(and_(at >= after_at, or_(at > after_at, key > after_key)))
    return await _fetch_by_time(db, query.order_by(at, key), (at, key), _SINCE, page)


async def _fetch_by_time(
    db: AsyncSession,
    query: Select[Row],
    columns: tuple[InstrumentedAttribute[datetime], InstrumentedAttribute[int]],
    direction: str,
    page: PageRequest,
) -> Page[Row]:
    rows: list[Any] = list(await db.scalars(query.limit(page.limit + 1)))
    if len(rows) <= page.limit:
        return Page(rows, None)
    rows = rows[: page.limit]
    at, key = (getattr(rows[-1], column.key) for column in columns)
    return Page(rows, encode_cursor_of_time(at, key, direction))


async def fetch_beginning_with(
    db: AsyncSession,
    query: Select[Row],
    filters: Sequence[ColumnElement[bool]],
    keys: Sequence[InstrumentedAttribute[Any]],
    prefix: str,
    page: PageRequest,
) -> Page[Row]:
    """Fetch one page of the rows with a key that begins with `prefix`, ordered by that key.

    Each row is found once, by the lowest of its matching keys. Each key is searched by its own
    index, because one query with an OR would sort all matching rows. No text may be in two keys.
    Raises as `PageStatement.fetch`.
    """
    after = "" if page.cursor is None else decode_cursor_of_text(page.cursor)
    if db.get_bind().dialect.name == "sqlite":
        # It has no statistics, and would collect and sort all rows that match a filter.
        filters = [func.likely(each) for each in filters]
    found: list[tuple[str, Any]] = []
    end = _first_text_after(prefix)
    for key in keys:
        others = [other for other in keys if other is not key]
        is_first = [or_(other.is_(None), other < prefix, other > key) for other in others]
        begins = key > after if after >= prefix else key >= prefix
        ends = [] if end is None else [key < end]
        branch = query.where(begins, *ends, *is_first, *filters)
        rows = await db.scalars(branch.order_by(key).limit(page.limit + 1))
        found += [(getattr(row, key.key), row) for row in rows]
    found.sort(key=itemgetter(0))
    rows_of_page = [row for _, row in found[: page.limit]]
    if len(found) <= page.limit:
        return Page(rows_of_page, None)
    return Page(rows_of_page, encode_cursor_of_text(found[page.limit - 1][0]))


def encode_cursor(key: int) -> str:
    return _encode(f"after:{key}")


def decode_cursor(cursor: str) -> int:
    """Decode a cursor; raises `ValidationFailed` unless `encode_cursor` made it."""
    try:
        key = int(_decode(cursor).removeprefix("after:"))
    except (binascii.Error, UnicodeError, ValueError):
        key = -1
    if not 0 <= key <= LARGEST_ID or encode_cursor(key) != cursor:
        raise _invalid_cursor()
    return key


def encode_cursor_of_time(at: datetime, key: int, direction: str) -> str:
    return _encode(f"{direction}:{(at - _EPOCH) // _MICROSECOND}.{key}")


def decode_cursor_of_time(cursor: str, direction: str) -> tuple[datetime, int]:
    """Decode a cursor; raises `ValidationFailed` as `decode_cursor` does."""
    try:
        instant, _, number = _decode(cursor).removeprefix(f"{direction}:").partition(".")
        at, key = _EPOCH + int(instant) * _MICROSECOND, int(number)
    except (binascii.Error, UnicodeError, ValueError, OverflowError):
        at, key = _EPOCH, -1
    if not 0 <= key <= LARGEST_ID or encode_cursor_of_time(at, key, direction) != cursor:
        raise _invalid_cursor()
    return at, key


def _cursor_of_row(key: int) -> str:
    return _encode(f"{_BEFORE_ROW}:{key}")


def _decode_cursor_of_row(cursor: str) -> int | None:
    """The key in a cursor that contains only a key; None for another cursor."""
    try:
        key = int(_decode(cursor).removeprefix(f"{_BEFORE_ROW}:"))
    except (binascii.Error, UnicodeError, ValueError):
        return None
    return key if 0 <= key <= LARGEST_ID and _cursor_of_row(key) == cursor else None


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    padded = cursor + "=" * (-len(cursor) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True).decode("utf-8")


def encode_cursor_of_text(text: str) -> str:
    return _encode(f"from:{text}")


def decode_cursor_of_text(cursor: str) -> str:
    """Decode a cursor; raises `ValidationFailed` as `decode_cursor` does."""
    try:
        text = _decode(cursor).removeprefix("from:")
    except (binascii.Error, UnicodeError, ValueError):
        text = ""
    if not text or "\0" in text or encode_cursor_of_text(text) != cursor:
        raise _invalid_cursor()
    return text


def _first_text_after(prefix: str) -> str | None:
    """The first text by code points after all texts with this prefix; None if there is none."""
    head = prefix.rstrip(chr(sys.maxunicode))
    if not head:
        return None
    following = ord(head[-1]) + 1
    if following == _FIRST_SURROGATE:  # no database stores surrogates
        following = _LAST_SURROGATE + 1
    return head[:-1] + chr(following)


def _invalid_cursor() -> ValidationFailed:
    return ValidationFailed(
        errors=[
            {
                "loc": ["query", "cursor"],
                "msg": "Use the cursor of a Link header of this list, unchanged.",
                "type": "cursor_invalid",
            }
        ]
    )
