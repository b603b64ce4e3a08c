"""Creates, finds, changes and deletes users."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatepost.db.paging import Page, PageRequest
from gatepost.db.statements import Condition
from gatepost.errors import ValidationFailed
from gatepost.features.accounts import events, repository
from gatepost.features.accounts.errors import EmailTaken, LastAdmin, UsernameTaken, UserNotFound
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.accounts.identity import (
    PUBLIC_DOMAIN_RULE,
    canonical_email,
    canonical_username,
    has_public_domain,
)
from gatepost.features.accounts.models import Credentials, PublicUser, User
from gatepost.features.audit import service as audit
from gatepost.features.callers.roles import Role
from gatepost.features.sessions import service as sessions
from gatepost.work import Work


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to insert: the email address and username as displayed, the password hashed."""

    email: str
    password_hash: str | None
    username: str | None = None
    full_name: str | None = None
    role: Role = Role.USER
    email_verified: bool = False


async def create(work: Work, new: NewUser, *, actor_id: int | None = None) -> User:
    """Add an account; raises `EmailTaken` or `UsernameTaken`, decided by the constraints.

    Raises `ValidationFailed` as `refuse_special_domain` does.
    """
    refuse_special_domain(work, new.email)
    now = work.now
    user = User(
        email=new.email,
        email_key=canonical_email(new.email),
        username=new.username,
        username_key=None if new.username is None else canonical_username(new.username),
        full_name=new.full_name,
        password_hash=new.password_hash,
        role=new.role.value,
        is_active=True,
        email_verified=new.email_verified,
        created_at=now,
        updated_at=now,
        password_changed_at=now,
    )
    if not await repository.insert(work.db, user):
        raise await _taken_problem(work, user.email_key)
    about = audit.EventContext(user_id=user.id, actor_id=actor_id, details={"role": user.role})
    await audit.record(work, events.USER_CREATED, about)
    return user


def refuse_special_domain(work: Work, email: str) -> None:
    """Raise `ValidationFailed` if the domain of the email address is not allowed."""
    if work.runtime.settings.registration.email_special_domains or has_public_domain(email):
        return
    error = {"loc": ["body", "email"], "msg": PUBLIC_DOMAIN_RULE, "type": "email_invalid"}
    raise ValidationFailed(errors=[error])


async def find_by_login(work: Work, login: str) -> User | None:
    """Find the user by email address or username; an `@` tells them apart."""
    find = repository.find_by_email_key if "@" in login else repository.find_by_username_key
    return await find(work.db, key_of_login(login))


async def find_credentials(work: Work, login: str) -> Credentials | None:
    """The credentials of the user with this email address or username; None if there is none."""
    return await repository.find_credentials(work, key_of_login(login), is_email="@" in login)


async def find_credentials_of(work: Work, user_id: int) -> Credentials | None:
    """The credentials of this user; None if there is no such user."""
    return await repository.find_credentials_of(work, user_id)


def is_unchanged(known: Credentials) -> Condition:
    """The condition that the user is active and has these credentials; it locks the user's row."""
    return repository.is_unchanged(known)


async def replace_hash(work: Work, known: Credentials, password_hash: str) -> Credentials | None:
    """Store a new hash of the same password, and lock the user's row.

    None if the user has been disabled, or the credentials have changed.
    """
    if not await repository.replace_hash(work.db, known, password_hash):
        return None
    return known._replace(password_hash=password_hash)


def key_of_login(login: str) -> str:
    """The key of an email address or a username, whether or not it has an account."""
    return canonical_email(login) if "@" in login else canonical_username(login)


async def find(work: Work, user_id: int) -> User | None:
    """The user; None if there is none."""
    return await repository.find(work.db, user_id)


async def get(work: Work, user_id: int) -> User:
    """The user; raises `UserNotFound`."""
    user = await repository.find(work.db, user_id)
    if user is None:
        raise UserNotFound
    return user


async def get_public(work: Work, user_id: int) -> PublicUser:
    """The user's public columns; raises `UserNotFound`."""
    user = await repository.find_public(work, user_id)
    if user is None:
        raise UserNotFound
    return user


async def find_for_update(work: Work, user_id: int) -> User | None:
    """The user, read anew and locked until the transaction ends; None if there is none."""
    return await repository.lock(work.db, user_id)


async def get_for_update(work: Work, user_id: int) -> User:
    """As `find_for_update`, but raises `UserNotFound`."""
    user = await repository.lock(work.db, user_id)
    if user is None:
        raise UserNotFound
    return user


async def list_users(work: Work, wanted: UserFilter, page: PageRequest) -> Page[User]:
    """One page of users, ordered by id; with `q`, by the key that begins with it."""
    return await repository.list_page(work.db, wanted, page)


