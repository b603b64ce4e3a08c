"""Queries on sessions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Table,
    and_,
    bindparam,
    case,
    column,
    delete,
    func,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy import cast as cast_to
from sqlalchemy import insert as insert_into
from sqlalchemy.dialects.postgresql import ARRAY, REGCLASS
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.autocommit import AutocommitExecutor, Condition, Insertion, OpenDb
from gatepost.db.counts import rows_changed
from gatepost.db.paging import Page, PageRequest, fetch_oldest
from gatepost.features.sessions.models import Generation, Login, Session

_PURGE_BATCH = 1000
_RESERVED_AT_ONCE = 32

_SESSIONS = cast("Table", Session.__table__)
_GENERATION = tuple(_SESSIONS.c[name] for name in Generation._fields)
_UNTIL = bindparam("until", type_=_SESSIONS.c.expires_at.type)


class Spending(NamedTuple):
    """A session's generation to be spent at a time.

    The session then lasts until another, but never past its absolute end.
    """

    of_session: int
    of_user: int
    spent: int
    at: datetime
    until: datetime


# Made once, so that a refresh only fills in the values: those of a `Spending`, by name.
_SPEND = (
    update(_SESSIONS)
    .where(
        _SESSIONS.c.id == bindparam("of_session"),
        _SESSIONS.c.user_id == bindparam("of_user"),
        _SESSIONS.c.generation == bindparam("spent"),
        _SESSIONS.c.ended_at.is_(None),
        _SESSIONS.c.expires_at > bindparam("at"),
    )
    .values(
        generation=_SESSIONS.c.generation + 1,
        renewed_at=bindparam("at"),
        expires_at=case(
            (_SESSIONS.c.absolute_expires_at < _UNTIL, _SESSIONS.c.absolute_expires_at),
            else_=_UNTIL,
        ),
    )
)
# The same of many sessions, in arrays. What somebody else has locked is left out, so that nobody
# waits for strangers: it is asked for once more, alone.
_ASKED = (
    func.unnest(
        bindparam("of_session", type_=ARRAY(_SESSIONS.c.id.type)),
        bindparam("of_user", type_=ARRAY(_SESSIONS.c.user_id.type)),
        bindparam("spent", type_=ARRAY(_SESSIONS.c.generation.type)),
        bindparam("at", type_=ARRAY(_SESSIONS.c.renewed_at.type)),
        bindparam("until", type_=ARRAY(_SESSIONS.c.expires_at.type)),
    )
    .table_valued(*(column(name) for name in Spending._fields))
    .render_derived(name="asked")
)
_READY = (
    select(_SESSIONS.c.id, *_ASKED.c)
    .join(_ASKED, _SESSIONS.c.id == _ASKED.c.of_session)
    .where(
        _SESSIONS.c.user_id == _ASKED.c.of_user,
        _SESSIONS.c.generation == _ASKED.c.spent,
        _SESSIONS.c.ended_at.is_(None),
        _SESSIONS.c.expires_at > _ASKED.c.at,
    )
    .order_by(_SESSIONS.c.id)
    .with_for_update(of=_SESSIONS, skip_locked=True, key_share=True)
    .subquery("ready")
)
_SPEND_MANY = (
    update(_SESSIONS)
    .where(_SESSIONS.c.id == _READY.c.id, _SESSIONS.c.generation == _READY.c.spent)
    .values(
        generation=_SESSIONS.c.generation + 1,
        renewed_at=_READY.c.at,
        expires_at=func.least(_SESSIONS.c.absolute_expires_at, _READY.c.until),
    )
    .returning(*_GENERATION)
)
_INSERT = insert_into(_SESSIONS)
_NEXT_ID = func.nextval(cast_to(func.pg_get_serial_sequence(Session.__tablename__, "id"), REGCLASS))
_RESERVED = select(func.array_agg(_NEXT_ID)).select_from(func.generate_series(1, _RESERVED_AT_ONCE))
_SPEND_AND_RETURN = _SPEND.returning(*_GENERATION)
_LOGIN = select(*(_SESSIONS.c[name] for name in Login._fields)).where(
    _SESSIONS.c.id == bindparam("of_session"),
    _SESSIONS.c.ended_at.is_(None),
    _SESSIONS.c.expires_at > bindparam("at"),
)
_FEW_ARE_LIVE = not_(
    select(_SESSIONS.c.id)
    .where(
        _SESSIONS.c.user_id == bindparam("of_user"),
        _SESSIONS.c.ended_at.is_(None),
        _SESSIONS.c.expires_at > bindparam("at_login"),
    )
    .offset(bindparam("most_live"))
    .exists()
)
_RETURN = select(*_GENERATION).where(_SESSIONS.c.id == bindparam("of_session"))


async def insert(db: AsyncSession, values: Mapping[str, Any]) -> int:
    """Insert a session with values for all columns but its id, which is returned."""
    result = await db.execute(_INSERT, values)
    assert isinstance(result, CursorResult)  # noqa: S101 - what an insert gives
    key = result.inserted_primary_key
    assert key is not None  # noqa: S101 - one row was inserted
    return int(key[0])


def insertion(session_id: int, values: Mapping[str, Any]) -> Insertion:
    """The same under an id that was reserved, in one statement with others."""
    return Insertion(_SESSIONS, {"id": session_id, **values})


async def reserve_ids(open_db: OpenDb, lone: AutocommitExecutor) -> Sequence[int]:
    """Ids that no other session will have, of which a login takes one at a time."""
    row = await lone.first(open_db, _RESERVED, {})
    return [] if row is None else list(row[0])


async def find(db: AsyncSession, session_id: int) -> Session | None:
    """The session as the database has it now, whatever this transaction has seen before."""
    return await db.get(Session, session_id, populate_existing=True)


async def find_login(
    open_db: OpenDb, lone: AutocommitExecutor, session_id: int, now: datetime
) -> Login | None:
    """Who is calling, if the session is live."""
    row = await lone.first(open_db, _LOGIN, {"of_session": session_id, "at": now})
    return None if row is None else Login(*row)


async def find_live(db: AsyncSession, session_id: int, now: datetime) -> Session | None:
    return await db.scalar(
        select(Session).where(
            Session.id == session_id, Session.ended_at.is_(None), Session.expires_at > now
        )
    )


async def spend_generation(
    open_db: OpenDb, lone: AutocommitExecutor, spending: Spending
) -> Generation | None:
    """Move a live session on to its next generation: of concurrent callers exactly one does.

    None for all the others.
    """
    if lone.is_direct:
        row = await lone.first_together(_SPEND_MANY, Spending._fields, spending)
        if row is not None:
            return Generation(*row)
    values = spending._asdict()
    if lone.dialect.update_returning:
        row = await lone.first(open_db, _SPEND_AND_RETURN, values)
    else:
        db = open_db()
        result = await db.execute(_SPEND, values)
        row = (await db.execute(_RETURN, values)).first() if rows_changed(result) else None
    return None if row is None else Generation(*row)


async def list_live(
    db: AsyncSession, user_id: int, now: datetime, page: PageRequest
) -> Page[Session]:
    # Ordered by what is always null here, too: so the rows come as they stand in the index.
    query = select(Session).where(*_live(user_id, now)).order_by(Session.ended_at)
    return await fetch_oldest(db, query, Session.created_at, Session.id, page)


def few_are_live(most: int, now: datetime) -> Condition:
    """The condition that the user `of_user` has so many live sessions at most."""
    return Condition(_FEW_ARE_LIVE, {"most_live": most, "at_login": now})


async def end_oldest(db: AsyncSession, user_id: int, now: datetime, *, but: int) -> tuple[int, int]:
    """End a user's oldest live sessions, all but so many; returns how many, and the last one's id.

    The caller holds the user's row locked.
    """
    newest_first = (Session.ended_at.desc(), Session.created_at.desc(), Session.id.desc())
    query = select(Session.created_at, Session.id).where(*_live(user_id, now))
    last = (await db.execute(query.order_by(*newest_first).offset(but).limit(1))).first()
    if last is None:
        return 0, 0
    is_older = or_(
        Session.created_at < last.created_at,
        and_(Session.created_at == last.created_at, Session.id <= last.id),
    )
    query_of_older = update(Session).where(*_live(user_id, now), is_older)
    ended = await db.execute(
        query_of_older.values(ended_at=now).execution_options(synchronize_session=False)
    )
    return rows_changed(ended), last.id


def _live(user_id: int, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Session.user_id == user_id, Session.ended_at.is_(None), Session.expires_at > now


async def end(db: AsyncSession, session_id: int, now: datetime) -> bool:
    """End one session; False if it had ended."""
    result = await db.execute(
        update(Session)
        .where(Session.id == session_id, Session.ended_at.is_(None))
        .values(ended_at=now)
    )
    return rows_changed(result) == 1


async def end_of_user(db: AsyncSession, user_id: int, session_id: int, now: datetime) -> bool:
    """End one session if it is this user's; False if it is not, or had ended."""
    result = await db.execute(
        update(Session)
        .where(
            Session.id == session_id,
            Session.user_id == user_id,
            Session.ended_at.is_(None),
            Session.expires_at > now,
        )
        .values(ended_at=now)
    )
    return rows_changed(result) == 1


async def end_all(db: AsyncSession, user_id: int, now: datetime, *, but: int | None = None) -> int:
    """End every session of a user, but perhaps one; returns how many."""
    query = update(Session).where(Session.user_id == user_id, Session.ended_at.is_(None))
    if but is not None:
        query = query.where(Session.id != but)
    return rows_changed(await db.execute(query.values(ended_at=now)))


async def change_role(db: AsyncSession, user_id: int, role: str) -> None:
    await db.execute(
        update(Session)
        .where(Session.user_id == user_id, Session.ended_at.is_(None))
        .values(role=role)
    )


async def delete_over(db: AsyncSession, before: datetime) -> int:
    """Delete one batch of sessions that ended or expired before a time; returns how many."""
    for over_at in (Session.expires_at, Session.ended_at):  # each along an index of its own
        query = select(Session.id).where(over_at < before).order_by(over_at).limit(_PURGE_BATCH)
        if ids := (await db.scalars(query)).all():
            return rows_changed(await db.execute(delete(Session).where(Session.id.in_(ids))))
    return 0
