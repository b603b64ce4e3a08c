"""Brings a database's schema up or down, safely also when several processes start at once."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatepost.db.engine import WRITES
from gatepost.migrations.exclusive import connect_exclusively


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


async def current_revision(engine: AsyncEngine) -> str | None:
    """The revision that the schema is at; None for a database without one."""
    async with engine.connect() as connection:
        reader = await connection.execution_options(**{WRITES: False})
        return await reader.run_sync(_current)


@cache
def head_revision() -> str:
    """The revision that this version of Gatepost needs."""
    head = _scripts().get_current_head()
    assert head is not None  # noqa: S101 - the package contains migrations
    return head


class UnknownRevision(Exception):  # noqa: N818 - read as the fact that it tells
    """The schema is at a revision that this version of Gatepost does not have."""

    def __init__(self, revision: str) -> None:
        super().__init__(revision)
        self.revision = revision


def is_known(revision: str) -> bool:
    """Whether a revision belongs to the history that this version has."""
    return revision in {script.revision for script in _scripts().walk_revisions()}


async def _refuse_unknown(connection: AsyncConnection) -> None:
    revision = await connection.run_sync(_current)
    if revision is not None and not is_known(revision):
        raise UnknownRevision(revision)


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    folder = str(Path(__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
