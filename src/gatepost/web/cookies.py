"""The token cookies: HttpOnly, as narrow as their use allows (RFC 6265, ASVS 5.0 V3.3)."""

from fastapi import Request, Response

from gatepost.settings import TransportSettings
from gatepost.web.addresses import auth_folders

ACCESS_COOKIE = "access_token"
REFRESH_COOKIE = "refresh_token"


def set_cookie(
    response: Response, settings: TransportSettings, name: str, value: str, *, path: str, age: int
) -> None:
    """Set a cookie that scripts cannot read, for `age` seconds; 0 clears it."""
    response.set_cookie(
        name,
        value,
        max_age=age,
        path=path,
        domain=settings.cookie_domain,
        secure=settings.cookie_secure,
        httponly=True,
        samesite=settings.cookie_samesite,
    )


def refresh_cookie_path(request: Request) -> str:
    """The folder that refresh and logout share, under whichever prefix the client uses.

    A browser matches it as a path segment: `/api/v1/auth` never reaches `/api/v1/authors`.
    """
    return auth_folders(request.scope)[0]
