"""A database as a transaction reaches it."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from gatepost.db.autocommit import AutocommitExecutor


@dataclass(frozen=True, slots=True)
class Database:
    """Opens sessions, and sends single statements past them."""

    open_session: async_sessionmaker[AsyncSession]
    autocommit: AutocommitExecutor
    updates_return_rows: bool
