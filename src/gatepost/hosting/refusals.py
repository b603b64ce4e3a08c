"""How a refusal is answered in a host's own routes, wherever in it the route lies."""

import inspect
from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import Any, cast

from fastapi import HTTPException, Request, WebSocket
from fastapi.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope
from starlette.websockets import WebSocketState

from gatepost.errors import Problem
from gatepost.web.problems import problem_response, request_id_of

Refusal = Callable[[Any, Problem], Response | Awaitable[Response]]
"""Makes the answer of a refusal: of the request or WebSocket, and the problem."""

_HANDLERS = "starlette.exception_handlers"
_CLOSED_AS = {401: 3000, 403: 3003}
"""By status: the code with which a WebSocket is closed that was accepted before (IANA's list)."""
_POLICY_VIOLATION = 1008


def check_refusal(refusal: object) -> None:
    """Raise `TypeError` for what cannot make answers of refusals."""
    told = "refusal is a function of the request and the problem"
    if not callable(refusal):
        raise TypeError(told)
    try:
        inspect.signature(refusal).bind(None, None)
    except TypeError as error:
        raise TypeError(f"{told}: {error}") from error


def refused(connection: HTTPConnection, problem: Problem, refusal: Refusal | None) -> Problem:
    """Return the problem as an `HTTPException`, and register a handler for it with the application.

    A host's own route class or dependency that handles `HTTPException` handles refusals alike.
    """
    _let_answer(connection.scope)
    plain: type = type(problem)
    kind = _raised_in_hosts(plain)
    error = kind.__new__(kind, problem.detail)
    vars(error).update(vars(problem), status_code=problem.status, refusal=refusal)
    return error


@cache
def _raised_in_hosts(kind: type) -> type[Problem]:
    return cast(
        "type[Problem]",
        type(kind.__name__, (kind, HTTPException), {"__module__": __name__, "is_answered": False}),
    )


def _let_answer(scope: Scope) -> None:
    """Give the route's own application our handler, be it mounted, nested or Starlette's own.

    A handler of its own for `Problem` stays; one for a status would come before, and stands back.
    """
    by_kind, by_status = scope.get(_HANDLERS, ({}, {}))
    by_kind.setdefault(Problem, answering(None))
    for status, theirs in by_status.items():
        if not isinstance(theirs, _ForAllButProblems):
            by_status[status] = _ForAllButProblems(theirs, by_kind)


class _ForAllButProblems:
    """A host's handler for a status, which is not asked how a problem of this status looks."""

    def __init__(self, theirs: Callable[..., Any], by_kind: dict[Any, Any]) -> None:
        self._theirs, self._by_kind = theirs, by_kind

    async def __call__(self, connection: Any, error: Exception) -> Any:  # noqa: ANN401 - Starlette's own signature
        handler = self._by_kind[Problem] if isinstance(error, Problem) else self._theirs
        return await _call(handler, connection, error)


async def _call(handler: Callable[..., Any], *values: object) -> Any:  # noqa: ANN401 - what a host's function gives
    if inspect.iscoroutinefunction(handler):
        return await handler(*values)
    answer = await run_in_threadpool(handler, *values)
    return await answer if inspect.isawaitable(answer) else answer


def answering(refusal: Refusal | None) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The handler that answers a problem as `refusal` makes it, or by a problem document.

    A WebSocket that cannot be answered any more is closed.
    """
    # Starlette gives handlers a WebSocket too, and takes None from them; its type does not say so.
    return cast(
        "Callable[[Request, Exception], Awaitable[Response]]", partial(_answer, refusal=refusal)
    )


async def _answer(
    connection: Request | WebSocket, error: Exception, refusal: Refusal | None
) -> Response | None:
    assert isinstance(error, Problem)  # noqa: S101 - Starlette's handlers are typed for any
    if isinstance(connection, WebSocket) and not _is_answerable(connection):
        if connection.application_state is not WebSocketState.DISCONNECTED:
            await connection.close(_CLOSED_AS.get(error.status, _POLICY_VIOLATION), error.code)
        return None
    refusal = getattr(error, "refusal", refusal)  # that of the instance that refused, if one did
    if refusal is None:
        return problem_response(error, request_id_of(connection.scope))
    answer = await _call(refusal, connection, error)
    if not isinstance(answer, Response):
        given = type(answer).__name__
        raise TypeError(f"The function given as install(refusal=...) returns no Response: {given}")
    if answer.status_code == error.status:
        for name, value in error.headers.items():
            answer.headers.setdefault(name, value)
    return answer


def _is_answerable(socket: WebSocket) -> bool:
    """Whether it is not yet accepted, and the server sends answers in place of a handshake."""
    is_new = socket.application_state is WebSocketState.CONNECTING
    return is_new and "websocket.http.response" in (socket.scope.get("extensions") or {})
