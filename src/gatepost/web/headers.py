"""Looks fields up in the head of a request; names are in lower case, as ASGI has them."""

from starlette.types import Scope


def first(scope: Scope, name: bytes) -> bytes | None:
    """The value of the first field of this name; None if there is none."""
    for field, value in scope["headers"]:
        if field == name:
            found: bytes = value
            return found
    return None


def all_of(scope: Scope, name: bytes) -> list[bytes]:
    """The values of all fields of this name, in the order in which they came."""
    return [value for field, value in scope["headers"] if field == name]
