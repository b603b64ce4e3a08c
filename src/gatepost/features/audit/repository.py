"""Queries on the audit log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Select, Table, bindparam, delete, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.counts import rows_changed
from gatepost.db.paging import Page, PageRequest, fetch_newest
from gatepost.db.savepoints import add_unless_taken
from gatepost.db.statements import Row
from gatepost.features.audit.filters import EventFilter
from gatepost.features.audit.models import AuditEvent, AuditHead, NewAuditEvent

_HEAD_ID = 1

LARGEST_POSITION = 2**62
"""The largest possible position of a row; only tampering leads beyond it."""

# Errors from reading a tampered value: it is no time, no JSON, no text, or nested too deep.
_UNREADABLE = (
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    OperationalError,
)
_NOT_UTF8 = "Could not decode to UTF-8"
_INSTEAD: Mapping[str, object] = {
    "at": datetime.fromtimestamp(0, UTC),
    "details": {},
    "position": 0,
    "purged_position": 0,
    "rekeyed_position": 0,
}
"""Replacements of unreadable values in columns that are not null; the others get an empty text."""
_NOTHING: Mapping[str, object] = {}
_IN_LISTS: Mapping[str, object] = {"at": None, "actor_id": ""}
"""Replacements in lists, which take precedence: no time, and an actor other than the user."""

_EVENTS = cast("Table", AuditEvent.__table__)


@dataclass(frozen=True, slots=True)
class Place:
    """A row's position in the chain, and its hash if that is to be written."""

    event_id: int
    position: int
    hash: str = ""


def add(db: AsyncSession, entry: NewAuditEvent) -> None:
    """Add the row to the session; it is inserted at the next flush."""
    db.add(AuditEvent(**entry._asdict()))


def row_of(entry: NewAuditEvent) -> Row:
    """The row, to be inserted together with others."""
    return Row(_EVENTS, entry._asdict())


async def list_page(db: AsyncSession, wanted: EventFilter, page: PageRequest) -> Page[AuditEvent]:
    """One page, the newest first. Unreadable values are replaced as `_IN_LISTS` says."""
    read = partial(_read, instead=_IN_LISTS)
    return await fetch_newest(db, _filtered(wanted), AuditEvent.at, AuditEvent.id, page, read)


async def find_head(db: AsyncSession) -> AuditHead | None:
    """The head, read anew from the database."""
    try:
        return await db.get(AuditHead, _HEAD_ID, populate_existing=True)
    except _UNREADABLE as error:
        _raise_unless_unreadable(error)
        return AuditHead(**await _salvage(db, AuditHead, _HEAD_ID))


async def lock_head(db: AsyncSession) -> AuditHead | None:
    """The head, locked until the transaction ends, so that one process at a time advances it."""
    try:
        return await _lock_head(db)
    except _UNREADABLE as error:
        _raise_unless_unreadable(error)
    # Only SQLite gets here, and has one writer. Such a head does not verify, before and after this.
    readable = await _salvage(db, AuditHead, _HEAD_ID)
    await db.execute(update(AuditHead).where(AuditHead.id == _HEAD_ID).values(**readable))
    return await _lock_head(db)


async def insert_head(db: AsyncSession, head: AuditHead) -> bool:
    """Insert the first head; False if another process has inserted one."""
    head.id = _HEAD_ID
    return await add_unless_taken(db, head)


async def find_last(db: AsyncSession) -> Place | None:
    """The place of the last sealed row."""
    return await _first_place(db, _places().order_by(AuditEvent.position.desc()))


async def find_impossible(db: AsyncSession, head_position: int) -> Place | None:
    """The place of a row at an impossible position, which in SQLite may even be a text."""
    query = _places(_is_impossible(head_position))
    return await _first_place(db, query.order_by(AuditEvent.position))


async def find_up_to(db: AsyncSession, position: int) -> Place | None:
    """The place of the first sealed row up to a position."""
    query = _places().where(AuditEvent.position <= position)
    return await _first_place(db, query.order_by(AuditEvent.position))


