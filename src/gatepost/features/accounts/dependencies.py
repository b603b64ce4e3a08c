"""The caller as a user, and routes that ask for a role."""

from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn

from fastapi import Depends, Query, Request

from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.errors import UserNotFound
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.accounts.identity import SearchInput, beginning_of_key
from gatepost.features.accounts.schemas import User, UserRead
from gatepost.features.audit import service as audit
from gatepost.features.audit.events import Event
from gatepost.features.callers.errors import InvalidToken, PermissionDenied
from gatepost.features.callers.principal import Principal
from gatepost.features.callers.roles import Role
from gatepost.features.sessions.cache import CachedSession
from gatepost.features.sessions.dependencies import CurrentPrincipal, find_session, password_form
from gatepost.web.dependencies import CurrentRuntime, RequestWork, origin_of
from gatepost.work import Work, begin_work


async def get_user(
    request: Request, runtime: CurrentRuntime, _: Annotated[str | None, Depends(password_form)]
) -> User:
    """The user who is calling. Raises as `find_session` does."""
    session, _by_cookie = await find_session(request, runtime, _read_user)
    if session.user is None:
        origin = origin_of(request.scope, runtime.settings)
        async with begin_work(runtime, origin, writes=False) as work:
            await _read_user(work, session)
    user: User = session.user
    return user


async def _read_user(work: Work, session: CachedSession) -> None:
    """Put the user to the session, and as they are sent; the session was read before."""
    try:
        read = UserRead.model_validate(await accounts.get_public(work, session.user_id))
    except UserNotFound as error:
        raise InvalidToken from error  # deleted since the session was read
    user = User.model_construct(**dict(read))
    session.user, session.rendered = user, user.model_dump_json().encode()


CurrentUser = Annotated[User, Depends(get_user, scope="function")]


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
