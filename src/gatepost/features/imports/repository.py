"""Queries of imports: existing accounts, inserting rows, and the progress of an import."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.bulk import has_any_of, insert_rows
from gatepost.db.counts import rows_changed
from gatepost.db.savepoints import add_unless_taken
from gatepost.features.accounts.models import User
from gatepost.features.imports.conflicts import ExistingAccounts
from gatepost.features.imports.models import UserImport
from gatepost.features.imports.validation import ComparableFields, NewUserRow

_KEYS_IN_A_QUERY = 1_000

_USERS = User.metadata.tables[User.__tablename__]
_IMPORTS = UserImport.metadata.tables[UserImport.__tablename__]
_ADVANCE = update(_IMPORTS).where(
    _IMPORTS.c.key == bindparam("of_key"),
    _IMPORTS.c.row_count == bindparam("at_row"),
    _IMPORTS.c.finished_at.is_(None),
)

T = TypeVar("T")


async def insert_users(db: AsyncSession, rows: Sequence[NewUserRow]) -> bool:
    """Insert all rows; if any key is taken, insert none and return False."""
    return await insert_rows(db, _USERS, NewUserRow._fields, rows)


async def find_existing(db: AsyncSession, rows: Sequence[NewUserRow]) -> ExistingAccounts:
    """The accounts that have the email address or the username of one of these rows.

    Usernames are queried first, so that an account created in between is found by its address.
    """
    existing = ExistingAccounts({}, {})
    for keys in _chunks([row.username_key for row in rows if row.username_key is not None]):
        query = select(User.username_key, User.email_key)
        for name, key in await db.execute(query.where(has_any_of(db, User.username_key, keys))):
            existing.usernames[str(name)] = key
    columns = [getattr(User, name) for name in ComparableFields._fields]
    for keys in _chunks([row.email_key for row in rows]):
        accounts = select(User.email_key, *columns).where(has_any_of(db, User.email_key, keys))
        for key, *fields in await db.execute(accounts):
            existing.by_email[key] = ComparableFields(*fields)
    return existing


async def find_import(db: AsyncSession, key: str) -> UserImport | None:
    return await db.scalar(select(UserImport).where(UserImport.key == key))


async def insert_import(db: AsyncSession, begun: UserImport) -> bool:
    """Insert the row of a new import; False if there is one with its key."""
    return await add_unless_taken(db, begun)


async def advance_import(
    db: AsyncSession, key: str, from_row: int, values: Mapping[str, Any]
) -> bool:
    """Set columns of an unfinished import and lock its row; False if it is not at `from_row`."""
    result = await db.execute(_ADVANCE, {"of_key": key, "at_row": from_row, **values})
    return rows_changed(result) == 1


async def delete_import(db: AsyncSession, key: str) -> None:
    await db.execute(delete(UserImport).where(UserImport.key == key))


def _chunks(keys: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(keys), _KEYS_IN_A_QUERY):
        yield keys[start : start + _KEYS_IN_A_QUERY]
