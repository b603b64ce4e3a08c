"""Queries on users."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.counts import rows_changed
from gatepost.db.paging import Page, PageRequest, fetch_beginning_with, fetch_page
from gatepost.db.savepoints import add_unless_taken, unless_taken
from gatepost.db.statements import Condition, columns_of
from gatepost.db.unit_of_work import UnitOfWork
from gatepost.features.accounts.errors import UserReferenced
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.accounts.models import Credentials, PublicUser, User
from gatepost.features.callers.roles import Role

# Built once: a login only binds the values.
_CREDENTIALS = select(*columns_of(User, Credentials))
_CREDENTIALS_BY_EMAIL = _CREDENTIALS.where(User.email_key == bindparam("key"))
_CREDENTIALS_BY_ID = _CREDENTIALS.where(User.id == bindparam("of_user"))
_CREDENTIALS_BY_USERNAME = _CREDENTIALS.where(User.username_key == bindparam("key"))
_LOCKED = (
    select(User)
    .where(User.id == bindparam("user"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_UNCHANGED = (
    select(User.id)
    .where(
        User.id == bindparam("of_user"),
        User.password_hash == bindparam("compared_with"),
        User.role == bindparam("known_role"),
        User.is_active,
    )
    .with_for_update(key_share=True)
)
_PUBLIC = select(*columns_of(User, PublicUser)).where(User.id == bindparam("of_user"))


async def insert(db: AsyncSession, user: User) -> bool:
    """Insert a user; False if a key is taken. The unique constraint decides, so no race is lost."""
    return await add_unless_taken(db, user)


async def find_public(work: UnitOfWork, user_id: int) -> PublicUser | None:
    row = await work.fetch_one(_PUBLIC, {"of_user": user_id})
    return None if row is None else PublicUser(*row)


async def find(db: AsyncSession, user_id: int) -> User | None:
    return await db.get(User, user_id)


async def find_by_email_key(db: AsyncSession, key: str) -> User | None:
    return await db.scalar(select(User).where(User.email_key == key))


async def find_by_username_key(db: AsyncSession, key: str) -> User | None:
    return await db.scalar(select(User).where(User.username_key == key))


async def find_credentials(work: UnitOfWork, key: str, *, is_email: bool) -> Credentials | None:
    query = _CREDENTIALS_BY_EMAIL if is_email else _CREDENTIALS_BY_USERNAME
    row = await work.fetch_one(query, {"key": key})
    return None if row is None else Credentials(*row)


async def find_credentials_of(work: UnitOfWork, user_id: int) -> Credentials | None:
    row = await work.fetch_one(_CREDENTIALS_BY_ID, {"of_user": user_id})
    return None if row is None else Credentials(*row)


def is_unchanged(known: Credentials) -> Condition:
    """The condition that the user is active and has these credentials; it locks the user's row."""
    values = {
        "of_user": known.id,
        "compared_with": known.password_hash,
        "known_role": known.role,
    }
    return Condition(_UNCHANGED, values)


async def replace_hash(db: AsyncSession, known: Credentials, password_hash: str) -> bool:
    """Set the hash and lock the row; False if the user is disabled or the credentials changed."""
    changed = await db.execute(
        update(User)
        .where(
            User.id == known.id,
            User.password_hash == known.password_hash,
            User.role == known.role,
            User.is_active,
        )
        .values(password_hash=password_hash)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed) == 1


async def lock(db: AsyncSession, user_id: int) -> User | None:
    """The user, read anew and locked until the transaction ends."""
    return await db.scalar(_LOCKED, {"user": user_id})


async def lock_with_admins(db: AsyncSession, user_id: int) -> list[int]:
    """Lock a user and all active admins until the transaction ends; returns the ids of the admins.

    Queries the ids first, and then locks by primary key only. Otherwise MariaDB may deadlock: a
    query locks an index before its row, an update the row before its indexes. An admin who is added
    in between is missed; the returned ones cannot change.
    """
    is_admin = (User.role == Role.ADMIN.value) & User.is_active
    ids = {user_id, *await db.scalars(select(User.id).where(is_admin))}
    locked = await db.execute(
        select(User.id, User.role, User.is_active)
        .where(User.id.in_(sorted(ids)))
        .order_by(User.id)
        .with_for_update()
    )
    return [id_ for id_, role, is_active in locked if role == Role.ADMIN.value and is_active]


async def has_active_admin(db: AsyncSession) -> bool:
    query = select(User.id).where(User.role == Role.ADMIN.value, User.is_active).limit(1)
    return await db.scalar(query) is not None


async def change(db: AsyncSession, user_id: int, values: Mapping[str, Any]) -> bool:
    """Set columns of a user; False if a key is taken."""
    changing = (
        update(User)
        .where(User.id == user_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return await unless_taken(db, lambda: db.execute(changing))


async def remove(db: AsyncSession, user_id: int) -> bool:
    """Delete a user and, by cascade, all of their data; False if there is none.

    Raises `UserReferenced` if a host's foreign key forbids it.
    """
    try:
        result = await db.execute(delete(User).where(User.id == user_id))
    except IntegrityError as error:
        raise UserReferenced from error
    return rows_changed(result) == 1


async def list_page(db: AsyncSession, wanted: UserFilter, page: PageRequest) -> Page[User]:
    """One page of users, ordered by id; a search is ordered by the matching key."""
    filters = _filters(wanted)
    if wanted.q:
        keys = (User.email_key, User.username_key)
        return await fetch_beginning_with(db, select(User), filters, keys, wanted.q, page)
    return await fetch_page(db, select(User).where(*filters), User.id, page)


def _filters(wanted: UserFilter) -> list[ColumnElement[bool]]:
    """All filters but `q`."""
    filters: list[ColumnElement[bool]] = []
    if wanted.role is not None:
        filters.append(User.role == wanted.role.value)
    if wanted.is_active is not None:
        filters.append(User.is_active == wanted.is_active)
    return filters


async def list_after(
    db: AsyncSession, wanted: UserFilter, after: int, limit: int, columns: Sequence[str]
) -> Sequence[Row[Any]]:
    """The next users by id: the id, then these columns. `q` is not applied."""
    query = select(User.id, *(getattr(User, name) for name in columns)).where(*_filters(wanted))
    rows = await db.execute(query.where(User.id > after).order_by(User.id).limit(limit))
    return rows.all()
