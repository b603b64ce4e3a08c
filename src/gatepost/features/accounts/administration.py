"""Reads and changes accounts: the caller's own, or any other if the role allows it."""

from collections.abc import Mapping
from typing import Any

from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.models import PublicUser, User
from gatepost.features.callers.permissions import ADMINS, MODERATORS, deny, is_allowed, require
from gatepost.features.callers.principal import Principal
from gatepost.work import Work

_ADMINS_FIELDS = frozenset({"email", "role", "is_active"})


async def read(work: Work, principal: Principal, user_id: int) -> PublicUser:
    """A user: the caller's own account, or any account for moderators and admins.

    Raises `PermissionDenied` or `UserNotFound`.
    """
    if user_id != principal.user_id:
        await require(work, principal, MODERATORS)
    return await accounts.get_public(work, user_id)


async def update(
    work: Work, principal: Principal, user_id: int, changes: Mapping[str, Any]
) -> User:
    """Change a user: the caller's own account, or any account for admins.

    Only admins may change `email`, `role` and `is_active`. `changes` has the new values by field
    and leaves out fields that stay as they are. Raises `PermissionDenied`, `UserNotFound`,
    `LastAdmin`, `EmailTaken` or `UsernameTaken`, and `ValidationFailed` as `accounts.create` does.
    """
    if not _may_update(principal, user_id, changes):
        await deny(work, principal)
    return await work.write(_update, user_id, changes, principal.user_id)


def _may_update(principal: Principal, user_id: int, changes: Mapping[str, Any]) -> bool:
    if is_allowed(principal, ADMINS):
        return True
    return user_id == principal.user_id and not changes.keys() & _ADMINS_FIELDS


async def _update(work: Work, user_id: int, changes: Mapping[str, Any], actor_id: int) -> User:
    profile = dict(changes)
    role, is_active = profile.pop("role", None), profile.pop("is_active", None)
    if role is not None:
        await accounts.set_role(work, user_id, role, actor_id=actor_id)
    if is_active is not None:
        act = accounts.enable if is_active else accounts.disable
        await act(work, user_id, actor_id=actor_id)
    return await accounts.change_profile(work, user_id, profile, actor_id=actor_id)
