"""Bounds what the parsers of trace context read."""

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

_TRACE_FIELDS = frozenset({b"traceparent", b"tracestate", b"baggage"})
_LONGEST_FIELD = 8192
"""In bytes: as much as W3C Baggage section 3.3.2 asks everybody to take."""


class TracedService(FastAPI):
    """An application whose requests are traced, from where their fields say.

    Their parsers are OpenTelemetry's, and take quadratic time for white space: so its runs become
    one space each, and a field that is too long is left out.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(name in _TRACE_FIELDS for name, _ in scope.get("headers", ())):
            scope["headers"] = [
                (name, b" ".join(value.split()) if name in _TRACE_FIELDS else value)
                for name, value in scope["headers"]
                if name not in _TRACE_FIELDS or len(value) <= _LONGEST_FIELD
            ]
        await super().__call__(scope, receive, send)
