"""The caller's own account."""

from fastapi import APIRouter

from gatepost.features.accounts import passwords
from gatepost.features.accounts.dependencies import CurrentUser
from gatepost.features.accounts.errors import EmailTaken, UsernameTaken, WrongPassword
from gatepost.features.accounts.schemas import Message, PasswordChange, ProfileUpdate, UserRead
from gatepost.features.accounts.shortcuts import cached_profile
from gatepost.features.callers.dependencies import CurrentPrincipal
from gatepost.features.idempotency.routing import IdempotentPerCaller, IdempotentRoute
from gatepost.security.password_policy import WeakPassword
from gatepost.stores.lockout import LoginLocked
from gatepost.web.dependencies import RequestWork
from gatepost.web.problems import problems
from gatepost.web.shortcuts import with_shortcut

router = APIRouter(tags=["profile"], route_class=IdempotentRoute)
by_auth = APIRouter(tags=["profile"], route_class=with_shortcut(cached_profile))


async def read_me(user: CurrentUser) -> UserRead:
    """The caller."""
    return user


async def read_me_by_its_other_name(user: CurrentUser) -> UserRead:
    """The caller; the same as `/users/me`."""
    return user


router.add_api_route("/users/me", read_me, route_class_override=with_shortcut(cached_profile))
by_auth.add_api_route("/me", read_me_by_its_other_name)


@router.patch(
    "/users/me",
    dependencies=[IdempotentPerCaller],
    responses=problems(EmailTaken, UsernameTaken, WrongPassword, LoginLocked),
)
async def update_me(
    work: RequestWork, principal: CurrentPrincipal, body: ProfileUpdate
) -> UserRead:
    """Change the caller's profile. A new email address takes the current password."""
    changes = body.model_dump(exclude_unset=True, exclude={"current_password"})
    user = await passwords.change_own_profile(work, principal, changes, body.current_password)
    return UserRead.model_validate(user)


@router.post(
    "/users/me/password",
    dependencies=[IdempotentPerCaller],
    responses=problems(WrongPassword, WeakPassword, LoginLocked),
)
async def change_password(
    work: RequestWork, principal: CurrentPrincipal, body: PasswordChange
) -> Message:
    """Change the password; every other session of the caller ends."""
    await passwords.change(work, principal, body.current_password, body.new_password)
    return Message(message="Password changed; your other sessions have ended")