async def list_columns(
    work: Work, wanted: UserFilter, columns: Sequence[str], *, after: int, limit: int
) -> Sequence[Sequence[Any]]:
    """Users after the id `after`: of each the id, then these columns. `q` is not applied."""
    return await repository.list_after(work.db, wanted, after, limit, columns)


async def has_active_admin(work: Work) -> bool:
    return await repository.has_active_admin(work.db)


async def change_profile(
    work: Work, user_id: int, changes: dict[str, Any], *, actor_id: int
) -> User:
    """Change `email`, `username` or `full_name`; raises as `create` does.

    A new email address counts as not verified.
    """
    user = await get_for_update(work, user_id)
    values = dict(changes)
    if "email" in values:
        values["email_key"] = canonical_email(values["email"])
        is_same = values["email_key"] == user.email_key
        values["email_verified"] = user.email_verified and is_same
        if not is_same:
            refuse_special_domain(work, values["email"])
    if "username" in values:
        name = values["username"]
        values["username_key"] = None if name is None else canonical_username(name)
    if values:
        await _change(work, user_id, values)
        about = audit.EventContext(
            user_id=user_id, actor_id=actor_id, details={"fields": sorted(changes)}
        )
        await audit.record(work, events.USER_UPDATED, about)
    return await get_for_update(work, user_id)


async def set_role(work: Work, user_id: int, role: Role, *, actor_id: int | None = None) -> None:
    """Set a user's role, effective from the next request on; raises `LastAdmin`."""
    await _lock_with_admins(work, user_id, stays=role is Role.ADMIN)
    user = await get_for_update(work, user_id)
    if user.role == role.value:
        return
    await _change(work, user_id, {"role": role.value})
    await sessions.change_role(work, user_id, role.value)
    about = audit.EventContext(
        user_id=user_id, actor_id=actor_id, details={"from": user.role, "to": role.value}
    )
    await audit.record(work, events.ROLE_CHANGED, about)


async def disable(work: Work, user_id: int, *, actor_id: int | None = None) -> None:
    """Disable a user and end their sessions; raises `LastAdmin`."""
    await _lock_with_admins(work, user_id, stays=False)
    user = await get_for_update(work, user_id)
    if not user.is_active:
        return
    await _change(work, user_id, {"is_active": False})
    await sessions.end_all(work, user_id, actor_id=actor_id)
    await audit.record(
        work, events.USER_DISABLED, audit.EventContext(user_id=user_id, actor_id=actor_id)
    )


async def enable(work: Work, user_id: int, *, actor_id: int | None = None) -> None:
    """Enable a disabled user."""
    user = await get_for_update(work, user_id)
    if user.is_active:
        return
    await _change(work, user_id, {"is_active": True})
    await audit.record(
        work, events.USER_ENABLED, audit.EventContext(user_id=user_id, actor_id=actor_id)
    )


async def delete(work: Work, user_id: int, *, actor_id: int | None = None) -> None:
    """Delete a user and all of their data.

    Raises `UserNotFound`, `LastAdmin`, or `UserReferenced`.
    """
    await _lock_with_admins(work, user_id, stays=False)
    if not await repository.remove(work.db, user_id):
        raise UserNotFound
    work.invalidate(user_id)
    await audit.record(
        work, events.USER_DELETED, audit.EventContext(user_id=user_id, actor_id=actor_id)
    )


async def store_new_password(work: Work, user_id: int, password_hash: str) -> None:
    """Replace the password's hash; the caller decides which sessions end."""
    await _change(work, user_id, {"password_hash": password_hash, "password_changed_at": work.now})


async def _change(work: Work, user_id: int, values: dict[str, Any]) -> None:
    if not await repository.change(work.db, user_id, {**values, "updated_at": work.now}):
        raise await _taken_problem(work, values.get("email_key"), user_id)
    work.invalidate(user_id)


async def _lock_with_admins(work: Work, user_id: int, *, stays: bool) -> None:
    """Lock a user and all active admins; raises `LastAdmin` if the last of these does not stay.

    If two admins demote each other at once, one waits here, and then finds one admin left. Every
    change of an admin takes these locks first, so that no two of them deadlock.
    """
    if await repository.lock_with_admins(work.db, user_id) == [user_id] and not stays:
        raise LastAdmin


async def _taken_problem(
    work: Work, email_key: str | None, user_id: int | None = None
) -> EmailTaken | UsernameTaken:
    """The problem after a unique constraint failed: `EmailTaken`, or else `UsernameTaken`."""
    owner = await repository.find_by_email_key(work.db, email_key) if email_key else None
    return EmailTaken() if owner is not None and owner.id != user_id else UsernameTaken()
