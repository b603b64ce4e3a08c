"""An event of the audit log on the wire, for admins and for the user whom it concerns."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from gatepost.features.audit.events import Outcome
from gatepost.features.audit.models import AuditEvent


class AuditEventRead(BaseModel):
    """An event, as admins see it. `hash` is null until it is sealed."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    event: str
    outcome: Outcome
    user_id: int | None = Field(description="Whom it concerns.")
    actor_id: int | None = Field(description="Who did it, where that is known.")
    session_id: int | None
    method: str | None = Field(description="How they proved who they are.")
    address: str | None
    user_agent: str | None
    request_id: str
    details: dict[str, Any]
    position: int | None = Field(description="Its place in the chain.")
    hash: str | None


class ActivityRead(BaseModel):
    """An event, as the user sees whom it concerns. Where an admin was is the admin's business."""

    id: int
    at: datetime
    event: str
    outcome: Outcome
    by_admin: bool = Field(description="Somebody else did it, who may.")
    session_id: int | None
    method: str | None = Field(description="How you proved who you are.")
    address: str | None = Field(description="Where it came from; null for an admin's deed.")
    user_agent: str | None
    details: dict[str, Any]

    @classmethod
    def of(cls, event: AuditEvent) -> Self:
        """The event without the traces of an admin who did it."""
        by_admin = event.actor_id not in {None, event.user_id}
        return cls(
            id=event.id,
            at=event.at,
            event=event.event,
            outcome=Outcome(event.outcome),
            by_admin=by_admin,
            session_id=event.session_id,
            method=event.method,
            address=None if by_admin else event.address,
            user_agent=None if by_admin else event.user_agent,
            details=event.details,
        )
