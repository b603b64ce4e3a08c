"""Finds every route of a host application and of the applications mounted in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.routing import BaseRoute, Host, Mount

from gatepost.web.fastapi_parts import Dependant, route_contexts


@dataclass(frozen=True, slots=True)
class InspectedRoute:
    """A FastAPI route: its name for messages, and its dependant, which has its parameters."""

    name: str
    dependant: Dependant


def routes_of(routes: Sequence[BaseRoute]) -> Iterator[InspectedRoute]:
    """Every FastAPI route, at any depth of routers and mounted applications."""
    for path, context, _ in _walk(routes):
        dependant = getattr(context, "dependant", None)
        if isinstance(dependant, Dependant):
            methods = sorted(getattr(context, "methods", None) or {"WebSocket"})
            yield InspectedRoute(f"{', '.join(methods)} {path}", dependant)


def applications_of(routes: Sequence[BaseRoute]) -> Iterator[FastAPI]:
    """Every FastAPI application that is mounted in these routes, at any depth."""
    for _, _, route in _walk(routes):
        mounted = _mounted(route)
        if isinstance(mounted, FastAPI):
            yield mounted


def _walk(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, Any, BaseRoute]]:
    """Each route with its full path; an application that is mounted twice is walked once."""
    waiting: list[tuple[str, Sequence[BaseRoute]]] = [("", routes)]
    seen = set[int]()
    while waiting:
        above, routes = waiting.pop(0)
        for context, route in route_contexts(routes):
            path = above + (getattr(context, "path", "") or "")
            yield path, context, route
            mounted = _mounted(route)
            if mounted is not None and id(mounted) not in seen:
                seen.add(id(mounted))
                waiting.append((path, getattr(mounted, "routes", ())))


class OwnMount(Mount):
    """The mount of the service itself, which holds none of the host's routes."""


def _mounted(route: BaseRoute) -> Any:  # noqa: ANN401 - an application of any kind
    """Return the mounted application, without the middleware that wraps it."""
    if not isinstance(route, Mount | Host) or isinstance(route, OwnMount):
        return None
    mounted: Any = route.app
    while not hasattr(mounted, "routes") and hasattr(mounted, "app"):
        mounted = mounted.app
    return mounted
