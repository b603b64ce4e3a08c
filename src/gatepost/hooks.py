"""The host's callbacks by event name: told of what happened, once it is committed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Happening:
    """One committed audit event, as a callback receives it."""

    event: str
    at: datetime
    user_id: int | None
    request_id: str
    details: Mapping[str, object]


Callback = Callable[[Happening], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Hooks:
    """Callbacks by event name, such as `user.created`; `*` hears every event."""

    callbacks: dict[str, list[Callback]] = field(default_factory=dict)

    def on(self, event: str, callback: Callback) -> None:
        """Call `callback` after each commit that holds an event of this name."""
        self.callbacks.setdefault(event, []).append(callback)

    def listening_to(self, event: str) -> list[Callback]:
        return [*self.callbacks.get(event, ()), *self.callbacks.get("*", ())]
