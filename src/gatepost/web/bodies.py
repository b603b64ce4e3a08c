"""What the bodies of requests and answers share."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class RequestBody(BaseModel):
    """A field that we do not know is refused, so that none can be smuggled in."""

    model_config = ConfigDict(extra="forbid")


def shown_as(example: dict[str, Any]) -> dict[str, Any]:
    """What a model adds to its schema, so that documentation shows it by this example.

    `ConfigDict(json_schema_extra=shown_as({...}))`
    """
    return {"examples": [example]}
