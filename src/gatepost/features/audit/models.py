"""The audit log's tables."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from gatepost.db.base import TABLE_OPTIONS, Base, ExactUtcDateTime, exact_text


class AuditEvent(Base):
    """What happened, to whom, and where the request came from.

    The ids are plain numbers: the log outlives the users and sessions that it speaks of. `mac` is
    written with the row; `position` and `hash` follow when the row is sealed, and are null before.
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
    """A row that is to be written: all columns but its id, and what sealing fills in."""

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
    """Where the chain of sealed rows begins and ends: one row, which only the key's holder writes.

    Rows up to `purged_position` have been purged, and `purged_hash` is the last one's hash. Rows up
    to `rekeyed_position` may be under an earlier SECRET_KEY.
    """

    __tablename__ = "gatepost_audit_heads"

    key_id: Mapped[str] = mapped_column(exact_text(16))
    position: Mapped[int]
    hash: Mapped[str] = mapped_column(exact_text(64))
    purged_position: Mapped[int]
    purged_hash: Mapped[str] = mapped_column(exact_text(64))
    rekeyed_position: Mapped[int]
    mac: Mapped[str] = mapped_column(exact_text(64))
