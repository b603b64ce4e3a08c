"""Reads the revisions, and the one of a database, without Alembic, which loads slowly.

Nearly every start finds the schema at head, and needs no more.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.engine import WRITES

VERSION_TABLE = "gatepost_alembic_version"
"""The version table's name; `alembic_version` is left to a host that uses Alembic itself."""

_VERSION = table(VERSION_TABLE, column("version_num"))
_FOLDER = Path(__file__).with_name("versions")
# In single or double quotes: Alembic writes the former, our formatter the latter.
_REVISION = re.compile(r"^revision: str = [\"'](\w+)[\"']$", re.MULTILINE)
_PREVIOUS = re.compile(r"^down_revision: .* = (?:[\"'](\w+)[\"']|None)$", re.MULTILINE)


class UnknownRevision(Exception):  # noqa: N818 - read as the fact that it states
    """The schema is at a revision that this version of Gatepost does not have."""

    def __init__(self, revision: str) -> None:
        super().__init__(revision)
        self.revision = revision


async def current_revision(engine: AsyncEngine) -> str | None:
    """The revision that the schema is at; None for a database without one."""
    async with engine.connect() as connection:
        reader = await connection.execution_options(**{WRITES: False})
        return await reader.run_sync(read_revision)


def read_revision(connection: Connection) -> str | None:
    """The same on a connection."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.scalar(select(_VERSION.c.version_num))
    return revision


def head_revision() -> str:
    """The revision that this version of Gatepost needs."""
    (head,) = _history().keys() - _history().values()
    return head


def is_known(revision: str) -> bool:
    """Whether a revision is one of this version's history."""
    return revision in _history()


@cache
def _history() -> Mapping[str, str | None]:
    """Each revision, and the one before it."""
    texts = [path.read_text(encoding="utf-8") for path in _FOLDER.glob("*.py")]
    return {_REVISION.findall(text)[0]: _PREVIOUS.findall(text)[0] or None for text in texts}
