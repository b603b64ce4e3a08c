"""Problems as RFC 9457 documents, in answers and in the OpenAPI document."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import Match

from gatepost.client.schemes import BEARER
from gatepost.db.diagnosis import explain_failure, is_transient
from gatepost.errors import NotFound, Problem, ValidationFailed

log = logging.getLogger(__name__)

REQUEST_ID = "gatepost.request_id"
"""The scope's key of the request id; not in its `state`, which some servers reuse."""

MEDIA_TYPE = "application/problem+json"


class MethodNotAllowed(Problem):
    status = 405
    code = "method_not_allowed"
    title = "This address does not answer to this method"
    when = "The address exists, but not for this method."
    remedy = "Use one of the methods in the `Allow` header."


class BadRequest(Problem):
    status = 400
    code = "bad_request"
    title = "The request cannot be understood"
    when = "The body cannot be read as what its `Content-Type` says, or what came is no HTTP."
    remedy = "Send well-formed JSON or form data."


class HeadTooLarge(Problem):
    """RFC 6585 section 5; sent by the server, before there is a request."""

    status = 431
    code = "head_too_large"
    title = "The request's address and header fields are too large"
    when = (
        "The address with all header fields is more than 64 KiB, or there are more than a hundred."
    )
    remedy = "Send fewer and shorter ones: mostly it is cookies."


class InternalError(Problem):
    status = 500
    code = "internal_error"
    title = "Something went wrong on our side"
    when = "The service made a mistake."
    remedy = "Report the `request_id`: the log has the details under it."


class DatabaseUnavailable(Problem):
    status = 503
    code = "database_unavailable"
    title = "The database cannot be reached or is too busy"
    when = "The database is unreachable, restarting, or has no free connection or lock in time."
    remedy = "Send the request again after `Retry-After` seconds."


class FieldError(BaseModel):
    """One place in the request that is not as it should be."""

    loc: list[str | int] = Field(description="Where: `body`, `query` or `path`, then the way down.")
    msg: str = Field(description="What to do about it, for a person.")
    type: str = Field(description="The broken rule, for a program.")


class ProblemDetails(BaseModel):
    """An RFC 9457 problem document."""

    type: str = Field(description="A URI that names the kind of problem.")
    title: str
    status: int
    detail: str
    code: str = Field(description="The kind of problem, for a program; never changes.")
    request_id: str = Field(description="Names this request in the logs.")
    errors: list[FieldError] | None = None
    error_count: int | None = Field(
        default=None, description="How many there are, where `errors` has only the first 20."
    )


def problems(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that may refuse with these problems."""
    by_status: dict[int, list[type[Problem]]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    return {status: _documented(members) for status, members in by_status.items()}


def problem_kinds() -> Iterator[type[Problem]]:
    """Every kind of problem in the loaded modules that is an answer, in order of definition."""
    waiting = [Problem]
    while waiting:
        kind = waiting.pop(0)
        waiting += kind.__subclasses__()
        if kind is not Problem and kind.is_answered:
            yield kind


def _documented(kinds: Sequence[type[Problem]]) -> dict[str, Any]:
    return {
        "description": " / ".join(f"`{kind.code}`: {kind.title}" for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
    }


def problem_document(problem: Problem, request_id: str) -> dict[str, Any]:
    return {**_members(problem, problem.detail, request_id), **problem.extensions}


def example_document(kind: type[Problem]) -> dict[str, Any]:
    """An example document of this kind; its detail is the title."""
    return _members(kind, kind.title, "5f0c2be7a914d1ff7f6e8cbc40b1e2d3")


def _members(kind: Problem | type[Problem], detail: str, request_id: str) -> dict[str, Any]:
    return {
        "type": f"urn:gatepost:problem:{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "code": kind.code,
        "request_id": request_id,
    }


def problem_response(problem: Problem, request_id: str) -> JSONResponse:
    return JSONResponse(
        problem_document(problem, request_id),
        status_code=problem.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


def request_id_of(scope: Mapping[str, Any]) -> str:
    """The request id that `request_context` set; empty in a host without that middleware."""
    return str(scope.get(REQUEST_ID, ""))


def install_problem_handlers(app: FastAPI, schemes: tuple[str, ...]) -> None:
    """Answer every error of this application, FastAPI's own included, with a problem document.

    A `WWW-Authenticate` header names these schemes.
    """

    async def answer_problem(request: Request, problem: Exception) -> JSONResponse:
        assert isinstance(problem, Problem)  # noqa: S101 - Starlette's handlers are typed for any
        name_schemes(problem, schemes)
        return problem_response(problem, request_id_of(request.scope))

    app.add_exception_handler(Problem, answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_invalid_input)
    app.add_exception_handler(HTTPException, _answer_framework_refusal)
    # Drivers raise an `OSError` if a server cannot be reached.
    for kind in (DBAPIError, PoolTimeout, OSError):
        app.add_exception_handler(kind, _answer_database_error)


def name_schemes(problem: Problem, schemes: tuple[str, ...]) -> None:
    """Name every scheme in the `WWW-Authenticate` header of a problem, not `Bearer` alone."""
    asks = problem.headers.get("WWW-Authenticate")
    if asks is not None and schemes != BEARER:
        parameters = asks.removeprefix("Bearer")
        problem.headers["WWW-Authenticate"] = ", ".join(each + parameters for each in schemes)


async def _answer_invalid_input(request: Request, error: Exception) -> JSONResponse:
    """Name place and reason only: FastAPI's answer would repeat the input, passwords included."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    problem = ValidationFailed(
        "Some fields are missing or not as they should be.",
        errors=[field_error(e) for e in error.errors()],
    )
    return problem_response(problem, request_id_of(request.scope))


_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


def field_error(error: Mapping[str, Any]) -> dict[str, Any]:
    """One of pydantic's errors without its input; an unusual name in its place becomes `?`."""
    loc = [
        part if isinstance(part, int) or _PLAIN_NAME.fullmatch(str(part)) else "?"
        for part in error["loc"]
    ]
    return {"loc": loc, "msg": error["msg"], "type": error["type"]}


_FRAMEWORK_REFUSALS: dict[int, type[Problem]] = {
    kind.status: kind for kind in (BadRequest, NotFound, MethodNotAllowed)
}


async def _answer_framework_refusal(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    kind = _FRAMEWORK_REFUSALS.get(error.status_code, BadRequest)
    headers = dict(error.headers or {})
    if kind is MethodNotAllowed:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    return problem_response(kind(headers=headers), request_id_of(request.scope))


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def _allowed_methods(request: Request) -> list[str]:
    """The methods of all routes with this path (RFC 9110 section 10.2.1), not of the first alone.

    `middleware.head` answers HEAD wherever GET is answered.
    """
    asked = {"HEAD": "GET"}
    return [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": asked.get(method, method)})[0] == Match.FULL
            for route in request.app.routes
        )
    ]


async def _answer_database_error(request: Request, error: Exception) -> JSONResponse:
    problem = transient_problem(error)
    if problem is None:
        raise error
    reason = explain_failure(error)
    log.error("database.unavailable", extra={"error": type(error).__name__, "reason": reason})
    return problem_response(problem, request_id_of(request.scope))


def transient_problem(error: Exception) -> Problem | None:
    """The 503 for a transient database error: lost, locked, full, exhausted. None for any other."""
    return DatabaseUnavailable(headers={"Retry-After": "2"}) if is_transient(error) else None
