"""Refuses a body of a kind that its address does not take, before it is parsed (RFC 9110 415)."""

from email.message import Message as MimeHeaders

from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from gatepost.errors import Problem
from gatepost.web.problems import problem_response, request_id_of

_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


class UnsupportedMediaType(Problem):
    status = 415
    code = "unsupported_media_type"
    title = "Send JSON in UTF-8, or a form where a form is accepted"


class ContentType:
    """Looks at the header only; a request without a body needs none.

    Where no route takes path and method, the router says so: 404 or 405, whatever the body is.
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
        sent = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
        if sent == _JSON:  # as nearly everybody sends it, and parsing takes long
            return True
        mime = MimeHeaders()
        mime["content-type"] = sent
        kind, charset = mime.get_content_type(), mime.get_param("charset", "utf-8")
        if str(charset).lower() not in {"utf-8", "utf8"}:
            return False
        return kind == _JSON or (kind == _FORM and scope["path"].endswith(self.form_paths))


def _is_answered(scope: Scope) -> bool:
    """Whether a route takes the path and the method: asked only before a refusal."""
    return any(route.matches(scope)[0] is Match.FULL for route in scope["app"].routes)


def _has_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
