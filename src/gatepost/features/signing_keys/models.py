"""The key ring's table: the keys that sign access tokens by an asymmetric algorithm."""

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from gatepost.db.base import Base


class StoredKey(Base):
    """A key pair. The newest that is not retired signs; all that are not retired verify."""

    __tablename__ = "gatepost_signing_keys"

    kid: Mapped[str] = mapped_column(String(64), unique=True)
    algorithm: Mapped[str] = mapped_column(String(16))
    encrypted_private_key: Mapped[bytes] = mapped_column(LargeBinary(8192))
    created_at: Mapped[datetime]
    retires_at: Mapped[datetime | None]
