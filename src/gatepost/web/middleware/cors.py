"""Cross-origin resource sharing, for listed origins only: never `*`, never `null`."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatepost.errors import Problem
from gatepost.web.headers import all_of
from gatepost.web.problems import problem_response, request_id_of

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = ("Authorization", "Content-Type", "X-Request-ID")
ANSWER_HEADERS = (
    "Link",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-ID",
)
PREFLIGHT_SECONDS = 600

_LONGEST_LIST = 4096
"""In bytes, of `Access-Control-Request-Headers`: no browser sends as many names."""

# Headers that need no preflight (Fetch, "CORS-safelisted request-header").
_SAFELISTED = frozenset({"accept", "accept-language", "content-language"})

HARMLESS_HEADERS = (
    *("Baggage", "Sentry-Trace", "Traceparent", "Tracestate"),
    *("B3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags"),
    *("Newrelic", "Elastic-Apm-Traceparent", "Uber-Trace-Id", "Request-Id", "Request-Context"),
    *("X-Amzn-Trace-Id", "X-Cloud-Trace-Context", "X-Correlation-ID"),
    *("X-Datadog-Trace-Id", "X-Datadog-Parent-Id", "X-Datadog-Origin"),
    *("X-Datadog-Sampling-Priority", "X-Datadog-Tags"),
    *("X-Requested-With", "X-CSRF-Token", "X-XSRF-Token"),
    *("Cache-Control", "Pragma"),
)
"""Headers that tracing and front-end libraries add to requests; the service does not read them."""


class CorsRejected(Problem):
    status = 403
    code = "cors_rejected"
    title = "This origin, method or header is not allowed across origins"
    when = "A browser asks whether a page of another origin may send this request, and it may not."
    remedy = "Add the page's origin to `ALLOWED_ORIGINS`, if it is yours."


class Cors:
    """Answers preflight requests, and adds the CORS headers to every other answer."""

    def __init__(
        self,
        app: ASGIApp,
        allowed_origins: tuple[str, ...],
        allowed_headers: tuple[str, ...],
        exposed_headers: tuple[str, ...] = (),
    ) -> None:
        self.app = app
        self.allowed_origins = frozenset(allowed_origins)
        named = (*REQUEST_HEADERS, *HARMLESS_HEADERS, *allowed_headers)
        self.exposed_headers = ", ".join(sorted((*ANSWER_HEADERS, *exposed_headers)))
        self.named_headers = ", ".join(named)
        self.allowed_headers = _SAFELISTED | frozenset(map(str.lower, named))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        origins = all_of(scope, b"origin")
        if not origins and not self.allowed_origins:
            await self.app(scope, receive, send)
            return
        origin = origins[0].decode("latin-1") if len(origins) == 1 else None
        is_listed = origin in self.allowed_origins

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start" and self.allowed_origins:
                self._mark(message, origin if is_listed else None)
            await send(message)

        if scope["method"] == "OPTIONS" and origins:
            headers = Headers(scope=scope)
            if "access-control-request-method" in headers:
                answer = self._answer_preflight(headers, request_id_of(scope), is_listed=is_listed)
                await answer(scope, receive, send_marked)
                return
        await self.app(scope, receive, send_marked)

    def _answer_preflight(self, headers: Headers, request_id: str, *, is_listed: bool) -> Response:
        method = headers["access-control-request-method"]
        named = ",".join(headers.getlist("access-control-request-headers"))
        if not is_listed or method not in METHODS or not self._may_be_sent(named):
            return problem_response(CorsRejected(), request_id)
        return Response(
            status_code=204,
            headers={
                "Access-Control-Allow-Methods": ", ".join(METHODS),
                "Access-Control-Allow-Headers": self.named_headers,
                "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            },
        )

    def _may_be_sent(self, named: str) -> bool:
        if len(named) > _LONGEST_LIST:
            return False
        return {name.strip() for name in named.lower().split(",")} - {""} <= self.allowed_headers

    def _mark(self, start: Message, origin: str | None) -> None:
        """Add `Vary: Origin`, and allow the origin, if one is given, to read the answer.

        `Vary` is on every answer, so that a cache does not serve one site's answer to another.
        """
        marked = MutableHeaders(scope=start)
        marked.add_vary_header("Origin")
        if origin is not None:
            marked["Access-Control-Allow-Origin"] = origin
            marked["Access-Control-Allow-Credentials"] = "true"
            marked["Access-Control-Expose-Headers"] = self.exposed_headers
