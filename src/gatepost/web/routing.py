"""The route classes of all routers, which are strict about bodies and queries."""

from collections.abc import Callable, Coroutine
from copy import copy
from dataclasses import replace
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from gatepost.errors import ValidationFailed
from gatepost.web.fastapi_parts import get_dependant
from gatepost.web.request_json import read_json
from gatepost.web.strict_query import query_errors, query_names, refuse_long_query

_WRONG_QUERY = "gatepost.wrong_query"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BoundedRoute(APIRoute):
    """Limits the query by `refuse_long_query`, and parses no cookies.

    FastAPI would parse all of both for every route with a dependency. Unknown names in a query are
    allowed, since caches and probes append some.
    """

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_bounded(request: Request) -> Response:
            if query := request.scope["query_string"]:
                refuse_long_query(query)
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_bounded


class StrictRoute(BoundedRoute):
    """Parses JSON by `request_json`, and refuses unknown names in a query by `strict_query`.

    FastAPI would accept UTF-16, and the last of two members of one name. It turns any exception
    raised while it parses a body into its own 400, so the body is parsed first, and the result left
    on the request. The query of a POST is not checked: unknown names in the query of an OAuth2
    token endpoint are allowed (RFC 6749 section 3.2). Like a body, a query is refused only after
    the route's dependencies have accepted the caller.
    """

    def get_route_handler(self) -> Handler:
        handle = APIRoute.get_route_handler(self)
        refuse_query = self._handler_that_refuses_the_query()
        reads_body = self.body_field is not None
        names = None if self.methods == {"POST"} else query_names(self.dependant)

        async def handle_strictly(request: Request) -> Response:
            strict = _StrictRequest(request.scope, request.receive)
            if query := request.scope["query_string"]:
                refuse_long_query(query)
                if names is not None and (wrong := query_errors(strict.query_params, names)):
                    strict.scope[_WRONG_QUERY] = wrong
                    return await refuse_query(strict)
            if reads_body and await strict.body():
                await strict.json()
            return await handle(strict)

        return handle_strictly

    def _handler_that_refuses_the_query(self) -> Handler:
        refusal = get_dependant(path=self.path_format, call=_refuse_query)
        refusing = copy(self)
        refusing.dependant = replace(
            self.dependant, dependencies=[*self.dependant.dependencies, refusal]
        )
        return APIRoute.get_route_handler(refusing)


async def _refuse_query(request: Request) -> None:
    raise ValidationFailed("The query is not as it should be.", errors=request.scope[_WRONG_QUERY])


class _StrictRequest(Request):
    @property
    def cookies(self) -> dict[str, str]:
        """Empty: `web.cookies` reads ours, and FastAPI would parse all of them for every route."""
        return {}

    async def json(self) -> Any:  # noqa: ANN401 - Starlette's own signature
        if not hasattr(self, "_value"):
            self._value = read_json(await self.body())
        return self._value
