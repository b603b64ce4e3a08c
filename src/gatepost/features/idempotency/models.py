"""The table of stored answers to requests with an idempotency key."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from gatepost.db.base import TABLE_OPTIONS, Base, exact_text

LARGEST_ANSWER = 2**24 - 1
"""In bytes; makes MariaDB choose a MEDIUMBLOB."""


class StoredAnswer(Base):
    """An answer, inserted in the transaction of the change that it reports.

    `attempt` is an HMAC of caller, method, path and key, and `fingerprint` an HMAC of the body, so
    that the table discloses neither. The answer holds personal data, and is encrypted.
    """

    __tablename__ = "gatepost_idempotent_answers"
    __table_args__ = (Index(None, "created_at"), TABLE_OPTIONS)

    attempt: Mapped[str] = mapped_column(exact_text(64), unique=True)
    fingerprint: Mapped[str] = mapped_column(exact_text(64))
    encrypted_answer: Mapped[bytes] = mapped_column(LargeBinary(LARGEST_ANSWER))
    created_at: Mapped[datetime]
