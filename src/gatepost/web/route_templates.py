"""Which route answered a request, by its template: few enough names to count by."""

from collections.abc import Mapping
from typing import Any

NO_ROUTE = "none"
"""Every address that there is not, and whatever was refused before it was looked at."""

LEFT_BY_ROUTING = "route"
"""Where the scope holds the route that matched, which a copy of the scope has to bring back."""


def route_template(scope: Mapping[str, Any]) -> str:
    """The path as the route that matched declares it, such as `/users/{user_id}`; or `NO_ROUTE`."""
    return str(getattr(scope.get(LEFT_BY_ROUTING), "path_format", NO_ROUTE))
