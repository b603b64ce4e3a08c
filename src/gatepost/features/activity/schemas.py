"""An event of the audit log on the wire, for admins and for the user whom it concerns."""

import json
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import to_json

from gatepost.events import Outcome
from gatepost.features.audit.models import AuditEvent


def _or_null(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return None


def _or_empty(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return ""


def _sendable(value: object) -> object:
    """The details where they are an object that JSON can carry, else none."""
    try:
        to_json([[[[value]]]])  # as deep as the answer has it, at least
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):  # too deep, no Unicode, no number
        return {}
    return value if isinstance(value, dict) else {}


# What stands in a row may be anything, where somebody wrote it past Gatepost.
_Text = Annotated[str, Field(strict=True), WrapValidator(_or_empty)]
_TextOrNull = Annotated[str | None, Field(strict=True), WrapValidator(_or_null)]
_IntOrNull = Annotated[int | None, Field(strict=True), WrapValidator(_or_null)]
_TimeOrNull = Annotated[
    datetime | None,
    Field(strict=True, description="Null only for a row that was tampered with."),
    WrapValidator(_or_null),
]
_OutcomeOrText = Annotated[
    Outcome | str,
    Field(description="Another text only in a row that was tampered with."),
    WrapValidator(_or_empty),
]
_Details = Annotated[dict[str, Any], BeforeValidator(_sendable)]


class AuditEventRead(BaseModel):
    """An event, as admins see it. `hash` is null until it is sealed.

    What cannot be read of a row that was tampered with is null or empty.
    """

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: _TimeOrNull
    event: _Text
    outcome: _OutcomeOrText
    user_id: _IntOrNull = Field(description="Whom it concerns.")
    actor_id: _IntOrNull = Field(description="Who did it, where that is known.")
    session_id: _IntOrNull
    method: _TextOrNull = Field(description="How they proved who they are.")
    address: _TextOrNull
    user_agent: _TextOrNull
    request_id: _Text
    details: _Details
    position: _IntOrNull = Field(description="Its place in the chain.")
    hash: _TextOrNull


class ActivityRead(BaseModel):
    """An event, as the user sees whom it concerns. Where an admin was is the admin's business."""

    id: int
    at: _TimeOrNull
    event: _Text
    outcome: _OutcomeOrText
    by_admin: bool = Field(description="Somebody else did it, who may.")
    session_id: _IntOrNull
    method: _TextOrNull = Field(description="How you proved who you are.")
    address: _TextOrNull = Field(description="Where it came from; null for an admin's deed.")
    user_agent: _TextOrNull
    details: _Details

    @classmethod
    def of(cls, event: AuditEvent) -> Self:
        """The event without the traces of an admin who did it."""
        by_admin = event.actor_id not in {None, event.user_id}
        return cls(
            id=event.id,
            at=event.at,
            event=event.event,
            outcome=event.outcome,
            by_admin=by_admin,
            session_id=event.session_id,
            method=event.method,
            address=None if by_admin else event.address,
            user_agent=None if by_admin else event.user_agent,
            details=event.details,
        )
