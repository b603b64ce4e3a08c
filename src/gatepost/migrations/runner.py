"""Brings a database's schema up or down, safely also when several processes start at once."""

import asyncio
from pathlib import Path

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

_TRIES = 5
_PAUSE_SECONDS = 2.0
"""How long another process may take for one step of a migration before this one tries again."""


async def upgrade(engine: AsyncEngine, revision: str = "head") -> bool:
    """Bring the schema up to a revision; returns False where it was at head already.

    Of several processes that call this at once one does the work and the others wait for it, also
    where they do not see each other's lock, as on two nodes of a cluster. Raises `UnknownRevision`
    if the schema was made by a version of Gatepost that is not this one, `Obstacle` before anything
    is changed, `MigrationBusy`, `MigrationChanged`, and what the driver raises.
    """
    if revision == "head" and await current_revision(engine) == head_revision():
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
    """Take the schema back to a revision, `base` for nothing; columns and tables lose their data.

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
    """Wait for another process as long as it is seen to go on; whether the schema is at head."""
    before: int | None = -1
    while await current_revision(engine) != head_revision():
        async with engine.connect() as connection:
            done = await connection.run_sync(steps_done)
        if done == before:
            return False
        before = done
        await asyncio.sleep(_PAUSE_SECONDS)
    async with engine.begin() as connection:
        await connection.run_sync(forget_steps)
    return True


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
