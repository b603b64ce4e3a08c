"""Checks whether the database answers, and how fast."""

import asyncio
import logging
import time
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.engine import WRITES

log = logging.getLogger(__name__)

_VERSION_QUERIES = {"sqlite": "SELECT sqlite_version()", "postgresql": "SHOW server_version"}

_CONNECTIONS_QUERIES = {
    "postgresql": "SELECT current_setting('max_connections')::int"
    " - current_setting('superuser_reserved_connections')::int",
    "mysql": "SELECT @@max_connections",
}


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A database server's version, and its response time."""

    version: str
    seconds: float


async def is_reachable(engine: AsyncEngine, *, seconds: float) -> bool:
    """Whether the database answers within this time, including the wait for a connection.

    A failure is logged by its type only, because its message may contain an address.
    """
    try:
        async with asyncio.timeout(seconds):
            await ask(engine)
    except (SQLAlchemyError, OSError) as error:  # a time-out is an OSError
        log.warning("database.silent", extra={"error": type(error).__name__})
        return False
    return True


async def ask(engine: AsyncEngine) -> None:
    """Execute a query; raises the driver's error if the database does not answer."""
    # A read-only transaction, which does not wait for SQLite's single writer.
    async with engine.execution_options(**{WRITES: False}).connect() as connection:
        await connection.execute(text("SELECT 1"))


async def measure(engine: AsyncEngine) -> ServerInfo:
    """Read the version, and measure a round trip on an open connection; raises as `ask`."""
    query = text(_VERSION_QUERIES.get(engine.url.get_backend_name(), "SELECT version()"))
    async with engine.execution_options(**{WRITES: False}).connect() as connection:
        version = str(await connection.scalar(query))
        began = time.perf_counter()
        await connection.execute(text("SELECT 1"))
        seconds = time.perf_counter() - began
    # The text after the number is the packager's.
    return ServerInfo(version.split(" ", maxsplit=1)[0], seconds)


async def connections_allowed(engine: AsyncEngine) -> int | None:
    """The number of connections that the server allows ordinary users; None for SQLite."""
    query = _CONNECTIONS_QUERIES.get(engine.url.get_backend_name())
    if query is None:
        return None
    async with engine.execution_options(**{WRITES: False}).connect() as connection:
        return int(await connection.scalar(text(query)))
