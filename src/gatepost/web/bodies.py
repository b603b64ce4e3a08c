"""What every body of a request shares."""

from pydantic import BaseModel, ConfigDict


class RequestBody(BaseModel):
    """A field that we do not know is refused, so that none can be smuggled in."""

    model_config = ConfigDict(extra="forbid")
