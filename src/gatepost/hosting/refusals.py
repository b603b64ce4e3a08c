"""Answers our problems in a host's own routes, also in mounted and nested applications."""

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
"""Makes a response from the request or WebSocket, and the problem."""

_HANDLERS = "starlette.exception_handlers"
_CLOSED_AS = {401: 3000, 403: 3003}
"""By status: the close code of a WebSocket that was accepted before (IANA's registry)."""
_POLICY_VIOLATION = 1008


def check_refusal(refusal: object) -> None:
    """Raise `TypeError` unless `refusal` is a function of two arguments."""
    expected = "refusal is a function of the request and the problem"
    if not callable(refusal):
        raise TypeError(expected)
    try:
        inspect.signature(refusal).bind(None, None)
    except TypeError as error:
        raise TypeError(f"{expected}: {error}") from error


def refused(connection: HTTPConnection, problem: Problem, refusal: Refusal | None) -> Problem:
    """Return the problem as an `HTTPException`, and register a handler for it with the application.

    So a host's route class or dependency that handles `HTTPException` handles our problems, too.
    """
    _register_handler(connection.scope)
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


def _register_handler(scope: Scope) -> None:
    """Register our handler with the route's own application, also a mounted or nested one.

    The application's own handler for `Problem` stays. Starlette would prefer a handler for a
    status, so these are wrapped to leave problems alone.
    """
    by_kind, by_status = scope.get(_HANDLERS, ({}, {}))
    by_kind.setdefault(Problem, answering(None))
    for status, theirs in by_status.items():
        if not isinstance(theirs, _ForAllButProblems):
            by_status[status] = _ForAllButProblems(theirs, by_kind)


class _ForAllButProblems:
    """Wraps a host's handler for a status, so that it is not called for our problems."""

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
    """A handler that answers a problem with the response of `refusal`, or a problem document.

    A WebSocket that can no longer be answered is closed.
    """
    # Starlette also calls handlers with a WebSocket, and accepts None; its types do not say so.
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
    refusal = getattr(error, "refusal", refusal)  # the one of the instance that raised the problem
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
    """Whether it is not yet accepted, and the server can send a response instead of a handshake."""
    is_new = socket.application_state is WebSocketState.CONNECTING
    return is_new and "websocket.http.response" in (socket.scope.get("extensions") or {})
