"""The route class of every router: a body is read strictly, before anything is made of it."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from gatepost.web.strict_json import read_json

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """Reads JSON by `strict_json` where the framework would take UTF-16 and the last of two names.

    Nobody else's problem reaches a client from within the framework's own reading of a body: so it
    is read here, and the framework finds it done.
    """

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_strictly(request: Request) -> Response:
            strict = _StrictRequest(request.scope, request.receive)
            if await strict.body():
                await strict.json()
            return await handle(strict)

        return handle_strictly


class _StrictRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401 - Starlette's own signature
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body())
        return self._json
