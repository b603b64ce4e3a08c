"""The sessions table."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from gatepost.db.base import TABLE_OPTIONS, Base, Id


class Session(Base):
    """One login on one device. Refresh tokens are not stored: only that of `generation` is valid.

    `role` is a copy of the user's, so that a caller is read from one row; `accounts` changes both
    in one transaction. `amr` holds the methods of authentication (RFC 8176), separated by spaces;
    `client_id` is the OAuth client that the session belongs to, if any.
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
    amr: Mapped[str | None] = mapped_column(String(128))
    acr: Mapped[str | None] = mapped_column(String(32))
    client_id: Mapped[str | None] = mapped_column(String(255))
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(255))

    @property
    def token_basis(self) -> "TokenBasis":
        return TokenBasis(*(getattr(self, name) for name in TokenBasis._fields))


class TokenBasis(NamedTuple):
    """The columns of a session that its current pair of tokens is computed from."""

    id: int
    user_id: int
    role: str
    generation: int
    renewed_at: datetime
    expires_at: datetime
    absolute_expires_at: datetime


class LiveSession(NamedTuple):
    """The columns of a live session that describe the caller."""

    user_id: int
    role: str
    method: str
    authenticated_at: datetime
    amr: str | None
    acr: str | None
    client_id: str | None
    expires_at: datetime
