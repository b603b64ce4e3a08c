"""Registration, login, refresh and logout."""

from functools import partial

from fastapi import APIRouter, Request, Response, status

from gatepost.features.accounts.errors import EmailTaken, UsernameTaken
from gatepost.features.accounts.schemas import Message, UserRead
from gatepost.features.auth import bulk_registration, login, logout, registration
from gatepost.features.auth.dependencies import MayRegister, Registrar
from gatepost.features.auth.errors import InvalidCredentials, RegistrationClosed
from gatepost.features.auth.login_form import SentLogin, either_form
from gatepost.features.auth.registration_form import account_of, failed_row, read_row
from gatepost.features.auth.schemas import (
    BulkRegistration,
    BulkResult,
    LoginRequest,
    RefreshRequest,
    Registration,
    TokenRead,
)
from gatepost.features.auth.shortcuts import refresh_by_body
from gatepost.features.auth.transports import (
    LogoutRoute,
    clear_cookies,
    deliver,
    find_optional_credential,
    find_refresh_cookie,
    find_refresh_token,
    refuse_and_clear,
    transports_for,
)
from gatepost.features.callers.dependencies import CurrentPrincipal, SendsCredential
from gatepost.features.callers.errors import InvalidToken, NotAuthenticated
from gatepost.features.idempotency.routing import Idempotent, IdempotentRoute
from gatepost.features.sessions import service as sessions
from gatepost.security.hash_pool import ServerBusy
from gatepost.security.password_policy import WeakPassword
from gatepost.stores.lockout import LoginLocked
from gatepost.web.csrf import CsrfRejected, refuse_cross_site
from gatepost.web.dependencies import RequestWork
from gatepost.web.openapi import FOR_ADMINS_WHERE_CLOSED
from gatepost.web.problems import problems
from gatepost.web.rate_limits import limited, spend
from gatepost.web.shortcuts import with_shortcut

router = APIRouter(tags=["auth"], route_class=IdempotentRoute)

GOODBYE = "Logged out successfully"


@router.post(
    "/register",
    status_code=status.HTTP_201_CREATED,
    dependencies=[limited("registration"), MayRegister, Idempotent],
    openapi_extra=FOR_ADMINS_WHERE_CLOSED,
    responses=problems(
        EmailTaken,
        UsernameTaken,
        WeakPassword,
        RegistrationClosed,
        InvalidToken,
        CsrfRejected,
        ServerBusy,
    ),
)
async def register(work: RequestWork, body: Registration, registrar: Registrar) -> UserRead:
    """Create an account. If registration is closed, only admins can, with their token."""
    return UserRead.model_validate(await registration.register(work, account_of(body), registrar))


@router.post(
    "/register/bulk",
    status_code=status.HTTP_201_CREATED,
    dependencies=[MayRegister, Idempotent],
    openapi_extra=FOR_ADMINS_WHERE_CLOSED,
    responses=problems(RegistrationClosed, InvalidToken, CsrfRejected, ServerBusy),
)
async def register_bulk(
    request: Request, work: RequestWork, body: BulkRegistration, registrar: Registrar
) -> BulkResult:
    """Create up to a hundred accounts. A bad row fails alone; the answer has its problem."""
    await spend(request.scope, "registration", len(body.users))
    wanted = [read_row(row) for row in body.users]
    outcome = await bulk_registration.register_many(work, wanted, registrar)
    return BulkResult(
        created=[UserRead.model_validate(user) for user in outcome.created],
        failed=[failed_row(at, body.users[at], problem) for at, problem in outcome.refused],
    )


@router.post(
    "/login",
    response_model_exclude_none=True,
    dependencies=[limited("login")],
    openapi_extra=either_form(LoginRequest),
    responses=problems(InvalidCredentials, CsrfRejected, LoginLocked, ServerBusy),
)
async def log_in(
    request: Request, response: Response, work: RequestWork, body: SentLogin
) -> TokenRead:
    """Log in by email address or username, with JSON or the OAuth2 password form."""
    settings = work.runtime.settings
    refuse_cross_site(request, settings)
    transports = transports_for(settings, body.transport)
    pair = await login.log_in(work, body.login, body.password)
    return deliver(request, response, settings, pair, transports)


async def refresh(
    request: Request, response: Response, work: RequestWork, body: RefreshRequest | None = None
) -> TokenRead | Response:
    """Trade the refresh token for a new pair. Each works once, except for retries within the grace.

    A token in the body is answered in the body, and one in the cookie by cookie. A cookie that can
    never be valid again is cleared.
    """
    settings = work.runtime.settings
    in_body = (
        body.refresh_token if body and "bearer" in settings.transports.auth_transports else None
    )
    try:
        sent = find_refresh_token(request, settings, in_body)
        pair = await work.write(sessions.refresh, sent.token)
    except InvalidToken as problem:
        if in_body is not None or not problem.is_final:
            raise
        return refuse_and_clear(request, settings, problem)
    return deliver(request, response, settings, pair, sent.transports)


router.add_api_route(
    "/refresh",
    refresh,
    methods=["POST"],
    route_class_override=with_shortcut(refresh_by_body),
    response_model=TokenRead,
    response_model_exclude_none=True,
    dependencies=[limited("refresh")],
    responses=problems(NotAuthenticated, InvalidToken, CsrfRejected),
)


async def log_out(request: Request, response: Response, work: RequestWork) -> Message:
    """End this session, identified by its access token, or else by its refresh token.

    The cookies are cleared even if the tokens are refused.
    """
    settings = work.runtime.settings
    clear_cookies(request, response, settings)
    credential = find_optional_credential(request, work.runtime)
    await logout.log_out(work, credential, partial(find_refresh_cookie, request, settings))
    return Message(message=GOODBYE)


router.add_api_route(
    "/logout",
    log_out,
    methods=["POST"],
    route_class_override=LogoutRoute,
    dependencies=[SendsCredential],
    responses=problems(NotAuthenticated, InvalidToken, CsrfRejected),
)


async def log_out_everywhere(
    request: Request, response: Response, work: RequestWork, principal: CurrentPrincipal
) -> Message:
    """End every session of the caller."""
    await work.write(sessions.end_all, principal.user_id)
    clear_cookies(request, response, work.runtime.settings)
    return Message(message="Logged out on all devices")


router.add_api_route(
    "/logout-all", log_out_everywhere, methods=["POST"], route_class_override=LogoutRoute
)
