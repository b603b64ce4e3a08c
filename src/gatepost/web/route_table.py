"""Adds the routes of the service, and finds the one that a request matches."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match, NoMatchFound, compile_path
from starlette.types import Receive, Scope, Send

from gatepost.web.addresses import own_path
from gatepost.web.fastapi_parts import generate_unique_id, is_traced

MATCHED_ROUTE = "route"
"""The scope's key of the matched route. Middleware that copies the scope must copy it back."""

NO_ROUTE = "none"
"""The template for paths without a route, and for requests that are refused before routing."""

_NOTHING: tuple[Match, Scope] = (Match.NONE, {})


def route_template(scope: Mapping[str, Any]) -> str:
    """The template of the matched route's path, such as `/users/{user_id}`; or `NO_ROUTE`."""
    return str(getattr(scope.get(MATCHED_ROUTE), "path_format", NO_ROUTE))


class RouteTable(BaseRoute):
    """The first of an application's routes: an index of all others, which it answers for.

    It finds the same route as FastAPI, the first with this path and method, by a look into a dict
    instead of trying each route. If there is none, or if the request is traced, it matches nothing:
    FastAPI then answers 404 or 405, and names the span. Routes that are added after the first
    request are not in the index; FastAPI finds them.
    """

    def __init__(self, routes: list[BaseRoute]) -> None:
        """Append itself to an application's `routes`."""
        self._routes = routes
        self._fixed: dict[tuple[str, str], APIRoute] = {}
        self._varying: list[APIRoute] = []
        self._is_filled = False
        routes.append(self)

    def add(self, router: APIRouter, prefix: str = "", *, in_schema: bool = True) -> None:
        """Add a router's routes below a prefix.

        `include_router` would inspect the signature of each route again, for every prefix and
        application. A copy of the route with another path is enough, and much faster.
        """
        for route in router.routes:
            assert isinstance(route, APIRoute)  # noqa: S101 - no router of ours has another kind
            self._routes.append(_copy(route, prefix + route.path, in_schema=in_schema))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or is_traced(scope):
            return _NOTHING
        if not self._is_filled:
            self._fill()
        path, method = own_path(scope), scope["method"]
        route = self._fixed.get((method, path))
        if route is not None:
            return Match.FULL, _found(route, {})
        for route in self._varying:
            found = route.path_regex.match(path)
            if found is not None and method in (route.methods or ()):
                values = {
                    name: route.param_convertors[name].convert(text)
                    for name, text in found.groupdict().items()
                }
                return Match.FULL, _found(route, values)
        return _NOTHING

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope[MATCHED_ROUTE].handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:  # noqa: ANN401 - Starlette's own signature
        raise NoMatchFound(name, path_params)

    def _fill(self) -> None:
        for route in _leading(self._routes, but=self):
            if route.param_convertors:
                self._varying.append(route)
                continue
            hides = [each for each in self._varying if each.path_regex.match(route.path)]
            for method in route.methods or ():
                if not any(method in (each.methods or ()) for each in hides):
                    self._fixed.setdefault((method, route.path), route)
        self._is_filled = True


def _leading(routes: Sequence[BaseRoute], *, but: BaseRoute) -> Iterator[APIRoute]:
    """The routes up to the first that is no API route, such as a mount."""
    for route in routes:
        if route is but:
            continue
        if not isinstance(route, APIRoute):
            return
        yield route


def _found(route: APIRoute, values: dict[str, Any]) -> Scope:
    """The entries that FastAPI would add to the scope, for the route and for metrics."""
    return {MATCHED_ROUTE: route, "endpoint": route.endpoint, "path_params": values}


def _copy(route: APIRoute, path: str, *, in_schema: bool) -> APIRoute:
    here = copy(route)
    here.path = path
    here.path_regex, here.path_format, here.param_convertors = compile_path(path)
    here.unique_id = generate_unique_id(here)
    here.include_in_schema = route.include_in_schema and in_schema
    return here
