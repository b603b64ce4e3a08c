"""Finds the route of a request by one look, where the framework asks one after the other."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from gatepost.web.addresses import own_path
from gatepost.web.fastapi_parts import is_traced
from gatepost.web.route_templates import LEFT_BY_ROUTING

_NOTHING: tuple[Match, Scope] = (Match.NONE, {})


class RouteIndex(BaseRoute):
    """The first of an application's routes: it knows all that follow, and answers for them.

    It finds what the framework would, the first route that takes both path and method. Where there
    is none it stands aside, and so it does where requests are traced: refusals and the names of
    spans are the framework's. Routes that are added while it serves are found as ever, after these.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = routes
        self._fixed: dict[tuple[str, str], APIRoute] = {}
        self._varying: list[APIRoute] = []
        self._is_filled = False

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or is_traced(scope):
            return _NOTHING
        if not self._is_filled:
            self._fill()
        path, method = own_path(scope), scope["method"]
        route = self._fixed.get((method, path))
        if route is not None:
            return Match.FULL, _left_by(route, {})
        for route in self._varying:
            found = route.path_regex.match(path)
            if found is not None and method in (route.methods or ()):
                values = {
                    name: route.param_convertors[name].convert(text)
                    for name, text in found.groupdict().items()
                }
                return Match.FULL, _left_by(route, values)
        return _NOTHING

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope[LEFT_BY_ROUTING].handle(scope, receive, send)

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
    """The routes up to the first of a kind that is matched otherwise, such as a mount."""
    for route in routes:
        if route is but:
            continue
        if not isinstance(route, APIRoute):
            return
        yield route


def _left_by(route: APIRoute, values: dict[str, Any]) -> Scope:
    """What the framework would leave in the scope, for the route and for whoever counts it."""
    return {LEFT_BY_ROUTING: route, "endpoint": route.endpoint, "path_params": values}
