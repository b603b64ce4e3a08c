"""Caches sessions in the process, until an entry ages or its user is invalidated."""

import math
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from gatepost.clock import Clock

_FRESH_SHARE = 0.8
"""The share of its lifetime for which an entry is fresh. Afterwards one request reads again, and
the others get the old entry: else all requests of a busy session would read at once."""

_SWEPT = 2
"""The number of expired entries removed for each one added."""


class ReadVersion(NamedTuple):
    """When a read began: the number of invalidations before it, and monotonic seconds."""

    turn: int
    at: float


@dataclass(slots=True, eq=False)
class CacheEntry:
    """The cached caller of one credential, by the credential's `key`: for a session, its id.

    Subclasses add fields.
    """

    key: Hashable
    user_id: int
    expires_at: datetime
    version: ReadVersion
    is_being_refreshed: bool = field(default=False, init=False)


S = TypeVar("S", bound=CacheEntry)


class SessionCache(Generic[S]):
    """A bounded cache of sessions; no method blocks.

    Invalidation is by user: `invalidate` also drops reads in flight, so that a row read before a
    logout committed is not cached after it. It costs the same however many sessions the user has,
    and needs no index of them.
    """

    def __init__(self, clock: Clock, *, seconds: float, size: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._size = size
        self._entries: OrderedDict[Hashable, S] = OrderedDict()
        self._invalidated: OrderedDict[int, ReadVersion] = OrderedDict()
        self._turn = 0
        self._cleared_at_turn = 0
        self.lease_expires_at = -math.inf
        """Monotonic seconds until which all invalidations are known to arrive; nothing is found
        later. Call `clear` before renewing a lease that has expired."""
        self.hits = 0
        self.readings = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_trusted(self) -> bool:
        return self._clock.monotonic() < self.lease_expires_at and self._seconds > 0

    def find(self, key: Hashable, now: datetime) -> S | None:
        """Return the entry if it is valid, else None: read the database.

        Shortly before it expires one caller gets None and reads again; the others still get it.
        """
        entry = self._entries.get(key)
        at = self._clock.monotonic()
        if entry is None or entry.expires_at <= now or not self._is_good(entry, at):
            return None
        is_fresh = at - entry.version.at < self._seconds * _FRESH_SHARE
        if not is_fresh and not entry.is_being_refreshed:
            return None
        self.hits += 1
        return entry

    def begin_read(self, key: Hashable) -> ReadVersion:
        """Call this before reading from the database; put the version into the entry."""
        self.readings += 1
        if known := self._entries.get(key):
            known.is_being_refreshed = True
        return self._version()

    def keep(self, entry: S) -> None:
        """Cache an entry, unless its user was invalidated since the read began."""
        if not self._is_good(entry, self._clock.monotonic()):
            return
        self._entries.pop(entry.key, None)
        self._entries[entry.key] = entry
        self._sweep()

    def invalidate(self, user_ids: Iterable[int]) -> None:
        """Drop all cached sessions of these users, and reads of them that are in flight."""
        self._turn += 1
        version = self._version()
        for user_id in user_ids:
            self._invalidated.pop(user_id, None)
            self._invalidated[user_id] = version
        while self._invalidated and self._is_aged(next(iter(self._invalidated.values()))):
            self._invalidated.popitem(last=False)
        if len(self._invalidated) > self._size:
            self.clear()

    def clear(self) -> None:
        """Drop all cached sessions, and all reads in flight."""
        self._turn += 1
        self._cleared_at_turn = self._turn
        self._entries.clear()
        self._invalidated.clear()

    def _version(self) -> ReadVersion:
        return ReadVersion(self._turn, self._clock.monotonic())

    def _is_good(self, entry: S, now: float) -> bool:
        turn, read_at = entry.version
        if now >= self.lease_expires_at or now - read_at >= self._seconds:
            return False
        invalidated = self._invalidated.get(entry.user_id)
        return turn >= self._cleared_at_turn and (invalidated is None or turn >= invalidated.turn)

    def _is_aged(self, version: ReadVersion) -> bool:
        return self._clock.monotonic() - version.at >= self._seconds

    def _sweep(self) -> None:
        for _ in range(_SWEPT):
            oldest = next(iter(self._entries.values()))
            if len(self._entries) <= self._size and not self._is_aged(oldest.version):
                return
            self._entries.popitem(last=False)
