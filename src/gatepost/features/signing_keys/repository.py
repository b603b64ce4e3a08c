"""Queries on the key ring."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.counts import rows_changed
from gatepost.features.signing_keys.models import StoredKey


async def list_live(db: AsyncSession, now: datetime) -> Sequence[StoredKey]:
    """Every key that may still verify, the newest first."""
    keys = await db.scalars(
        select(StoredKey)
        .where(or_(StoredKey.retires_at.is_(None), StoredKey.retires_at > now))
        .order_by(StoredKey.id.desc())
    )
    return keys.all()


async def list_all(db: AsyncSession) -> Sequence[StoredKey]:
    return (await db.scalars(select(StoredKey).order_by(StoredKey.id.desc()))).all()


async def insert(db: AsyncSession, key: StoredKey) -> None:
    db.add(key)
    await db.flush()


async def retire_others(db: AsyncSession, kept_id: int, retires_at: datetime) -> None:
    """Retire all keys but one at a time; keys that retire sooner are left as they are."""
    await db.execute(
        update(StoredKey)
        .where(StoredKey.id != kept_id, StoredKey.retires_at.is_(None))
        .values(retires_at=retires_at)
    )


async def delete_retired(db: AsyncSession, before: datetime) -> int:
    result = await db.execute(delete(StoredKey).where(StoredKey.retires_at < before))
    return rows_changed(result)
