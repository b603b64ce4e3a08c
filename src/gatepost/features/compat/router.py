"""Short paths at the root, which older clients use, for the same services."""

from fastapi import APIRouter, Request, Response, status

from gatepost.features.accounts import router as profile
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.schemas import Message, ProfileUpdate, UserRead
from gatepost.features.auth import login
from gatepost.features.auth import router as auth
from gatepost.features.auth.dependencies import MayRegister, Registrar
from gatepost.features.auth.login_form import SentCredentials, SentLogin
from gatepost.features.auth.schemas import Registration, TokenRead
from gatepost.features.auth.transports import LogoutRoute, clear_cookies
from gatepost.features.callers.dependencies import CurrentPrincipal
from gatepost.features.idempotency.routing import Idempotent, IdempotentPerCaller, IdempotentRoute
from gatepost.web.csrf import refuse_cross_site
from gatepost.web.dependencies import RequestWork
from gatepost.web.rate_limits import limited

router = APIRouter(tags=["short paths"], route_class=IdempotentRoute, include_in_schema=False)


@router.post(
    "/register",
    status_code=status.HTTP_201_CREATED,
    dependencies=[limited("registration"), MayRegister, Idempotent],
)
async def register(work: RequestWork, body: Registration, registrar: Registrar) -> UserRead:
    """Make an account; as `POST /auth/register`."""
    return await auth.register(work, body, registrar)


@router.post("/login", response_model_exclude_none=True, dependencies=[limited("login")])
async def log_in(
    request: Request, response: Response, work: RequestWork, body: SentLogin
) -> TokenRead:
    """Log in; as `POST /auth/login`."""
    return await auth.log_in(request, response, work, body)


@router.post("/users/code", dependencies=[limited("login")])
async def read_user_by_credentials(
    request: Request, work: RequestWork, body: SentCredentials
) -> UserRead:
    """The user with these credentials; starts no session."""
    refuse_cross_site(request, work.runtime.settings)
    return UserRead.model_validate(await login.authenticate(work, body.login, body.password))


@router.put("/update", dependencies=[IdempotentPerCaller])
async def update(work: RequestWork, principal: CurrentPrincipal, body: ProfileUpdate) -> UserRead:
    """Change the caller's profile; absent fields keep their value. As `PATCH /users/me`."""
    return await profile.update_me(work, principal, body)


async def delete(
    request: Request, response: Response, work: RequestWork, principal: CurrentPrincipal
) -> Message:
    """Delete the caller's own account and all of their data."""
    user_id = principal.user_id
    await work.write(accounts.delete, user_id, actor_id=user_id)
    clear_cookies(request, response, work.runtime.settings)
    return Message(message="Account deleted")


router.add_api_route("/delete", delete, methods=["DELETE"], route_class_override=LogoutRoute)
