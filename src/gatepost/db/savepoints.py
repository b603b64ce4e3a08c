"""Writes that a unique key may refuse, each within a savepoint: what came before stays written."""

from collections.abc import Awaitable, Callable

from asyncpg.exceptions import UniqueViolationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession


async def unless_taken(db: AsyncSession, write: Callable[[], Awaitable[object]]) -> bool:
    """Write, and tell whether it is written: not if a key is taken, and then the transaction lives.

    All that `write` adds is flushed. Raises any other failure as it is: after a deadlock, which may
    have rolled back the whole transaction, nothing may follow but `work.rollback_and_release`.
    """
    try:
        async with db.begin_nested():
            await write()
            await db.flush()
    except (IntegrityError, UniqueViolationError):
        return False
    return True


async def add_unless_taken(db: AsyncSession, row: object) -> bool:
    """The same for one row."""

    async def add() -> None:
        db.add(row)

    return await unless_taken(db, add)
