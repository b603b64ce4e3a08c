"""Gatepost's tables as a host that shares their database may refer to them."""

from typing import Any

from sqlalchemy import BLANK_SCHEMA, Column, MetaData, Table
from sqlalchemy.schema import HasConditionalDDL
from sqlalchemy.sql.dml import Delete, Insert, Update

from gatepost.db.base import PREFIX
from gatepost.features.accounts.models import PublicUser, User


class ReadOnlyTable(HasConditionalDDL, Table):
    """A table that Gatepost makes and writes: a host refers to it and reads it."""

    inherit_cache = True

    def to_metadata(self, metadata: MetaData, *_: object, **__: object) -> Table:
        """Give the same read-only table of another metadata."""
        return users(metadata)

    def insert(self) -> Insert:
        """Raise `TypeError`: accounts are made by Gatepost."""
        raise _read_only_error(self)

    def update(self) -> Update:
        """Raise `TypeError`: accounts are changed by Gatepost."""
        raise _read_only_error(self)

    def delete(self) -> Delete:
        """Raise `TypeError`: accounts are deleted by Gatepost."""
        raise _read_only_error(self)


def users(metadata: MetaData) -> Table:
    """The users, in the host's metadata: for foreign keys to `id`, and for joins.

    It has what `/users/{id}` shows; no hash of a password, no key. It is read-only, and neither the
    `create_all` nor the `drop_all` of the metadata makes or drops it. Called again for the same
    metadata it gives the same table.
    """
    name = User.__tablename__
    if name in metadata.tables:
        return metadata.tables[name]
    table = ReadOnlyTable(name, metadata, *_columns(), schema=BLANK_SCHEMA)
    return table.ddl_if(callable_=_never)


def include_object(
    item: Any,  # noqa: ANN401 - Alembic hands over any item of a schema
    name: str | None,
    type_: str,
    reflected: bool,  # noqa: ARG001, FBT001 - the signature is Alembic's
    compare_to: object,  # noqa: ARG001 - the signature is Alembic's
) -> bool:
    """For the `include_object` of a host's Alembic: whether something is not Gatepost's.

    Hides all tables called `gatepost_...` with their columns, indexes and constraints.
    """
    table = name if type_ == "table" else getattr(getattr(item, "table", None), "name", None)
    return not (table or "").startswith(PREFIX)


def _columns() -> list[Column[Any]]:
    ours = User.__table__.columns
    return [
        Column(name, ours[name].type, primary_key=name == "id", nullable=ours[name].nullable)
        for name in PublicUser._fields
    ]


def _never(*_: object, **__: object) -> bool:
    return False


def _read_only_error(table: Table) -> TypeError:
    return TypeError(f"{table.name} is read-only: accounts are written by Gatepost")
