"""The ways in which a transaction reaches the database."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from gatepost.db.autocommit import AutocommitExecutor


@dataclass(frozen=True, slots=True)
class Database:
    """Opens sessions, and executes single statements without one."""

    open_session: async_sessionmaker[AsyncSession]
    autocommit: AutocommitExecutor
    updates_return_rows: bool
