"""The security headers of every answer (ASVS 5.0 V3.4)."""

from collections.abc import Iterable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Header = tuple[bytes, bytes]

API_CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"

HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-XSS-Protection": "1; mode=block",
    "Cache-Control": "no-store",
    "Content-Security-Policy": API_CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def header_fields(strict_transport_security: str | None) -> list[Header]:
    """The headers of an answer that sets none of them itself."""
    headers = dict(HEADERS)
    if strict_transport_security is not None:
        headers["Strict-Transport-Security"] = strict_transport_security
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class SecurityHeaders:
    """Adds each header that the answer does not set itself; pages and static files set some."""

    def __init__(self, app: ASGIApp, strict_transport_security: str | None) -> None:
        self.app = app
        self.headers = header_fields(strict_transport_security)
        self.names = frozenset(name for name, _ in self.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._completed(message["headers"])
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _completed(self, headers: Iterable[Header]) -> list[Header]:
        present = {name for name, _ in headers}
        if self.names.isdisjoint(present):
            return [*headers, *self.headers]
        return [*headers, *(header for header in self.headers if header[0] not in present)]
