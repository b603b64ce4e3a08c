"""Sessions in answers."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from gatepost.bodies import with_example


class SessionRead(BaseModel):
    """A device on which the user is logged in."""

    model_config = ConfigDict(
        json_schema_extra=with_example(
            {
                "id": 12,
                "created_at": "2026-05-01T12:00:00Z",
                "last_used_at": "2026-05-02T08:30:00Z",
                "expires_at": "2026-05-09T08:30:00Z",
                "address": "192.0.2.7",
                "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0",
                "is_current": True,
            }
        )
    )

    id: int
    created_at: datetime
    last_used_at: datetime = Field(description="When its tokens were last issued.")
    expires_at: datetime = Field(description="When it ends unless it is refreshed before.")
    address: str | None = Field(description="The network address of the login.")
    user_agent: str | None
    is_current: bool = Field(description="Whether this request belongs to it.")
