"""The table of users, and the sets of its columns that are read together."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from gatepost.db.base import TABLE_OPTIONS, Base, exact_text


class User(Base):
    """An account.

    `email_key` and `username_key` are unique. They are computed in Python and compared byte by
    byte, so that all databases agree. Mail goes to `email`, which is as it was registered.
    """

    __tablename__ = "gatepost_users"
    __table_args__ = (
        Index(None, "role", "id"),
        Index(None, "is_active", "id"),
        TABLE_OPTIONS,
    )

    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(exact_text(320), unique=True)
    username: Mapped[str | None] = mapped_column(String(64))
    username_key: Mapped[str | None] = mapped_column(exact_text(64), unique=True)
    full_name: Mapped[str | None] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(512))
    role: Mapped[str] = mapped_column(String(16))
    is_active: Mapped[bool]
    email_verified: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    password_changed_at: Mapped[datetime]


class Credentials(NamedTuple):
    """The columns of a user's row that a login needs."""

    id: int
    password_hash: str
    role: str
    is_active: bool
    password_changed_at: datetime


class PublicUser(NamedTuple):
    """The columns of a user's row that the API returns: no hash, no key."""

    id: int
    email: str
    username: str | None
    full_name: str | None
    role: str
    is_active: bool
    email_verified: bool
    created_at: datetime
    updated_at: datetime
