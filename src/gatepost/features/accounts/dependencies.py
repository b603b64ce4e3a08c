"""The caller as a user, and routes that ask for a role."""

from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn

from fastapi import Depends, Query

from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.errors import PermissionDenied, UserNotFound
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.accounts.identity import SearchInput, beginning_of_key
from gatepost.features.accounts.roles import Role
from gatepost.features.accounts.schemas import UserRead
from gatepost.features.audit import service as audit
from gatepost.features.audit.events import Event
from gatepost.features.sessions.dependencies import CurrentPrincipal
from gatepost.features.sessions.errors import InvalidToken
from gatepost.features.sessions.principal import Principal
from gatepost.web.dependencies import RequestWork
from gatepost.work import Work


async def get_user(work: RequestWork, principal: CurrentPrincipal) -> UserRead:
    """The user who is calling, as the database has them now."""
    try:
        return UserRead.model_validate(await accounts.get(work, principal.user_id))
    except UserNotFound as error:
        raise InvalidToken from error  # deleted since the session was read


CurrentUser = Annotated[UserRead, Depends(get_user, scope="function")]


def require_role(*roles: Role | str) -> Callable[..., Awaitable[Principal]]:
    """A dependency that lets only callers with one of these roles pass, and returns the caller.

    `Depends(require_role("admin"), scope="function")`. Raises `ValueError`, when the route is
    made, for a role that there is not; the dependency raises `PermissionDenied`.
    """
    allowed = frozenset(Role(role) for role in roles)

    async def check_role(work: RequestWork, principal: CurrentPrincipal) -> Principal:
        if principal.role not in allowed:
            await deny(work, principal)
        return principal

    return check_role


async def get_user_filter(
    q: Annotated[
        SearchInput | None, Query(description="How the email address or username begins.")
    ] = None,
    role: Annotated[Role | None, Query()] = None,
    is_active: Annotated[bool | None, Query()] = None,
) -> UserFilter:
    return UserFilter(q=None if q is None else beginning_of_key(q), role=role, is_active=is_active)


RequestedUsers = Annotated[UserFilter, Depends(get_user_filter)]


async def deny(work: Work, principal: Principal) -> NoReturn:
    """Refuse what the caller's role does not allow, and remember it; always raises."""
    about = audit.About(
        user_id=principal.user_id,
        session_id=principal.session_id,
        method=principal.method,
        details={"role": principal.role},
    )
    await audit.record_apart(work, Event.PERMISSION_DENIED, about)
    raise PermissionDenied


ModeratorPrincipal = Annotated[
    Principal, Depends(require_role(Role.MODERATOR, Role.ADMIN), scope="function")
]
AdminPrincipal = Annotated[Principal, Depends(require_role(Role.ADMIN), scope="function")]
