"""FastAPI dependencies: the caller as a user, and the filters of a list of users."""

from typing import Annotated

from fastapi import Depends, Query, Request

from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.errors import UserNotFound
from gatepost.features.accounts.filters import UserFilter
from gatepost.features.accounts.identity import SearchInput, key_prefix
from gatepost.features.accounts.schemas import User, UserRead
from gatepost.features.callers.cache import CachedCaller
from gatepost.features.callers.dependencies import CallerDependency, find_caller
from gatepost.features.callers.errors import InvalidToken
from gatepost.features.callers.roles import Role
from gatepost.runtime import Runtime
from gatepost.web.dependencies import origin_of
from gatepost.web.runtimes import runtime_of
from gatepost.work import Work, begin_work


async def find_user(request: Request, runtime: Runtime) -> User:
    """The caller as a user. Raises as `find_caller` does."""
    caller, _is_ambient = await find_caller(request, runtime, _read_user)
    if caller.user is None:
        origin = origin_of(request.scope, runtime.settings.protection)
        async with begin_work(runtime, origin, writes=False) as work:
            await _read_user(work, caller)
    user: User = caller.user
    return user


async def _read_user(work: Work, caller: CachedCaller) -> None:
    """Attach the user, and their JSON, to the cached caller, which must have been read before."""
    try:
        read = UserRead.model_validate(await accounts.get_public(work, caller.user_id))
    except UserNotFound as error:
        raise InvalidToken from error  # deleted since the caller was read
    user = User.model_construct(**dict(read))
    caller.user, caller.rendered = user, user.model_dump_json().encode()


async def _find_user(request: Request) -> User:
    return await find_user(request, runtime_of(request.scope))


CurrentUser = Annotated[User, Depends(CallerDependency(_find_user), scope="function")]


async def get_user_filter(
    q: Annotated[
        SearchInput | None, Query(description="How the email address or username begins.")
    ] = None,
    role: Annotated[Role | None, Query()] = None,
    is_active: Annotated[bool | None, Query()] = None,
) -> UserFilter:
    return UserFilter(q=None if q is None else key_prefix(q), role=role, is_active=is_active)


RequestedUsers = Annotated[UserFilter, Depends(get_user_filter)]
