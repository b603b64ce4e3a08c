"""What the bodies of requests and answers share."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class RequestBody(BaseModel):
    """A field that we do not know is refused, so that none can be smuggled in."""

    model_config = ConfigDict(extra="forbid")


def with_example(example: dict[str, Any]) -> dict[str, Any]:
    """What a model adds to its schema, so that documentation shows it by this example.

    `ConfigDict(json_schema_extra=with_example({...}))`
    """
    return {"examples": [example]}
