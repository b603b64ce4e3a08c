"""The base of all tables: names of constraints, ids, UTC times, exact comparison of text."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, MetaData, String
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

PREFIX = "gatepost_"
"""The prefix of all tables, which a database may hold beside a host's own tables."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

TABLE_OPTIONS: dict[str, Any] = {
    # Without it SQLite reuses ids of deleted rows: an old token's subject could be a new user.
    "sqlite_autoincrement": True,
    # MariaDB's default collations treat different texts as equal.
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    # The longest keys do not fit into other row formats, one of which may be a server's default.
    "mysql_row_format": "DYNAMIC",
}

Id = BigInteger().with_variant(Integer(), "sqlite")


def exact_text(length: int) -> TypeEngine[str]:
    """Text that every database compares and orders byte by byte, as keys require."""
    return String(length).with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime with microseconds, even if the database stores no time zone."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None] | None:
        """PostgreSQL's driver returns UTC datetimes that are aware, except for the infinities."""
        return (
            _aware if dialect.name == "postgresql" else super().result_processor(dialect, coltype)
        )

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "a time without a time zone was given to the database"
            raise ValueError(msg)
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _aware(value: datetime | None) -> datetime | None:
    return value if value is None or value.tzinfo is not None else value.replace(tzinfo=UTC)


_AS_WRITTEN = r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{6})\Z"


class ExactUtcDateTime(UtcDateTime):
    """As `UtcDateTime`, but on SQLite raises `ValueError` for a value in another format than ours.

    SQLite stores times as text, and other formats would be sorted and filtered wrongly.
    """

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sqlite.DATETIME(regexp=_AS_WRITTEN))  # type: ignore[no-untyped-call] # SQLAlchemy has none there
        return super().load_dialect_impl(dialect)


class Base(DeclarativeBase):
    """The base of all mapped classes, with an integer id that is never reused."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        int: BigInteger(),
        str: String(255),
    }
    __table_args__: Any = TABLE_OPTIONS

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True, sort_order=-1)
