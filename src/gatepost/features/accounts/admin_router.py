"""All accounts: moderators may read them, admins may change them."""

from fastapi import APIRouter, Request, Response, status
from starlette.convertors import StringConvertor, register_url_convertor

from gatepost.features.accounts import administration, lockout, passwords
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.dependencies import RequestedUsers
from gatepost.features.accounts.errors import (
    EmailTaken,
    LastAdmin,
    UsernameTaken,
    UserNotFound,
    UserReferenced,
)
from gatepost.features.accounts.schemas import UserCreate, UserRead, UserUpdate
from gatepost.features.callers.dependencies import (
    AdminPrincipal,
    CurrentPrincipal,
    ModeratorPrincipal,
)
from gatepost.features.callers.errors import PermissionDenied
from gatepost.features.idempotency.routing import IdempotentPerCaller, IdempotentRoute
from gatepost.security.hash_pool import ServerBusy
from gatepost.security.password_policy import WeakPassword
from gatepost.stores.base import StoreUnavailable
from gatepost.web.addresses import path_of
from gatepost.web.dependencies import RequestedPage, RequestWork, RowId
from gatepost.web.pages import link_next_page
from gatepost.web.problems import problems

router = APIRouter(prefix="/users", tags=["users"], route_class=IdempotentRoute)


class _OtherThanMe(StringConvertor):
    """Keeps `/users/me` from falling through to `/users/{user_id}`, for any method."""

    regex = r"(?!me(?:/|$))[^/]+"


register_url_convertor("other_than_me", _OtherThanMe())


@router.get("", responses=problems(PermissionDenied))
async def list_users(
    work: RequestWork,
    _: ModeratorPrincipal,
    request: Request,
    response: Response,
    page: RequestedPage,
    wanted: RequestedUsers,
) -> list[UserRead]:
    """A page of users, the oldest first; the next page is in the `Link` header.

    With `q` they are ordered by the email address or the username that begins with it.
    """
    found = await work.read_list(accounts.list_users, wanted, page)
    link_next_page(request, response, found)
    return [UserRead.model_validate(user) for user in found.rows]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    dependencies=[IdempotentPerCaller],
    responses=problems(PermissionDenied, EmailTaken, UsernameTaken, WeakPassword, ServerBusy),
)
async def create_user(
    work: RequestWork,
    principal: AdminPrincipal,
    request: Request,
    response: Response,
    body: UserCreate,
) -> UserRead:
    """Create an account, even if registration is closed; its URL is in the `Location` header."""
    new = passwords.NewAccount(**body.model_dump())
    user = await passwords.create(work, new, actor_id=principal.user_id)
    response.headers["Location"] = f"{path_of(request)}/{user.id}"
    return UserRead.model_validate(user)


@router.get("/{user_id:other_than_me}", responses=problems(PermissionDenied, UserNotFound))
async def read_user(work: RequestWork, principal: CurrentPrincipal, user_id: RowId) -> UserRead:
    """A user: your own account, or any account for moderators and admins."""
    return UserRead.model_validate(await administration.read(work, principal, user_id))


@router.patch(
    "/{user_id:other_than_me}",
    dependencies=[IdempotentPerCaller],
    responses=problems(PermissionDenied, UserNotFound, EmailTaken, UsernameTaken, LastAdmin),
)
async def update_user(
    work: RequestWork, principal: CurrentPrincipal, user_id: RowId, body: UserUpdate
) -> UserRead:
    """Change a user: your own account, or any account for admins.

    Only admins may change `email`, `role` and `is_active`.
    """
    changes = body.model_dump(exclude_unset=True)
    return UserRead.model_validate(await administration.update(work, principal, user_id, changes))


@router.delete(
    "/{user_id:other_than_me}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(PermissionDenied, UserNotFound, LastAdmin, UserReferenced),
)
async def delete_user(work: RequestWork, principal: AdminPrincipal, user_id: RowId) -> None:
    """Delete a user and all of their data. The last active admin cannot be deleted."""
    await work.write(accounts.delete, user_id, actor_id=principal.user_id)


@router.post(
    "/{user_id:other_than_me}/unlock",
    responses=problems(PermissionDenied, UserNotFound, StoreUnavailable),
)
async def unlock_user(work: RequestWork, principal: AdminPrincipal, user_id: RowId) -> UserRead:
    """Unlock the login of a user who is locked out after wrong passwords."""
    user = await lockout.unlock(work, user_id, actor_id=principal.user_id)
    return UserRead.model_validate(user)
