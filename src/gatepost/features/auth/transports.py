"""The transports of tokens: in the body, in cookies, or in both."""

from dataclasses import dataclass

from fastapi import Request, Response

from gatepost.errors import Problem, ValidationFailed
from gatepost.features.auth.schemas import TokenRead, Transport
from gatepost.features.callers.authenticators import Credential, find_credential
from gatepost.features.callers.errors import InvalidToken, NotAuthenticated
from gatepost.features.idempotency.routing import IdempotentRoute
from gatepost.features.sessions.authenticators.token_cookie import find_token_cookie
from gatepost.features.sessions.tokens import TokenPair
from gatepost.runtime import Runtime
from gatepost.settings import CoreSettings
from gatepost.web.cookies import ACCESS_COOKIE, REFRESH_COOKIE, refresh_cookie_paths, set_cookie
from gatepost.web.csrf import CsrfRejected, refuse_cross_site
from gatepost.web.problems import problem_response, request_id_of
from gatepost.web.routing import Handler
from gatepost.web.runtimes import runtime_of


def transports_for(settings: CoreSettings, wanted: Transport | None) -> frozenset[str]:
    """The requested transport, or all that the service offers.

    Raises `ValidationFailed` for a transport that it does not offer.
    """
    offered = settings.transports.auth_transports
    if wanted is None:
        return offered
    if wanted not in offered:
        raise ValidationFailed(
            errors=[
                {
                    "loc": ["body", "transport"],
                    "msg": f"This service offers: {', '.join(sorted(offered))}",
                    "type": "transport_not_offered",
                }
            ]
        )
    return frozenset({wanted})


def deliver(
    request: Request,
    response: Response,
    settings: CoreSettings,
    pair: TokenPair,
    transports: frozenset[str],
) -> TokenRead:
    """Set the tokens' cookies if they are sent in cookies, and return the body."""
    if "cookie" in transports:
        _set_cookies(request, response, settings, pair)
    if "bearer" not in transports:
        return TokenRead(token_type="cookie", expires_in=pair.access_lifetime)  # noqa: S106 - no secret
    return tokens_in_body(pair)


def tokens_in_body(pair: TokenPair) -> TokenRead:
    """The body with both tokens."""
    return TokenRead(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        expires_in=pair.access_lifetime,
    )


@dataclass(frozen=True, slots=True)
class SentRefreshToken:
    """The refresh token of a request, and the transports of the new pair."""

    token: str
    transports: frozenset[str]


def find_refresh_token(
    request: Request, settings: CoreSettings, in_body: str | None
) -> SentRefreshToken:
    """The refresh token of a request: from the body, or else from the cookie.

    The new pair is sent the same way: in the body, in cookies, or in both. Raises
    `NotAuthenticated` if there is none, and as `find_refresh_cookie` does.
    """
    in_cookie = find_refresh_cookie(request, settings)
    sent = {"bearer": in_body, "cookie": in_cookie}
    token = in_body or in_cookie
    if token is None:
        raise NotAuthenticated
    return SentRefreshToken(token, frozenset(by for by, value in sent.items() if value))


def find_refresh_cookie(request: Request, settings: CoreSettings) -> str | None:
    """The refresh token from its cookie; None if there is none.

    Raises `CsrfRejected` if another site made the request, and `InvalidToken` for two cookies.
    """
    token = find_token_cookie(request.scope, REFRESH_COOKIE, settings.transports)
    if token is not None:
        refuse_cross_site(request, settings)
    return token


def find_optional_credential(request: Request, runtime: Runtime) -> Credential | None:
    """The request's credential, not yet verified; None if it has none.

    Raises `CsrfRejected` for a cookie in another site's request, and `InvalidToken` for several.
    """
    try:
        credential = find_credential(request.scope, runtime)
    except NotAuthenticated:
        return None
    if credential.is_ambient:
        refuse_cross_site(request, runtime.settings)
    return credential


def clear_cookies(request: Request, response: Response, settings: CoreSettings) -> None:
    """Delete all token cookies in the browser."""
    set_cookie(response, settings.transports, ACCESS_COOKIE, "", path="/", age=0)
    for path in refresh_cookie_paths(request):
        set_cookie(response, settings.transports, REFRESH_COOKIE, "", path=path, age=0)


def refuse_and_clear(request: Request, settings: CoreSettings, problem: Problem) -> Response:
    """The problem as an answer that also clears the cookies, which can never be valid again.

    Raises the problem, and clears nothing, if another site made the request: that site could log
    people out, as browsers accept cookies from an answer even if they sent none.
    """
    try:
        refuse_cross_site(request, settings)
    except CsrfRejected:
        raise problem from None
    response = problem_response(problem, request_id_of(request.scope))
    clear_cookies(request, response, settings)
    return response


class LogoutRoute(IdempotentRoute):
    """Clears the cookies even if the logout is refused, because their tokens are invalid."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_logout(request: Request) -> Response:
            try:
                return await handle(request)
            except (InvalidToken, NotAuthenticated) as problem:
                return refuse_and_clear(request, runtime_of(request.scope).settings, problem)

        return handle_logout


def _set_cookies(
    request: Request, response: Response, settings: CoreSettings, pair: TokenPair
) -> None:
    set_cookie(
        response,
        settings.transports,
        ACCESS_COOKIE,
        pair.access_token,
        path="/",
        age=pair.access_lifetime,
    )
    here, *others = refresh_cookie_paths(request)
    # Otherwise a login under another path would leave a second cookie, of another session.
    for path in others:
        set_cookie(response, settings.transports, REFRESH_COOKIE, "", path=path, age=0)
    set_cookie(
        response,
        settings.transports,
        REFRESH_COOKIE,
        pair.refresh_token,
        path=here,
        age=pair.refresh_lifetime,
    )
