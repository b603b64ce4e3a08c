"""Which events a request asks for."""

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

from gatepost.features.audit.events import Event, Outcome
from gatepost.features.audit.filters import EventFilter

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


def _as_iso(text: str) -> str:
    """Refuse numbers, which pydantic takes for seconds since 1970."""
    if not _DATE.match(text):
        raise PydanticCustomError("time_not_iso", "Give a time as ISO 8601: 2026-01-31T12:00:00Z")
    return text


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # of the first or the last day that there is
        raise PydanticCustomError("time_out_of_range", "Give a time that exists in UTC") from None


Instant = Annotated[AwareDatetime, BeforeValidator(_as_iso), AfterValidator(_in_utc)]


async def get_event_filter(
    event: Annotated[Event | None, Query()] = None,
    outcome: Annotated[Outcome | None, Query()] = None,
    since: Annotated[
        Instant | None, Query(description="From this time on, such as `2026-01-31T12:00:00Z`.")
    ] = None,
    until: Annotated[Instant | None, Query(description="Before this time.")] = None,
) -> EventFilter:
    return EventFilter(event=event, outcome=outcome, since=since, until=until)


RequestedEvents = Annotated[EventFilter, Depends(get_event_filter)]