async def unseal_impossible(db: AsyncSession, head_position: int) -> bool:
    """Unseal all rows at impossible positions; returns whether there were any."""
    result = await db.execute(
        update(AuditEvent)
        .where(_is_impossible(head_position))
        .values(position=None, hash=None)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(result) > 0


async def has_mac_between(db: AsyncSession, first: str, behind_last: str) -> bool:
    """Whether any row's MAC is in this range, without its end."""
    query = select(AuditEvent.id).where(AuditEvent.mac >= first, AuditEvent.mac < behind_last)
    return await db.scalar(query.limit(1)) is not None


async def find_after(db: AsyncSession, position: int) -> Place | None:
    """The place of the next sealed row after a position."""
    query = _places().where(AuditEvent.position > position)
    return await _first_place(db, query.order_by(AuditEvent.position))


async def list_sealed(db: AsyncSession, after: int, up_to: int, limit: int) -> list[AuditEvent]:
    """Sealed rows by position: those after one position, up to another."""
    query = select(AuditEvent).where(AuditEvent.position > after, AuditEvent.position <= up_to)
    return await _read(db, query.order_by(AuditEvent.position).limit(limit))


async def list_unsealed(db: AsyncSession, after_id: int, limit: int) -> list[AuditEvent]:
    """Rows that are not sealed yet, by id."""
    query = select(AuditEvent).where(AuditEvent.position.is_(None), AuditEvent.id > after_id)
    return await _read(db, query.order_by(AuditEvent.id).limit(limit))


async def has_unsealed(db: AsyncSession) -> bool:
    query = select(AuditEvent.id).where(AuditEvent.position.is_(None)).limit(1)
    return await db.scalar(query) is not None


async def seal(db: AsyncSession, places: Sequence[Place]) -> None:
    """Write the rows' positions and hashes."""
    table = AuditEvent.__table__
    await (await db.connection()).execute(
        update(AuditEvent)
        .where(table.c.id == bindparam("event_id"))
        .values(position=bindparam("new_position"), hash=bindparam("new_hash")),
        [
            {"event_id": each.event_id, "new_position": each.position, "new_hash": each.hash}
            for each in places
        ],
    )


async def delete_sealed(db: AsyncSession, up_to: int) -> int:
    """Delete the sealed rows up to a position; returns how many."""
    result = await db.execute(
        delete(AuditEvent)
        .where(AuditEvent.position <= up_to)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(result)


def _filtered(wanted: EventFilter) -> Select[AuditEvent]:
    query = select(AuditEvent)
    if wanted.user_id is not None:
        query = query.where(AuditEvent.user_id == wanted.user_id)
    if wanted.event is not None:
        query = query.where(AuditEvent.event == wanted.event)
    if wanted.outcome is not None:
        query = query.where(AuditEvent.outcome == wanted.outcome.value)
    if wanted.since is not None:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEvent.at < wanted.until)
    return query


def _is_impossible(head_position: int) -> ColumnElement[bool]:
    return AuditEvent.position > max(LARGEST_POSITION, head_position)


def _places(which: ColumnElement[bool] | None = None) -> Select[int]:
    # SQLite allows a text in a column of numbers, and orders it after all numbers.
    possible = AuditEvent.position <= LARGEST_POSITION
    return select(AuditEvent.id).where(possible if which is None else which)


async def _first_place(db: AsyncSession, query: Select[int]) -> Place | None:
    event_id = await db.scalar(query.limit(1))
    if event_id is None:
        return None
    position = await _read_value(db, _EVENTS.c.position, AuditEvent.id == event_id)
    return Place(event_id, cast("int", position))


async def _lock_head(db: AsyncSession) -> AuditHead | None:
    return await db.get(AuditHead, _HEAD_ID, populate_existing=True, with_for_update=True)


async def _read(
    db: AsyncSession, query: Select[AuditEvent], instead: Mapping[str, object] = _NOTHING
) -> list[AuditEvent]:
    """The rows, with unreadable values replaced."""
    try:
        return list(await db.scalars(query))
    except _UNREADABLE as error:
        _raise_unless_unreadable(error)
    ids = (await db.scalars(query.with_only_columns(AuditEvent.id))).all()
    return [await _read_one(db, event_id, instead) for event_id in ids]


async def _read_one(db: AsyncSession, event_id: int, instead: Mapping[str, object]) -> AuditEvent:
    try:
        row = await db.scalar(select(AuditEvent).where(AuditEvent.id == event_id))
    except _UNREADABLE as error:
        _raise_unless_unreadable(error)
        row = None
    return row or AuditEvent(**await _salvage(db, AuditEvent, event_id, instead))


async def _salvage(
    db: AsyncSession,
    model: type[AuditEvent | AuditHead],
    row_id: int,
    instead: Mapping[str, object] = _NOTHING,
) -> dict[str, object]:
    """The values of a partly unreadable row, read column by column.

    The MAC is left out: else the row would verify if a replacement equalled the original value.
    """
    of_row = model.id == row_id
    columns = cast("Table", model.__table__).columns
    values = {column.name: await _read_value(db, column, of_row, instead) for column in columns}
    return values | {"mac": ""}


async def _read_value(
    db: AsyncSession,
    column: Column[Any],
    of_row: ColumnElement[bool],
    instead: Mapping[str, object] = _NOTHING,
) -> object:
    try:
        return await db.scalar(select(column).where(of_row))
    except _UNREADABLE as error:
        _raise_unless_unreadable(error)
        if column.name in instead:
            return instead[column.name]
        return None if column.nullable else _INSTEAD.get(column.name, "")


def _raise_unless_unreadable(error: Exception) -> None:
    """Raise the error again if the database failed: that is no sign of tampering."""
    if isinstance(error, OperationalError) and _NOT_UTF8 not in str(error.orig):
        raise error
