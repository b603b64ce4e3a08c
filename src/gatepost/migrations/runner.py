"""Upgrades and downgrades a database's schema, also when several processes start at once."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatepost.db.diagnosis import was_done_by_another
from gatepost.migrations.exclusive import connect_exclusively
from gatepost.migrations.obstacles import Obstacle, refuse_obstacles
from gatepost.migrations.resuming import MigrationChanged, forget_steps, steps_done
from gatepost.migrations.revisions import (
    UnknownRevision,
    current_revision,
    head_revision,
    is_known,
    read_revision,
)

T = TypeVar("T")

_TRIES = 5
_PAUSE_SECONDS = 1.0
_LOOKS_FOR_PROGRESS = 10
"""Pauses that one statement of another process's migration may take; then it counts as dead."""
_LOOKS_FOR_A_BEGINNING = 2


async def upgrade(engine: AsyncEngine, revision: str = "head") -> bool:
    """Upgrade the schema to a revision; returns False if it was at head already.

    If several processes call this at once, one does the work and the others wait for it, even
    without a common lock, as on two nodes of a cluster. Raises `UnknownRevision` if another version
    of Gatepost made the schema, `Obstacle` before anything is changed, `MigrationBusy`,
    `MigrationChanged`, and the driver's errors.
    """
    if revision == "head" and await _is_at_head(engine):
        return False
    for left in reversed(range(_TRIES)):
        try:
            await _upgrade(engine, revision)
        except (DBAPIError, Obstacle, MigrationChanged) as error:
            if isinstance(error, DBAPIError) and not was_done_by_another(error):
                raise
            if await _is_brought_to_head_by_another(engine):
                break
            if not left or not isinstance(error, DBAPIError):
                raise
        else:
            break
    return True


async def downgrade(engine: AsyncEngine, revision: str = "-1") -> None:
    """Downgrade the schema to a revision; `base` removes all of it. Data of columns is lost.

    Raises `UnknownRevision` as `upgrade` does.
    """
    async with connect_exclusively(engine) as connection:
        await _refuse_unknown(connection)
        await connection.run_sync(lambda c: command.downgrade(_config(c), revision))


async def _upgrade(engine: AsyncEngine, revision: str) -> None:
    async with connect_exclusively(engine) as connection:
        await _refuse_unknown(connection)
        await connection.run_sync(refuse_obstacles)
        await connection.run_sync(lambda c: command.upgrade(_config(c), revision))


async def _is_brought_to_head_by_another(engine: AsyncEngine) -> bool:
    """Wait for another process while it makes progress; return whether the schema is at head."""
    seen: int | None = 0
    idle_looks = 0
    while not await _is_at_head(engine):
        done = await _steps_done(engine)
        idle_looks = idle_looks + 1 if done == seen else 1
        if idle_looks >= (_LOOKS_FOR_A_BEGINNING if done is None else _LOOKS_FOR_PROGRESS):
            return False
        seen = done
        await asyncio.sleep(_PAUSE_SECONDS)
    async with engine.begin() as connection:
        await connection.run_sync(forget_steps)
    return True


async def _is_at_head(engine: AsyncEngine) -> bool:
    """Whether the schema is at head; False while the version table is being created."""
    return await _unless_altered(current_revision(engine), otherwise=None) == head_revision()


async def _steps_done(engine: AsyncEngine) -> int | None:
    """Statements that the current migration has done; -1 while that table is being created."""

    async def read() -> int | None:
        async with engine.connect() as connection:
            return await connection.run_sync(steps_done)

    return await _unless_altered(read(), otherwise=-1)


async def _unless_altered(reading: Awaitable[T], *, otherwise: T) -> T:
    """Await a query; return `otherwise` if another process is altering the table."""
    try:
        return await reading
    except DBAPIError as error:
        if was_done_by_another(error):
            return otherwise
        raise


async def _refuse_unknown(connection: AsyncConnection) -> None:
    revision = await connection.run_sync(read_revision)
    if revision is not None and not is_known(revision):
        raise UnknownRevision(revision)


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    folder = str(Path(__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
