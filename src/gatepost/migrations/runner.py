"""Brings a database's schema up or down, safely also when several processes start at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatepost.migrations.exclusive import connect_exclusively
from gatepost.migrations.revisions import (
    UnknownRevision,
    current_revision,
    head_revision,
    is_known,
    read_revision,
)


async def upgrade(engine: AsyncEngine, revision: str = "head") -> bool:
    """Bring the schema up to a revision; returns False where it was at head already.

    Of several processes that call this at once one does the work and the others wait for it. Raises
    `UnknownRevision` if the schema was made by a version of Gatepost that is not this one.
    """
    if revision == "head" and await current_revision(engine) == head_revision():
        return False
    async with connect_exclusively(engine) as connection:
        await _refuse_unknown(connection)
        await connection.run_sync(lambda c: command.upgrade(_config(c), revision))
    return True


async def downgrade(engine: AsyncEngine, revision: str = "-1") -> None:
    """Take the schema back to a revision, `base` for nothing; columns and tables lose their data.

    Raises `UnknownRevision` as `upgrade` does.
    """
    async with connect_exclusively(engine) as connection:
        await _refuse_unknown(connection)
        await connection.run_sync(lambda c: command.downgrade(_config(c), revision))


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
