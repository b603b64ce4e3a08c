"""A session on the wire."""

from datetime import datetime

from pydantic import BaseModel, Field


class SessionRead(BaseModel):
    """A device on which the user is logged in."""

    id: int
    created_at: datetime
    last_used_at: datetime = Field(description="When its tokens were last issued.")
    expires_at: datetime = Field(description="When it ends unless it is refreshed before.")
    address: str | None = Field(description="The network address of the login.")
    user_agent: str | None
    is_current: bool = Field(description="Whether this request belongs to it.")
