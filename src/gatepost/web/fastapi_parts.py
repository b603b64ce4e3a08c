"""The private parts of FastAPI and Starlette, and the differences between supported versions."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from fastapi import FastAPI, routing
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant, solve_dependencies
from fastapi.routing import APIRoute
from fastapi.utils import generate_unique_id
from pydantic import TypeAdapter
from starlette.routing import BaseRoute
from starlette.types import Scope

from gatepost.settings import ObservabilitySettings

__all__ = [
    "Dependant",
    "api_routes",
    "core_schema_of",
    "generate_unique_id",
    "get_dependant",
    "is_traced",
    "route_contexts",
    "solve_dependencies",
    "telemetry_options",
]


def telemetry_options(settings: ObservabilitySettings) -> dict[str, Any]:
    """The `telemetry` argument of `FastAPI`: request spans if `TRACING_ENABLED`, nothing else.

    FastAPI's log events would contain the texts of exceptions, and its metrics would repeat ours.
    Before 0.142 FastAPI has no such argument; the settings refuse tracing there.
    """
    if find_spec("fastapi.telemetry") is None:
        return {}
    config: dict[str, Any] = {
        "tracing": settings.tracing_enabled,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
    }
    if settings.tracing_enabled:
        from gatepost.observability.tracing import DiscreetProvider

        config["tracer_provider"] = DiscreetProvider()
    return {"telemetry": config}


def core_schema_of(field: Any) -> object:  # noqa: ANN401 - FastAPI keeps its type to itself
    """The core schema by which pydantic validates a field of a route."""
    adapter = getattr(field, "_type_adapter", None)
    return (adapter or TypeAdapter(field.field_info.annotation)).core_schema


def is_traced(scope: Scope) -> bool:
    """Whether FastAPI makes a span for this request; only its own router names spans."""
    return "fastapi.telemetry" in scope


def route_contexts(routes: Sequence[BaseRoute]) -> Iterator[tuple[Any, BaseRoute]]:
    """Each route, with its context: the effective `path`, `name`, `tags`, `methods` and more.

    From 0.137.2 on FastAPI includes routers lazily: a list of routes contains routers, and
    `iter_route_contexts` gives the routes in them. Before, a route is its own context. Until 0.143
    the context of a mount in a router has no `path`, but its `starlette_route` has.
    """
    if hasattr(routing, "iter_route_contexts"):
        for context in routing.iter_route_contexts(routes):
            yield getattr(context, "starlette_route", None) or context, context.original_route
        return
    yield from ((route, route) for route in routes)


def api_routes(app: FastAPI) -> Iterator[Any]:
    """The context of every API route of the application: no mounts, no static files."""
    for context, route in route_contexts(app.routes):
        if isinstance(route, APIRoute):
            yield context
