"""How a pair of tokens travels: in the body, in cookies, or in both."""

from fastapi import Request, Response

from gatepost.errors import ValidationFailed
from gatepost.features.auth.schemas import TokenRead, Transport
from gatepost.features.sessions.tokens import TokenPair
from gatepost.settings import Settings
from gatepost.web.cookies import ACCESS_COOKIE, REFRESH_COOKIE, refresh_cookie_path, set_cookie


def transports_for(settings: Settings, wanted: Transport | None) -> frozenset[str]:
    """The transport that was asked for, or all that the service offers.

    Raises `ValidationFailed` for one that it does not: tokens go nowhere that nobody asked for.
    """
    offered = settings.auth_transports
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
    settings: Settings,
    pair: TokenPair,
    transports: frozenset[str],
) -> TokenRead:
    """Put the tokens where they are to travel; returns the body."""
    if "cookie" in transports:
        _set_cookies(request, response, settings, pair)
    if "bearer" not in transports:
        return TokenRead(token_type="cookie", expires_in=pair.access_lifetime)  # noqa: S106 - no secret
    return TokenRead(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        expires_in=pair.access_lifetime,
    )


def clear_cookies(request: Request, response: Response, settings: Settings) -> None:
    """Make the browser forget both tokens, whether it has them or not."""
    set_cookie(response, settings, ACCESS_COOKIE, "", path="/", age=0)
    set_cookie(response, settings, REFRESH_COOKIE, "", path=refresh_cookie_path(request), age=0)


def _set_cookies(request: Request, response: Response, settings: Settings, pair: TokenPair) -> None:
    set_cookie(
        response, settings, ACCESS_COOKIE, pair.access_token, path="/", age=pair.access_lifetime
    )
    set_cookie(
        response,
        settings,
        REFRESH_COOKIE,
        pair.refresh_token,
        path=refresh_cookie_path(request),
        age=pair.refresh_lifetime,
    )
