"""The base of request bodies, and examples of schemas."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class RequestBody(BaseModel):
    """A request body that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")


def with_example(example: dict[str, Any]) -> dict[str, Any]:
    """Return the schema extension that shows an example in the documentation.

    Use it as `ConfigDict(json_schema_extra=with_example({...}))`.
    """
    return {"examples": [example]}
