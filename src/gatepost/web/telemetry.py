"""Limits the trace context headers that OpenTelemetry parses."""

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

_TRACE_FIELDS = frozenset({b"traceparent", b"tracestate", b"baggage"})
_LONGEST_FIELD = 8192
"""In bytes: the least that W3C Baggage section 3.3.2 requires to be accepted."""


class TracedService(FastAPI):
    """An application whose requests are traced, as part of the client's trace.

    OpenTelemetry's parsers take quadratic time for white space. So each run of it becomes one
    space, and fields that are too long are dropped.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(name in _TRACE_FIELDS for name, _ in scope.get("headers", ())):
            scope["headers"] = [
                (name, b" ".join(value.split()) if name in _TRACE_FIELDS else value)
                for name, value in scope["headers"]
                if name not in _TRACE_FIELDS or len(value) <= _LONGEST_FIELD
            ]
        await super().__call__(scope, receive, send)
