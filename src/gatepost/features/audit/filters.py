"""The filters of a list of events."""

from dataclasses import dataclass
from datetime import datetime

from gatepost.events import Outcome


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Filters of a list of events; `since` is inclusive, `until` is not."""

    user_id: int | None = None
    event: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
