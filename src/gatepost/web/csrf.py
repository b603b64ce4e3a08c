"""Refuses cross-site request forgery: a request that another site makes a browser send.

As OWASP's cheat sheet advises: fetch metadata first, and `Origin` for browsers too old for it.
Programs that are not browsers send neither, and are not refused.
"""

from fastapi import Request

from gatepost.errors import Problem
from gatepost.settings import CoreSettings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})


class CsrfRejected(Problem):
    status = 403
    code = "csrf_rejected"
    title = "Another site made this request"
    when = (
        "A page of another site made a browser send a request that changes something, with the "
        "user's cookies."
    )
    remedy = (
        "Add the site's origin to `ALLOWED_ORIGINS`, if it is yours; or send a bearer token and "
        "no cookies."
    )


def refuse_cross_site(request: Request, settings: CoreSettings) -> None:
    """Raise `CsrfRejected` if a page that we do not trust sent this state-changing request.

    An origin in `ALLOWED_ORIGINS` is trusted, so that a front end on another origin can log in.
    """
    if request.method in SAFE_METHODS:
        return
    origins = request.headers.getlist("origin")
    # Several origins match none: no browser sends two.
    origin = ", ".join(origins) if origins else None
    if origin is not None and origin in settings.transports.allowed_origins:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in _OWN_SITES:
            raise CsrfRejected
        return
    if origin is not None and not _is_own(origin, request, settings):
        raise CsrfRejected


def _is_own(origin: str, request: Request, settings: CoreSettings) -> bool:
    """Whether the origin is the configured public address or the request's own host.

    Either scheme matches: behind a proxy that terminates TLS we do not know the browser's.
    """
    host = request.headers.get("host")
    return origin in {settings.service.public_url, f"https://{host}", f"http://{host}"}
