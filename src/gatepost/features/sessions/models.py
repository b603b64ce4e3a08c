"""The sessions table."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from gatepost.db.base import TABLE_OPTIONS, Base, Id


class Session(Base):
    """One login on one device. Its refresh tokens are not stored: `generation` tells which is good.

    `role` is the user's, kept here so that who is calling is one row; `accounts` changes both in
    one transaction.
    """

    __tablename__ = "gatepost_sessions"
    __table_args__ = (
        Index(None, "user_id", "ended_at", "created_at", "id"),
        Index(None, "expires_at"),
        Index(None, "ended_at"),
        TABLE_OPTIONS,
    )

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("gatepost_users.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(String(16))
    method: Mapped[str] = mapped_column(String(32))
    generation: Mapped[int]
    created_at: Mapped[datetime]
    authenticated_at: Mapped[datetime]
    renewed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    absolute_expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(255))

    @property
    def present(self) -> "Generation":
        return Generation(*(getattr(self, name) for name in Generation._fields))


class Generation(NamedTuple):
    """What the tokens of a session's generation are computed from: columns of its row."""

    id: int
    user_id: int
    role: str
    generation: int
    renewed_at: datetime
    expires_at: datetime
    absolute_expires_at: datetime


class Login(NamedTuple):
    """Who is calling, as the row of a live session tells: some of its columns."""

    user_id: int
    role: str
    method: str
    authenticated_at: datetime
    expires_at: datetime
