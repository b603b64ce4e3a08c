"""Types of callers, which cannot be built from a client's input."""

import inspect
from functools import partial
from typing import Any, Final, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

CALLER: Final = "gatepost_caller"
"""Marks the schema of such a type in pydantic's metadata; its value is the type's name."""

T = TypeVar("T")


class Given(dict[str, Any]):
    """The only type that such a model validates; no input from a client has this type."""


def schema_of_caller(caller: type, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
    """Return a schema that accepts instances of the class and refuses every other input.

    For `__get_pydantic_core_schema__`. In a route, `CurrentPrincipal | None` is no dependency but
    a field: FastAPI would read it from the body, and let clients choose their own identity.
    Instances are serialised and described like those of any other model. The schema takes over the
    reference of the class: FastAPI before 0.128 expects every model to be described by one.
    """
    reference = handler(source)
    schema = handler.resolve_ref_schema(reference)
    if schema.get("metadata", {}).get(CALLER) == caller.__name__:
        return reference  # wrapped already: pydantic caches schemas
    own: Any = {name: part for name, part in schema.items() if name != "ref"}
    return core_schema.no_info_wrap_validator_function(
        partial(_take, caller),
        own,
        ref=schema.get("ref"),
        metadata={CALLER: caller.__name__},
    )


def _take(
    caller: type, value: object, construct: core_schema.ValidatorFunctionWrapHandler
) -> object:
    if isinstance(value, caller):
        return value
    if type(value) is Given:
        return construct(dict(value))
    raise PydanticCustomError("caller_not_input", "Nothing that is sent says who is calling")


def never_injected(caller: type[T]) -> type[T]:
    """Make the class unusable as a dependency: `principal: Principal = Depends()`.

    Otherwise FastAPI would read the constructor's arguments from the query. With this signature it
    requires an instance, which `schema_of_caller` never accepts from a client.
    """
    asked = inspect.Parameter("caller", inspect.Parameter.KEYWORD_ONLY, annotation=caller)
    setattr(caller, "__signature__", inspect.Signature([asked]))  # noqa: B010 - no type declares it
    return caller
