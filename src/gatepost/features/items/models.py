"""The items table: something a user owns."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gatepost.db.base import TABLE_OPTIONS, Base, Id


class Item(Base):
    """The example of a protected resource."""

    __tablename__ = "gatepost_items"
    __table_args__ = (Index(None, "owner_id", "id"), TABLE_OPTIONS)

    owner_id: Mapped[int] = mapped_column(Id, ForeignKey("gatepost_users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ItemRow(NamedTuple):
    """An item as it is read: columns of the table."""

    id: int
    owner_id: int
    title: str
    description: str | None
    created_at: datetime
    updated_at: datetime
