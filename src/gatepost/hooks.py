"""The events that are worth remembering, and the host's callbacks for them, after their commit."""

import difflib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial

EVERY_EVENT = "*"
"""In place of an event's name: the callback hears all of them."""


class Event(StrEnum):
    """Security events, a closed list. `features.audit.events` says of each when it happens."""

    USER_CREATED = "user.created"
    USER_UPDATED = "user.updated"
    USER_DELETED = "user.deleted"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    ROLE_CHANGED = "user.role_changed"
    PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 - the name of an event
    PASSWORD_CHANGE_FAILED = "user.password_change_failed"  # noqa: S105 - the name of an event
    USERS_IMPORT_BEGUN = "users.import_begun"
    USERS_IMPORTED = "users.imported"
    USERS_EXPORTED = "users.exported"
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    LOGIN_LOCKED = "login.locked"
    LOGIN_UNLOCKED = "login.unlocked"
    SESSION_STARTED = "session.started"
    SESSION_ENDED = "session.ended"
    SESSIONS_ENDED = "session.all_ended"
    SESSION_DISPLACED = "session.displaced"
    SESSION_REPLAYED = "session.replayed"
    PERMISSION_DENIED = "permission.denied"
    SIGNING_KEY_CREATED = "signing_key.created"
    SIGNING_KEY_ROTATED = "signing_key.rotated"


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
    """Callbacks by event name, such as `user.created`; `*` hears every event.

    Callbacks that are given when it is made are judged as by `on`.
    """

    callbacks: dict[str, list[Callback]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for event, callbacks in self.callbacks.items():
            for callback in callbacks:
                _check(event, callback)

    def on(self, event: str, callback: Callback) -> None:
        """Call `callback` after each commit that holds an event of this name.

        Raises `ValueError` for a name that is no event's, and `TypeError` for a callback that is
        not async or does not take one `Happening`.
        """
        _check(event, callback)
        self.callbacks.setdefault(event, []).append(callback)

    def listening_to(self, event: str) -> list[Callback]:
        return [*self.callbacks.get(event, ()), *self.callbacks.get(EVERY_EVENT, ())]


def _check(event: object, callback: object) -> None:
    _check_event(event)
    _check_callback(callback)


def _check_event(event: object) -> None:
    names = [EVERY_EVENT, *(each.value for each in Event)]
    if event in names:
        return
    close = difflib.get_close_matches(str(event), names, n=1)
    advice = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
    raise ValueError(f"{event!r} is not an event: {advice}")


def _check_callback(callback: object) -> None:
    name = getattr(callback, "__qualname__", None) or repr(callback)
    if not callable(callback) or inspect.isclass(callback):
        raise TypeError(f"{name} cannot be a callback: give a function made with `async def`")
    if not _is_async(callback):
        raise TypeError(f"{name} is not async and cannot be awaited: make it with `async def`")
    try:
        inspect.signature(callback).bind(None)
    except TypeError as error:
        raise TypeError(f"{name} has to take one argument, the Happening: {error}") from error


def _is_async(callback: Callable[..., object]) -> bool:
    """Whether a call gives a coroutine: of a function, a partial one, a method or an object.

    A decorator made with `functools.wraps` counts as what it wraps.
    """
    while isinstance(callback, partial):
        callback = callback.func
    if inspect.iscoroutinefunction(inspect.unwrap(callback)):
        return True
    return inspect.iscoroutinefunction(getattr(callback, "__call__", None))  # noqa: B004 - its kind is asked for
