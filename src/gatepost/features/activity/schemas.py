"""Events of the audit log in answers, for admins and for the user concerned."""

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
    """The details if they are a JSON object that can be sent, else an empty object."""
    try:
        to_json([[[[value]]]])  # nested at least as deep as in the answer
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):  # too deep, not Unicode, or not finite
        return {}
    return value if isinstance(value, dict) else {}


# A row that was tampered with may hold anything.
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
    """An event, as admins see it. `hash` is null until the event is sealed.

    Unreadable values of a row that was tampered with are null or empty.
    """

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: _TimeOrNull
    event: _Text
    outcome: _OutcomeOrText
    user_id: _IntOrNull = Field(description="The user whom it concerns.")
    actor_id: _IntOrNull = Field(description="The user who did it, if known.")
    session_id: _IntOrNull
    method: _TextOrNull = Field(description="The method of authentication.")
    address: _TextOrNull
    user_agent: _TextOrNull
    request_id: _Text
    details: _Details
    position: _IntOrNull = Field(description="Its place in the chain.")
    hash: _TextOrNull


class ActivityRead(BaseModel):
    """An event, as the user concerned sees it; it does not disclose an admin's address."""

    id: int
    at: _TimeOrNull
    event: _Text
    outcome: _OutcomeOrText
    by_admin: bool = Field(description="An admin did it, and not you.")
    session_id: _IntOrNull
    method: _TextOrNull = Field(description="The method of authentication.")
    address: _TextOrNull = Field(description="The client's address; null if an admin did it.")
    user_agent: _TextOrNull
    details: _Details

    @classmethod
    def of(cls, event: AuditEvent) -> Self:
        """The event, without address and user agent if an admin did it."""
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
