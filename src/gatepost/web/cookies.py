"""The token cookies: HttpOnly, with the narrowest path possible (RFC 6265, ASVS 5.0 V3.3)."""

from collections.abc import Iterator, Sequence

from fastapi import Request, Response
from starlette.types import Scope

from gatepost.settings import TransportSettings
from gatepost.web.addresses import auth_folders
from gatepost.web.headers import all_of

ACCESS_COOKIE = "access_token"
REFRESH_COOKIE = "refresh_token"

_MOST_OF_ONE_NAME = 8
"""A browser sends one for each path and domain for which it was set: never as many."""


class TwoCookiesError(ValueError):
    """A request sends several values for one cookie: another site may have set one of them."""


def sent_cookie(scope: Scope, name: str) -> str | None:
    """The value of a request's cookie; None if there is no such cookie.

    Raises `TwoCookiesError` if it has several values (RFC 6265 section 4.2.2: do not rely on their
    order). Values are not unquoted: tokens have no quotes, and the standard library unquotes in
    quadratic time on a Python without the fix for CVE-2024-7592.
    """
    wanted = name.encode() + b"="
    values: set[bytes] = set()
    for field in all_of(scope, b"cookie"):
        if wanted in field:
            if field.count(wanted) > _MOST_OF_ONE_NAME:
                raise TwoCookiesError(name)
            values.update(_values(field, wanted))
    if len(values) > 1:
        raise TwoCookiesError(name)
    return values.pop().decode("latin-1") if values else None


def _values(field: bytes, wanted: bytes) -> Iterator[bytes]:
    """The values of the pairs that begin with `name=` (RFC 6265 section 4.2.1)."""
    start = 0  # of a pair
    while (found := field.find(wanted, start)) >= 0:
        end = field.find(b";", found)
        end = len(field) if end < 0 else end
        if not field[start:found].rpartition(b";")[2].strip(b" \t"):
            yield field[found + len(wanted) : end].strip(b" \t")
        start = end + 1


def set_cookie(
    response: Response, settings: TransportSettings, name: str, value: str, *, path: str, age: int
) -> None:
    """Set a cookie that scripts cannot read, for `age` seconds; 0 clears it.

    If `COOKIE_DOMAIN` is set, the cookie without a domain is cleared, which browsers may still
    have from before: they would send both, and both would be refused.
    """

    def put(value: str, age: int, domain: str | None) -> None:
        response.set_cookie(
            name,
            value,
            max_age=age,
            path=path,
            domain=domain,
            secure=settings.cookie_secure,
            httponly=True,
            samesite=settings.cookie_samesite,
        )

    if settings.cookie_domain is not None:
        put("", 0, None)  # first: if the domain is this host, some browsers take both for one
    put(value, age, settings.cookie_domain)


def refresh_cookie_paths(request: Request) -> Sequence[str]:
    """The folders that refresh and logout share; the one of this request comes first.

    A browser matches them as path segments: `/api/v1/auth` never reaches `/api/v1/authors`.
    """
    return auth_folders(request.scope)
