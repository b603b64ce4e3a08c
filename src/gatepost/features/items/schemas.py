"""Items in requests and answers."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gatepost.bodies import RequestBody, with_example
from gatepost.text import PlainText

Title = Annotated[
    str, PlainText(max_length=200, min_length=1), Field(description="One line, without markup.")
]
Description = Annotated[
    str, PlainText(max_length=10_000, lines=True), Field(description="Any text, without markup.")
]


class ItemCreate(RequestBody):
    """A new item. Its owner is the caller."""

    model_config = ConfigDict(
        json_schema_extra=with_example({"title": "My item", "description": "What it is"})
    )

    title: Title
    description: Description | None = None


class ItemUpdate(RequestBody):
    """Changes to an item: absent fields keep their value, and a null removes the description."""

    model_config = ConfigDict(json_schema_extra=with_example({"title": "Another title"}))

    # The factory makes the field optional without allowing null, and is never looked at: only
    # what was sent is used.
    title: Title = Field(default_factory=str)
    description: Description | None = None


class ItemRead(BaseModel):
    """An item, as its owner sees it."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra=with_example(
            {
                "id": 3,
                "title": "My item",
                "description": "What it is",
                "owner_id": 7,
                "created_at": "2026-05-01T12:00:00Z",
                "updated_at": "2026-05-01T12:00:00Z",
            }
        ),
    )

    id: int
    title: str
    description: str | None
    owner_id: int
    created_at: datetime
    updated_at: datetime = Field(description="When it was last changed, or made.")
