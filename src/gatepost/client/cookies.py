"""Drops hostile cookies, which some versions of Python take seconds to parse."""

import sys
from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

READS_COOKIES_SLOWLY: Final = sys.version_info < (3, 11, 10) or (
    (3, 12) <= sys.version_info < (3, 12, 6)
)
"""Whether this Python lacks the fix for CVE-2024-7592.

FastAPI has the standard library unquote every cookie for every route that has a dependency. There
the time grows with the square of the backslashes: 60,000 of them take more than ten seconds.
"""

_MOST_BACKSLASHES: Final = 128


class DropQuotedCookies:
    """Drops cookies that contain backslashes from requests with more than 128 backslashes.

    ASGI middleware for HTTP and WebSockets: call `app.add_middleware(DropQuotedCookies)` if
    `READS_COOKIES_SLOWLY`. `gatepost.install` does so itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and _has_many(scope["headers"]):
            scope["headers"] = [
                (name, _without_backslashes(value) if name == b"cookie" else value)
                for name, value in scope["headers"]
            ]
        await self.app(scope, receive, send)


def _has_many(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    backslashes = sum(value.count(b"\\") for name, value in headers if name == b"cookie")
    return backslashes > _MOST_BACKSLASHES


def _without_backslashes(field: bytes) -> bytes:
    return b";".join(pair for pair in field.split(b";") if b"\\" not in pair)
