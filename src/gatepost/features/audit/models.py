"""The audit log's tables."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from gatepost.db.base import TABLE_OPTIONS, Base, ExactUtcDateTime, exact_text


class AuditEvent(Base):
    """An event, the user it concerns, and the client of the request.

    The ids are no foreign keys: the log outlives its users and sessions. `mac` is written with the
    row; `position` and `hash` are null until the row is sealed.
    """

    __tablename__ = "gatepost_audit_events"
    __table_args__ = (
        Index(None, "at", "id"),
        Index(None, "user_id", "at", "id"),
        Index(None, "event", "at", "id"),
        TABLE_OPTIONS,
    )

    at: Mapped[datetime] = mapped_column(ExactUtcDateTime())
    event: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[int | None]
    actor_id: Mapped[int | None]
    session_id: Mapped[int | None]
    method: Mapped[str | None] = mapped_column(String(32))
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(255))
    request_id: Mapped[str] = mapped_column(String(128))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    key_id: Mapped[str] = mapped_column(exact_text(16))
    mac: Mapped[str] = mapped_column(exact_text(64), unique=True)
    position: Mapped[int | None] = mapped_column(unique=True)
    hash: Mapped[str | None] = mapped_column(exact_text(64))


class NewAuditEvent(NamedTuple):
    """The columns of an event to insert: all but `id`, `position` and `hash`."""

    at: datetime
    event: str
    outcome: str
    user_id: int | None
    actor_id: int | None
    session_id: int | None
    method: str | None
    address: str | None
    user_agent: str | None
    request_id: str
    details: dict[str, Any]
    key_id: str
    mac: str = ""


class AuditHead(Base):
    """The beginning and the end of the chain of sealed rows: a single row, signed with the key.

    Rows up to `purged_position` have been purged; `purged_hash` is the hash of the last of them.
    Rows up to `rekeyed_position` may be under an earlier SECRET_KEY.
    """

    __tablename__ = "gatepost_audit_heads"

    key_id: Mapped[str] = mapped_column(exact_text(16))
    position: Mapped[int]
    hash: Mapped[str] = mapped_column(exact_text(64))
    purged_position: Mapped[int]
    purged_hash: Mapped[str] = mapped_column(exact_text(64))
    rekeyed_position: Mapped[int]
    mac: Mapped[str] = mapped_column(exact_text(64))
