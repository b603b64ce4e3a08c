"""Traces by OpenTelemetry: a span for each request, statement and command, without any values.

The API is always installed, and costs nothing without a provider. The exporter is the extra
`gatepost[otel]`, and is imported only if `TRACING_ENABLED` is set.
"""

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, TracerProvider
from sqlalchemy import Connection, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.stores.base import Store

_LEFT_OUT = frozenset({"url.path", "url.query"})
"""Attributes that clients write; `http.route` has the path's template instead."""

_SYSTEMS = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mariadb"}
_SPAN = "gatepost_span"


def start_exporting(service_name: str) -> None:
    """Export this process's spans by OTLP over HTTP; `OTEL_...` variables configure the exporter.

    Spans that are still queued when the process ends are sent then.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider as Provider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: service_name}))
    provider = Provider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def trace_database(engine: AsyncEngine) -> None:
    """Trace each SQL statement, with its text but without its parameters or an error's text.

    An error's text can contain a row, which is why no library's instrumentation is used.
    """
    tracer = DiscreetProvider().get_tracer("gatepost.database")
    system = _SYSTEMS[engine.url.get_backend_name()]

    def begin(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own signature
        connection.info[_SPAN] = tracer.start_span(
            f"{statement.split(maxsplit=1)[0]} {system}",
            kind=SpanKind.CLIENT,
            attributes={"db.system.name": system, "db.query.text": statement},
        )

    def end(connection: Connection, *_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own signature
        connection.info.pop(_SPAN).end()

    def fail(failure: ExceptionContext) -> None:
        span = failure.connection.info.pop(_SPAN, None) if failure.connection else None
        if span is not None:
            span.set_attribute("error.type", type(failure.original_exception).__qualname__)
            span.set_status(StatusCode.ERROR)
            span.end()

    event.listen(engine.sync_engine, "before_cursor_execute", begin)
    event.listen(engine.sync_engine, "after_cursor_execute", end)
    event.listen(engine.sync_engine, "handle_error", fail)


def trace_store(store: Store) -> None:
    """Trace each Redis command without its arguments, if Redis is the store."""
    if store.kind != "redis":
        return
    from opentelemetry.instrumentation.redis import RedisInstrumentor

    from gatepost.stores.redis import RedisStore

    if isinstance(store, RedisStore):
        RedisInstrumentor.instrument_client(store.client, tracer_provider=DiscreetProvider())


class DiscreetProvider(TracerProvider):
    """Wraps the process's tracer provider, and drops attributes that clients write."""

    def get_tracer(self, *arguments: Any, **named: Any) -> Tracer:  # noqa: ANN401 - handed on as they are
        return _DiscreetTracer(trace.get_tracer_provider().get_tracer(*arguments, **named))


class _DiscreetTracer(Tracer):
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(self, name: str, *arguments: Any, **named: Any) -> Span:  # noqa: ANN401 - handed on as they are
        attributes = named.get("attributes") or {}
        named["attributes"] = {
            key: value for key, value in attributes.items() if key not in _LEFT_OUT
        }
        return self._tracer.start_span(name, *arguments, **named)

    def start_as_current_span(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - handed on as they are
        return self._tracer.start_as_current_span(*arguments, **named)
