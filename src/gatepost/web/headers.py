"""Finds header fields of a request; names are in lower case, as ASGI requires."""

from starlette.types import Scope


def first(scope: Scope, name: bytes) -> bytes | None:
    """The value of the first field of this name; None if there is none."""
    for field, value in scope["headers"]:
        if field == name:
            found: bytes = value
            return found
    return None


def all_of(scope: Scope, name: bytes) -> list[bytes]:
    """The values of all fields of this name, in the order of the request."""
    return [value for field, value in scope["headers"] if field == name]
