"""Answers HEAD wherever GET is answered: the same headers and no body (RFC 9110 section 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatepost.web.route_table import MATCHED_ROUTE


class HeadAsGet:
    """Turns HEAD into GET; it is innermost, so that all other middleware sees HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif not message.get("more_body", False):
                await send({"type": "http.response.body", "body": b""})

        as_get = {**scope, "method": "GET"}
        try:
            await self.app(as_get, receive, send_headers)
        finally:
            if MATCHED_ROUTE in as_get:
                scope[MATCHED_ROUTE] = as_get[MATCHED_ROUTE]
