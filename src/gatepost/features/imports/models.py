"""The table of imports: how far each has come."""

from datetime import datetime

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from gatepost.db.base import TABLE_OPTIONS, Base, exact_text


class UserImport(Base):
    """The progress of one import, updated in the transaction that inserts its accounts.

    `key` is a digest of the file and of the options. `row_count` rows have been processed; the
    rejects file had `rejects_size` bytes after them.
    """

    __tablename__ = "gatepost_user_imports"
    __table_args__ = (TABLE_OPTIONS,)

    key: Mapped[str] = mapped_column(exact_text(64), unique=True)
    begun_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    row_count: Mapped[int]
    made: Mapped[int]
    already_there: Mapped[int]
    refused: Mapped[dict[str, int]] = mapped_column(JSON)
    rejects_size: Mapped[int]
