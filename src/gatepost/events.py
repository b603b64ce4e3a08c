"""Security events: their declaration by features, and the event that callbacks receive."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

EVERY_EVENT = "*"
"""The event name under which a callback receives all events."""


class Outcome(StrEnum):
    """The outcome of the action."""

    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of event. Features declare theirs in `events.py`; the audit log records them.

    `owasp` is the term of the OWASP logging vocabulary, `when` a sentence of docs/audit.md.
    """

    name: str
    owasp: str
    when: str
    outcome: Outcome = Outcome.SUCCESS


@dataclass(frozen=True, slots=True)
class HookEvent:
    """One committed audit event, as a callback receives it."""

    event: str
    at: datetime
    user_id: int | None
    request_id: str
    details: Mapping[str, object]


Callback = Callable[[HookEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Callbacks:
    """A host's callbacks by event name; those of `*` receive every event."""

    callbacks: dict[str, list[Callback]] = field(default_factory=dict)

    def listening_to(self, event: str) -> list[Callback]:
        """The callbacks of this event, followed by those of `*`."""
        return [*self.callbacks.get(event, ()), *self.callbacks.get(EVERY_EVENT, ())]
