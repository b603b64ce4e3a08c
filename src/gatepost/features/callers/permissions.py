"""Permissions: decided by role and scope, in this module only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from gatepost.features.audit import service as audit
from gatepost.features.callers import events
from gatepost.features.callers.errors import PermissionDenied
from gatepost.features.callers.principal import Principal
from gatepost.features.callers.roles import Role
from gatepost.work import Work


@dataclass(frozen=True, slots=True)
class Requirement:
    """The permissions that an operation requires: one of these roles, and all of these scopes."""

    roles: frozenset[Role] = frozenset(Role)
    scopes: frozenset[str] = frozenset()


def one_of(roles: Iterable[Role | str]) -> Requirement:
    """The requirement of one of these roles; raises `ValueError` for none and for unknown ones."""
    known = frozenset(Role(role) for role in roles)
    if not known:
        raise ValueError("name a role at least")
    return Requirement(known)


ADMINS = one_of([Role.ADMIN])
MODERATORS = one_of([Role.MODERATOR, Role.ADMIN])
"""The roles that may see every account."""


def is_allowed(principal: Principal, needed: Requirement) -> bool:
    """Whether the caller has one of the roles, and all of the scopes if it is limited to scopes.

    A caller that is limited to scopes may not do what requires no scope.
    """
    if principal.role not in needed.roles:
        return False
    held = principal.scopes
    return held is None or (bool(needed.scopes) and needed.scopes <= held)


async def require(work: Work, principal: Principal, needed: Requirement) -> None:
    """Call `deny` unless the caller meets the requirement."""
    if not is_allowed(principal, needed):
        await deny(work, principal)


async def deny(work: Work, principal: Principal) -> NoReturn:
    """Record the refusal in the audit log, and raise `PermissionDenied`."""
    about = audit.EventContext(
        user_id=principal.user_id,
        session_id=principal.session_id,
        method=principal.method,
        details={"role": principal.role},
    )
    await audit.record_in_own_transaction(work, events.PERMISSION_DENIED, about)
    raise PermissionDenied
