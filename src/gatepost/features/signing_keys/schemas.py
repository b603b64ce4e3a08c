"""The key set in answers."""

from typing import Any

from pydantic import BaseModel, Field


class KeySet(BaseModel):
    """A JSON Web Key Set (RFC 7517 section 5)."""

    keys: list[dict[str, Any]] = Field(description="Public keys, each with `kid`, `alg` and `use`.")
