"""The store for a single process: its memory."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, TypeVar

from gatepost.clock import Clock
from gatepost.stores import windows
from gatepost.stores.entries import Entry, Transition, milliseconds
from gatepost.stores.windows import Window, WindowState

T = TypeVar("T")

MOST_ENTRIES = 200_000
"""Beyond this number the least recently used are dropped: an attacker has endless addresses."""

_SWEPT_AT_ONCE = 10_000

_LONGEST = 2 * 24 * 3600 * 1000
"""Milliseconds after which a window is expired: none is longer than a day, and two count."""


class MemoryStore:
    """No method awaits, so each is atomic among the tasks of one event loop."""

    kind: Literal["memory"] = "memory"
    is_available = True

    def __init__(self, clock: Clock, most_entries: int = MOST_ENTRIES) -> None:
        self._clock = clock
        self._most = most_entries
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._windows: OrderedDict[str, WindowState] = OrderedDict()

    async def update(self, key: str, transition: Transition[T]) -> T:
        now = self._now()
        entry = self._entries.get(key)
        if entry is not None and entry.expires_at <= now:
            entry = None
        after, answer = transition(entry, now)
        if after is None:
            self._entries.pop(key, None)
            return answer
        self._entries[key] = after
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)
        return answer

    async def count_in_window(
        self, key: str, limit: int, length: timedelta, amount: int = 1
    ) -> Window:
        # On the path of every request: the window is stored as an object, not as bytes.
        before, now = self._windows.get(key), self._now()
        after, window = windows.count(before, now, limit, milliseconds(length), amount)
        self._windows[key] = after
        self._windows.move_to_end(key)
        if len(self._windows) > self._most:
            self._windows.popitem(last=False)
        return window

    async def purge(self) -> int:
        now = self._now()
        dead = [key for key, entry in self._entries.items() if entry.expires_at <= now]
        for key in dead[:_SWEPT_AT_ONCE]:
            del self._entries[key]
        past = [key for key, window in self._windows.items() if window.start <= now - _LONGEST]
        for key in past[:_SWEPT_AT_ONCE]:
            del self._windows[key]
        return len(dead[:_SWEPT_AT_ONCE]) + len(past[:_SWEPT_AT_ONCE])

    async def ping(self) -> None:
        """Do nothing: memory is always available."""

    @property
    def figures(self) -> Mapping[str, int]:
        return {"entries": len(self._entries) + len(self._windows), "failures": 0}

    async def close(self) -> None:
        self._entries.clear()
        self._windows.clear()

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
