"""Queries on sessions."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.counts import rows_changed
from gatepost.features.sessions.models import Session

_PURGE_BATCH = 1000


async def insert(db: AsyncSession, session: Session) -> None:
    db.add(session)
    await db.flush()


async def find(db: AsyncSession, session_id: int) -> Session | None:
    """The session as the database has it now, whatever this transaction has seen before."""
    return await db.get(Session, session_id, populate_existing=True)


async def find_live(db: AsyncSession, session_id: int, now: datetime) -> Session | None:
    return await db.scalar(
        select(Session).where(
            Session.id == session_id, Session.ended_at.is_(None), Session.expires_at > now
        )
    )


async def spend_generation(
    db: AsyncSession, session_id: int, generation: int, renewed_at: datetime, expires_at: datetime
) -> bool:
    """Move a live session on to its next generation: of concurrent callers exactly one does.

    It then lasts until `expires_at`, but never past its absolute end.
    """
    result = await db.execute(
        update(Session)
        .where(
            Session.id == session_id,
            Session.generation == generation,
            Session.ended_at.is_(None),
            Session.expires_at > renewed_at,
        )
        .values(
            generation=Session.generation + 1,
            renewed_at=renewed_at,
            expires_at=case(
                (Session.absolute_expires_at < expires_at, Session.absolute_expires_at),
                else_=expires_at,
            ),
        )
        .execution_options(synchronize_session=False)
    )
    return rows_changed(result) == 1


async def list_live(db: AsyncSession, user_id: int, now: datetime) -> Sequence[Session]:
    sessions = await db.scalars(
        select(Session)
        .where(Session.user_id == user_id, Session.ended_at.is_(None), Session.expires_at > now)
        .order_by(Session.id)
    )
    return sessions.all()


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
    over = await db.scalars(
        select(Session.id)
        .where(or_(Session.ended_at < before, Session.expires_at < before))
        .limit(_PURGE_BATCH)
    )
    return rows_changed(await db.execute(delete(Session).where(Session.id.in_(over.all()))))
