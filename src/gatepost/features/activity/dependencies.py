"""The filters of a list of events, as query parameters."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from gatepost.events import Outcome
from gatepost.features.audit.filters import EventFilter
from gatepost.manifest import events_of, registered

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


def _as_iso(text: str) -> str:
    """Refuse numbers, which pydantic takes for seconds since 1970."""
    if not _DATE.match(text):
        raise PydanticCustomError("time_not_iso", "Give a time as ISO 8601: 2026-01-31T12:00:00Z")
    return text


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # on the first or the last day of the calendar
        raise PydanticCustomError("time_out_of_range", "Give a time that exists in UTC") from None


class _OneOfAllEvents:
    """Restricts a text to the names of events that the features declare."""

    @staticmethod
    def __get_pydantic_core_schema__(
        source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        names = {name.upper().replace(".", "_"): name for name in events_of(registered())}
        members = handler.generate_schema(StrEnum("Event", names))
        return no_info_after_validator_function(str, members)


EventName = Annotated[str, _OneOfAllEvents]
Instant = Annotated[AwareDatetime, BeforeValidator(_as_iso), AfterValidator(_in_utc)]


async def get_event_filter(
    event: Annotated[EventName | None, Query()] = None,
    outcome: Annotated[Outcome | None, Query()] = None,
    since: Annotated[
        Instant | None, Query(description="From this time on, such as `2026-01-31T12:00:00Z`.")
    ] = None,
    until: Annotated[Instant | None, Query(description="Before this time.")] = None,
) -> EventFilter:
    return EventFilter(event=event, outcome=outcome, since=since, until=until)


RequestedEvents = Annotated[EventFilter, Depends(get_event_filter)]
