"""Queries on sessions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    bindparam,
    case,
    column,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.counts import rows_changed
from gatepost.db.paging import Page, PageRequest, fetch_oldest
from gatepost.db.statements import Batched, Clause, Row, columns_of
from gatepost.db.unit_of_work import UnitOfWork
from gatepost.features.sessions.models import LiveSession, Session, TokenBasis

_PURGE_BATCH = 1000

_SESSIONS = cast("Table", Session.__table__)
_TOKEN_BASIS = columns_of(Session, TokenBasis)
_UNTIL = bindparam("until", type_=_SESSIONS.c.expires_at.type)


class Rotation(NamedTuple):
    """The use of a session's refresh token, of generation `used`, at a time.

    The session then lasts until `until`, but never past its absolute end.
    """

    of_session: int
    of_user: int
    used: int
    at: datetime
    until: datetime


# Built once: a refresh only binds the values, which are those of a `Rotation`, by name.
_ROTATE = (
    update(_SESSIONS)
    .where(
        _SESSIONS.c.id == bindparam("of_session"),
        _SESSIONS.c.user_id == bindparam("of_user"),
        _SESSIONS.c.generation == bindparam("used"),
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
# The same for many sessions, as arrays. Locked rows are skipped, so that no request waits for
# another session's lock; a skipped request is then executed on its own.
_ASKED = (
    func.unnest(
        bindparam("of_session", type_=ARRAY(_SESSIONS.c.id.type)),
        bindparam("of_user", type_=ARRAY(_SESSIONS.c.user_id.type)),
        bindparam("used", type_=ARRAY(_SESSIONS.c.generation.type)),
        bindparam("at", type_=ARRAY(_SESSIONS.c.renewed_at.type)),
        bindparam("until", type_=ARRAY(_SESSIONS.c.expires_at.type)),
    )
    .table_valued(*(column(name) for name in Rotation._fields))
    .render_derived(name="asked")
)
_READY = (
    select(_SESSIONS.c.id, *_ASKED.c)
    .join(_ASKED, _SESSIONS.c.id == _ASKED.c.of_session)
    .where(
        _SESSIONS.c.user_id == _ASKED.c.of_user,
        _SESSIONS.c.generation == _ASKED.c.used,
        _SESSIONS.c.ended_at.is_(None),
        _SESSIONS.c.expires_at > _ASKED.c.at,
    )
    .order_by(_SESSIONS.c.id)
    .with_for_update(of=_SESSIONS, skip_locked=True, key_share=True)
    .subquery("ready")
)
_ROTATE_MANY = (
    update(_SESSIONS)
    .where(_SESSIONS.c.id == _READY.c.id, _SESSIONS.c.generation == _READY.c.used)
    .values(
        generation=_SESSIONS.c.generation + 1,
        renewed_at=_READY.c.at,
        expires_at=func.least(_SESSIONS.c.absolute_expires_at, _READY.c.until),
    )
    .returning(*_TOKEN_BASIS)
)
_ROTATE_AND_RETURN = Batched(_ROTATE.returning(*_TOKEN_BASIS), _ROTATE_MANY, Rotation._fields)
_RETURN = select(*_TOKEN_BASIS).where(_SESSIONS.c.id == bindparam("of_session"))
_LIVE = select(*columns_of(Session, LiveSession)).where(
    _SESSIONS.c.id == bindparam("of_session"),
    _SESSIONS.c.ended_at.is_(None),
    _SESSIONS.c.expires_at > bindparam("at"),
)
# Counted in a separate subquery, which does not read the locked row of the user in any database.
_HAS_ROOM = (
    select(func.count())
    .select_from(_SESSIONS)
    .where(
        _SESSIONS.c.user_id == bindparam("of_user"),
        _SESSIONS.c.ended_at.is_(None),
        _SESSIONS.c.expires_at > bindparam("at_login"),
    )
    .scalar_subquery()
) <= bindparam("most_live")


def row_of(values: Mapping[str, Any]) -> Row:
    """A session to insert, with values for all columns."""
    return Row(_SESSIONS, values)


async def find(db: AsyncSession, session_id: int) -> Session | None:
    """The session, read anew even if this transaction has loaded it before."""
    return await db.get(Session, session_id, populate_existing=True)


async def find_live(work: UnitOfWork, session_id: int) -> LiveSession | None:
    """The session, if it is live."""
    row = await work.fetch_one(_LIVE, {"of_session": session_id, "at": work.now})
    return None if row is None else LiveSession(*row)


async def rotate(work: UnitOfWork, rotation: Rotation) -> TokenBasis | None:
    """Advance a live session to its next generation; None if another caller was first."""
    values = rotation._asdict()
    if work.updates_return_rows:
        row = await work.fetch_one(_ROTATE_AND_RETURN, values)
    else:
        result = await work.db.execute(_ROTATE, values)
        row = (await work.db.execute(_RETURN, values)).first() if rows_changed(result) else None
    return None if row is None else TokenBasis(*row)


async def list_live(
    db: AsyncSession, user_id: int, now: datetime, page: PageRequest
) -> Page[Session]:
    # Ordered by `ended_at`, too, which is always null here, so that the index gives the order.
    query = select(Session).where(*_live(user_id, now)).order_by(Session.ended_at)
    return await fetch_oldest(db, query, Session.created_at, Session.id, page)


def has_room(user_id: int, most: int, now: datetime) -> Clause:
    """The clause that a user has at most `most` live sessions."""
    return Clause(_HAS_ROOM, {"of_user": user_id, "most_live": most, "at_login": now})


async def end_oldest(db: AsyncSession, user_id: int, now: datetime, *, but: int) -> tuple[int, int]:
    """End all but the newest `but` of a user's live sessions; returns how many, and the last id.

    The caller has locked the user's row.
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
    """End a session; False if it had ended already."""
    result = await db.execute(
        update(Session)
        .where(Session.id == session_id, Session.ended_at.is_(None))
        .values(ended_at=now)
    )
    return rows_changed(result) == 1


async def end_of_user(db: AsyncSession, user_id: int, session_id: int, now: datetime) -> bool:
    """End a session of this user; False if it is not theirs, or had ended already."""
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
    """End all sessions of a user, except the session `but`; returns how many."""
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
    """Delete a batch of the sessions that ended or expired before a time; returns how many."""
    for over_at in (Session.expires_at, Session.ended_at):  # each uses its own index
        query = select(Session.id).where(over_at < before).order_by(over_at).limit(_PURGE_BATCH)
        if ids := (await db.scalars(query)).all():
            return rows_changed(await db.execute(delete(Session).where(Session.id.in_(ids))))
    return 0
