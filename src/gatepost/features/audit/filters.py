"""What a list of events can be narrowed by."""

from dataclasses import dataclass
from datetime import datetime

from gatepost.events import Outcome


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted: from `since` on, and before `until`."""

    user_id: int | None = None
    event: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
