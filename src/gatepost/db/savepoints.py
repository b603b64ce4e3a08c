"""Writes inside savepoints, so that a violated unique key does not undo the transaction."""

from collections.abc import Awaitable, Callable

from asyncpg.exceptions import UniqueViolationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession


async def unless_taken(db: AsyncSession, write: Callable[[], Awaitable[object]]) -> bool:
    """Run `write` in a savepoint, and flush; False, with nothing written, if a key is taken.

    The transaction goes on in both cases. Raises any other error: after a deadlock, which may have
    rolled back the whole transaction, call `work.rollback_and_release`.
    """
    try:
        async with db.begin_nested():
            await write()
            await db.flush()
    except (IntegrityError, UniqueViolationError):
        return False
    return True


async def add_unless_taken(db: AsyncSession, row: object) -> bool:
    """Add one row, as `unless_taken`."""

    async def add() -> None:
        db.add(row)

    return await unless_taken(db, add)
