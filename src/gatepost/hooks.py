"""A host's callbacks for committed events, checked when they are given."""

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gatepost.events import EVERY_EVENT, Callback, Callbacks, HookEvent
from gatepost.features import FEATURES
from gatepost.manifest import events_of

__all__ = ["HookEvent", "Hooks"]


@dataclass(frozen=True, slots=True)
class Hooks(Callbacks):
    """Callbacks by event name, such as `user.created`; those under `*` receive every event.

    Callbacks given to the constructor are checked as by `on`.
    """

    def __post_init__(self) -> None:
        for event, callbacks in self.callbacks.items():
            for callback in callbacks:
                _check(event, callback)

    def on(self, event: str, callback: Callback) -> None:
        """Call `callback` after each commit that holds an event of this name.

        Raises `ValueError` for a name that is no event's, and `TypeError` for a callback that is
        not async or does not take one `HookEvent`.
        """
        _check(event, callback)
        self.callbacks.setdefault(event, []).append(callback)


def _check(event: object, callback: object) -> None:
    _check_event(event)
    _check_callback(callback)


def _check_event(event: object) -> None:
    names = [EVERY_EVENT, *events_of(FEATURES)]
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
        raise TypeError(f"{name} has to take one argument, the HookEvent: {error}") from error


def _is_async(callback: Callable[..., object]) -> bool:
    """Whether a call gives a coroutine: of a function, a partial one, a method or an object.

    A decorator made with `functools.wraps` counts as what it wraps.
    """
    while isinstance(callback, partial):
        callback = callback.func
    if inspect.iscoroutinefunction(inspect.unwrap(callback)):
        return True
    return inspect.iscoroutinefunction(getattr(callback, "__call__", None))  # noqa: B004 - its kind is asked for
