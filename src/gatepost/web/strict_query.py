"""Refuses unknown query parameters: a misspelt filter would otherwise list all rows."""

from collections import Counter
from collections.abc import Iterator

from starlette.datastructures import QueryParams

from gatepost.errors import ValidationFailed
from gatepost.web.fastapi_parts import Dependant
from gatepost.web.problems import field_error

LONGEST_QUERY = 8192
"""In bytes, as it is sent: enough for a cursor and a search."""

MOST_PARAMETERS = 100


def refuse_long_query(query: bytes) -> None:
    """Raise `ValidationFailed` for a query that is longer than any route needs."""
    if len(query) > LONGEST_QUERY:
        raise _too_much("query_too_long", f"Send at most {LONGEST_QUERY} characters")
    if query.count(b"&") >= MOST_PARAMETERS:
        raise _too_much("query_too_many", f"Send at most {MOST_PARAMETERS} parameters")


def _too_much(kind: str, sentence: str) -> ValidationFailed:
    error = field_error({"loc": ("query",), "msg": sentence, "type": kind})
    return ValidationFailed("The query is larger than any that is read.", errors=[error])


def query_names(dependant: Dependant) -> frozenset[str]:
    """The names that a route and its dependencies read from the query."""
    return frozenset(_query_names(dependant))


def query_errors(sent: QueryParams, names: frozenset[str]) -> list[dict[str, object]]:
    """An error for each name that is not one of `names`, or that is repeated.

    No parameter takes several values; of two, a proxy in front may have checked the other one.
    """
    counts = Counter(name for name, _ in sent.multi_items())
    unknown = [_error(name, "extra_forbidden", _UNKNOWN) for name in counts if name not in names]
    repeated = [
        _error(name, "query_repeated", _REPEATED)
        for name, count in counts.items()
        if count > 1 and name in names
    ]
    return unknown + repeated


_UNKNOWN = "This address takes no such query parameter"
_REPEATED = "Give each query parameter once"


def _error(name: str, kind: str, sentence: str) -> dict[str, object]:
    return field_error({"loc": ("query", name), "msg": sentence, "type": kind})


def _query_names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        yield field.alias
    for other in dependant.dependencies:
        yield from _query_names(other)
