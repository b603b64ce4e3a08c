"""What a process remembers of the sessions it has lately seen, until it ages or is forgotten."""

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from gatepost.clock import Clock

_FRESH_SHARE = 0.8
"""How much of its time an entry is fresh. Then one request reads again, while all others still go
by the old: they would all read at once, where one session asks much."""

_SWEPT = 2
"""How many aged entries go for each that comes: more than come, so that none stays for ever."""


class Mark(NamedTuple):
    """When a reading began: among all that was forgotten, and in monotonic seconds."""

    turn: int
    at: float


@dataclass(slots=True, eq=False)
class Seen:
    """A session as it was read. Who keeps more of one adds fields."""

    session_id: int
    user_id: int
    expires_at: datetime
    mark: Mark
    is_read_again: bool = field(default=False, init=False)


S = TypeVar("S", bound=Seen)


class SessionCache(Generic[S]):
    """Bounded, and read without waiting: nothing here ever asks anybody.

    What is announced is a user, never a session. `forget` outdates whatever of that user was read,
    or began to be read, before: a reader who saw the row, and was overtaken by the logout that
    changed it, keeps nothing. So an announcement costs the same however many sessions there are,
    and no index is kept of whose they are.
    """

    def __init__(self, clock: Clock, *, seconds: float, size: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._size = size
        self._entries: OrderedDict[int, S] = OrderedDict()
        self._forgotten: OrderedDict[int, Mark] = OrderedDict()
        self._turn = 0
        self._cleared_at_turn = 0
        self.trusted_until = -math.inf
        """Monotonic seconds until which every announcement is known to have come; nothing is found
        later. Who moves it on after it has passed calls `clear` first."""
        self.hits = 0
        self.readings = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_trusted(self) -> bool:
        return self._clock.monotonic() < self.trusted_until and self._seconds > 0

    def find(self, session_id: int, now: datetime) -> S | None:
        """The session, if it is known to be as it was read; None says to ask the database.

        That is said before it ages too, until somebody does: it serves all others meanwhile.
        """
        entry = self._entries.get(session_id)
        at = self._clock.monotonic()
        if entry is None or entry.expires_at <= now or not self._is_good(entry, at):
            return None
        if not entry.is_read_again and at - entry.mark.at >= self._seconds * _FRESH_SHARE:
            return None
        self.hits += 1
        return entry

    def begin_reading(self, session_id: int) -> Mark:
        """To be asked for before the database is for a session, and given to what was read."""
        self.readings += 1
        if known := self._entries.get(session_id):
            known.is_read_again = True
        return self._mark()

    def keep(self, entry: S) -> None:
        """Remember what was read, unless it was forgotten meanwhile; the oldest makes room."""
        if not self._is_good(entry, self._clock.monotonic()):
            return
        self._entries.pop(entry.session_id, None)
        self._entries[entry.session_id] = entry
        self._sweep()

    def forget(self, user_ids: Iterable[int]) -> None:
        """Go by nothing that was read of these users until now."""
        self._turn += 1
        mark = self._mark()
        for user_id in user_ids:
            self._forgotten.pop(user_id, None)
            self._forgotten[user_id] = mark
        while self._forgotten and self._is_aged(next(iter(self._forgotten.values()))):
            self._forgotten.popitem(last=False)
        if len(self._forgotten) > self._size:
            self.clear()

    def clear(self) -> None:
        """Go by nothing that was read until now."""
        self._turn += 1
        self._cleared_at_turn = self._turn
        self._entries.clear()
        self._forgotten.clear()

    def _mark(self) -> Mark:
        return Mark(self._turn, self._clock.monotonic())

    def _is_good(self, entry: S, now: float) -> bool:
        turn, read_at = entry.mark
        if now >= self.trusted_until or now - read_at >= self._seconds:
            return False
        forgotten = self._forgotten.get(entry.user_id)
        return turn >= self._cleared_at_turn and (forgotten is None or turn >= forgotten.turn)

    def _is_aged(self, mark: Mark) -> bool:
        return self._clock.monotonic() - mark.at >= self._seconds

    def _sweep(self) -> None:
        for _ in range(_SWEPT):
            oldest = next(iter(self._entries.values()))
            if len(self._entries) <= self._size and not self._is_aged(oldest.mark):
                return
            self._entries.popitem(last=False)
