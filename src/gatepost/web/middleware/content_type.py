"""Refuses a body whose media type its path does not accept (RFC 9110 section 15.5.16)."""

import re

from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from gatepost.errors import Problem
from gatepost.web.headers import all_of, first
from gatepost.web.middleware.body_limit import ANNOUNCING
from gatepost.web.problems import problem_response, request_id_of

_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_JSON = b"application/json"
_FORM = b"application/x-www-form-urlencoded"
_UTF_8 = frozenset({b"utf-8", b"utf8"})

_LONGEST_FIELD = 256
"""In bytes: no client has a reason to send more."""

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(rb"[ \t]*(%b/%b)[ \t]*" % (_TOKEN, _TOKEN))
# One parameter, which may be empty (RFC 9110 section 5.6.6).
_PARAMETER = re.compile(
    rb';[ \t]*(?:(%b)=(%b|"(?:[^"\\]|\\.)*"))?[ \t]*' % (_TOKEN, _TOKEN), re.DOTALL
)


class UnsupportedMediaType(Problem):
    status = 415
    code = "unsupported_media_type"
    title = "Send JSON in UTF-8, or a form where a form is accepted"
    when = "A body is neither JSON nor, where one is accepted, a form; or is not in UTF-8."
    remedy = "Send `Content-Type: application/json`."


class ContentType:
    """Checks the `Content-Type` of each request with a body, before the body is parsed.

    If no route matches path and method, the router answers 404 or 405 instead.
    """

    def __init__(self, app: ASGIApp, form_paths: tuple[str, ...]) -> None:
        self.app = app
        self.form_paths = form_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["method"] in _METHODS_WITH_BODY
            and _has_body(scope)
            and not self._accepts(scope)
            and _is_answered(scope)
        ):
            refusal = problem_response(UnsupportedMediaType(), request_id_of(scope))
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _accepts(self, scope: Scope) -> bool:
        sent = all_of(scope, b"content-type")
        if sent == [_JSON]:  # as nearly all clients send it
            return True
        kind = _kind(sent[0]) if len(sent) == 1 else None
        return kind == _JSON or (kind == _FORM and scope["path"].endswith(self.form_paths))


def _is_answered(scope: Scope) -> bool:
    """Whether a route matches path and method. It is slow, so call it only before a refusal."""
    return any(route.matches(scope)[0] is Match.FULL for route in scope["app"].routes)


def _kind(field: bytes) -> bytes | None:
    """The media type in lower case; None if the field is malformed or its charset is not UTF-8.

    RFC 9110 section 8.3.1. All parameters but `charset` are ignored.
    """
    found = _MEDIA_TYPE.match(field) if len(field) <= _LONGEST_FIELD else None
    if found is None:
        return None
    at = found.end()
    while at < len(field):
        parameter = _PARAMETER.match(field, at)
        if parameter is None:
            return None
        name, value = parameter.groups(default=b"")
        name = name.lower()
        if name.startswith(b"charset*"):
            return None  # the extended notation (RFC 8187), which some parsers read
        if name == b"charset" and value.strip(b'"').lower() not in _UTF_8:
            return None
        at = parameter.end()
    return found[1].lower()


def _has_body(scope: Scope) -> bool:
    """Whether a body is declared; in HTTP/2 `Content-Type` counts as a declaration."""
    if lengths := all_of(scope, b"content-length"):
        return lengths[-1] != b"0"
    announces_bodies = scope.get("http_version") in ANNOUNCING
    sign = b"transfer-encoding" if announces_bodies else b"content-type"
    return first(scope, sign) is not None
