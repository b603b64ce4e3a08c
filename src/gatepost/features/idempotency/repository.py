"""Queries on stored answers."""

from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.counts import rows_changed
from gatepost.features.idempotency.models import StoredAnswer

_PURGE_BATCH = 1000


async def find(db: AsyncSession, attempt: str) -> StoredAnswer | None:
    return await db.scalar(select(StoredAnswer).where(StoredAnswer.attempt == attempt))


async def put(
    db: AsyncSession, attempt: str, fingerprint: str, encrypted_answer: bytes, now: datetime
) -> bool:
    """Insert an answer; False if the attempt has one, after which the caller has to roll back.

    Waits for an open transaction that has inserted one.
    """
    await db.flush()  # so that a conflict here is about the answer, and nothing else
    row = {
        "attempt": attempt,
        "fingerprint": fingerprint,
        "encrypted_answer": encrypted_answer,
        "created_at": now,
    }
    try:
        await db.execute(insert(StoredAnswer).values(row))
    except IntegrityError:
        return False
    return True


async def remove(db: AsyncSession, answer_id: int) -> None:
    await db.execute(delete(StoredAnswer).where(StoredAnswer.id == answer_id))


async def delete_before(db: AsyncSession, before: datetime) -> int:
    """Delete a batch of the answers stored before a time, the oldest first; returns how many."""
    over = await db.scalars(
        select(StoredAnswer.id)
        .where(StoredAnswer.created_at <= before)
        .order_by(StoredAnswer.created_at)
        .limit(_PURGE_BATCH)
    )
    if not (ids := over.all()):
        return 0
    return rows_changed(await db.execute(delete(StoredAnswer).where(StoredAnswer.id.in_(ids))))
