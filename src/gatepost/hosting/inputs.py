"""Refuses to start a host with routes that read the caller from the request's input."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.routing import BaseRoute

from gatepost.client.callers import CALLER
from gatepost.hosting.applications import routes_of
from gatepost.web.fastapi_parts import Dependant, core_schema_of

_REMEDY = """\
A client could then send any caller it likes. Annotate the parameter with CurrentPrincipal or
CurrentUser; for routes that need no login, with OptionalPrincipal or OptionalUser
(`CurrentUser | None` is not a dependency). In a class-based view that drops `Annotated`, write
`user: User = Depends(current_user)`, from gatepost.embedding. In a model of the request's body, use
a field for the user's id instead."""


class CallerFromRequest(TypeError):  # noqa: N818 - named for the fact, as every refusal here
    """Routes of the host read `Principal`, `User` or `Claims` from the request; it lists them."""

    def __init__(self, places: Sequence[str]) -> None:
        listed = "\n".join(f"  {place}" for place in places)
        super().__init__(f"Routes take the caller from the request:\n{listed}\n{_REMEDY}")


def refuse_callers_in_requests(routes: Sequence[BaseRoute]) -> None:
    """Raise `CallerFromRequest` if any route, at any depth, reads a caller from its request."""
    with warnings.catch_warnings():
        # pydantic warns when it builds a model; FastAPI ignores these warnings, too.
        warnings.simplefilter("ignore")
        places = [
            f"{route.name}: `{name}` takes {caller}"
            for route in routes_of(routes)
            for name, caller in _callers_of(route.dependant)
        ]
    if places:
        raise CallerFromRequest(list(dict.fromkeys(places)))


def _callers_of(dependant: Dependant) -> Iterator[tuple[str, str]]:
    """Return the parameters of a route and its dependencies that are a caller, with their types."""
    for field in _fields(dependant):
        for caller in _callers_in(field):
            yield field.name, caller
    for each in dependant.dependencies:
        yield from _callers_of(each)


def _fields(dependant: Dependant) -> Iterator[Any]:
    """Return the fields that FastAPI reads from a request."""
    yield from dependant.path_params
    yield from dependant.query_params
    yield from dependant.header_params
    yield from dependant.cookie_params
    yield from dependant.body_params


def _callers_in(field: Any) -> Iterator[str]:  # noqa: ANN401 - FastAPI keeps its type to itself
    yield from dict.fromkeys(_marks(core_schema_of(field)))


def _marks(schema: object) -> Iterator[str]:
    """The callers' types that a core schema holds at any depth: in models, lists and unions."""
    waiting, seen = [schema], set[int]()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Mapping):  # not a dict, if pydantic builds the model later
            metadata = part.get("metadata")
            if isinstance(metadata, dict) and CALLER in metadata:
                yield metadata[CALLER]
            waiting += part.values()
        elif isinstance(part, list | tuple):
            waiting += part
