"""Which route answered a request, by its template: few enough names to count by."""

from collections.abc import Mapping
from typing import Any

NO_ROUTE = "none"
"""Every address that there is not, and whatever was refused before it was looked at."""

# Where the framework leaves what matched: one of these for a router that was included, under its
# prefix, the other for a route of the application's own.
_INCLUDED = ("fastapi", "effective_route_context")
_OWN = "route"

LEFT_BY_ROUTING = (_INCLUDED[0], _OWN)
"""What a middleware that hands on a copy of the scope has to bring back for `route_template`."""


def route_template(scope: Mapping[str, Any]) -> str:
    """The path as the route that matched declares it, such as `/users/{user_id}`; or `NO_ROUTE`."""
    included = scope.get(_INCLUDED[0], {}).get(_INCLUDED[1])
    for route in (included, scope.get(_OWN)):
        template = getattr(route, "path_format", None) or getattr(route, "path", None)
        if template:
            return str(template)
    return NO_ROUTE
