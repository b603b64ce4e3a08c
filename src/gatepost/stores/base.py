"""Short-lived shared state: a few atomic primitives that every backend offers alike."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, NamedTuple, Protocol

from gatepost.errors import Problem


class StoreUnavailable(Problem):
    """The policies do without it; only what is about the store itself is refused."""

    status = 503
    code = "store_unavailable"
    title = "What the processes share cannot be reached"
    when = (
        "What the processes share (Redis, or a table of the database) does not answer, and the "
        "request is about nothing else."
    )
    remedy = "Try again; see that the server of `REDIS_URL` runs."

    def __init__(self, reason: str = "") -> None:
        """Callers hear nothing of the reason: it ends a sentence that begins with the store."""
        super().__init__(headers={"Retry-After": "2"})
        self.reason = reason


class StoreUnfit(StoreUnavailable):
    """It answers, and is none that Gatepost can work with, however long one waits."""


class Count(NamedTuple):
    """A counter after its increment."""

    value: int
    expires_in: timedelta


class Window(NamedTuple):
    """Whether an amount fitted into a sliding window, and how full the window is now.

    `resets_in_ms` is how long until such an amount fits, where none does now; else until the window
    turns.
    """

    allowed: bool
    used: int
    resets_in_ms: int


class AttemptRules(NamedTuple):
    """When proving who one is gets locked: so many failures from one place, and in all.

    A failure counts, and a lock holds, for `lifetime`. An attempt that never ends, because its
    process died, gives its place back after `patience`.
    """

    per_place: int
    in_all: int
    lifetime: timedelta
    patience: timedelta


class Attempt(NamedTuple):
    """The answer to one who wants to begin.

    `begun`: go on, then end it. `full`: others are under way whose failure would lock; ask again.
    `locked`: not before `opens_in`.
    """

    state: Literal["begun", "full", "locked"]
    opens_in: timedelta = timedelta()


Outcome = Literal["failed", "succeeded", "given_up"]


class Store(Protocol):
    """What expires is gone at that moment. Everything raises `StoreUnavailable`.

    Keys are short texts of visible ASCII, at most 160 characters; values are bytes.
    """

    @property
    def kind(self) -> Literal["memory", "redis", "database"]: ...

    async def increment(self, key: str, lifetime: timedelta, amount: int = 1) -> Count:
        """Add to a counter, which is 0 if there is none, and let it live for so long from now."""
        ...

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, key: str, value: bytes, lifetime: timedelta) -> None: ...

    async def put_new(self, key: str, value: bytes, lifetime: timedelta) -> bool:
        """Put it if there is none; whether it was put. Of any number at once, one succeeds."""
        ...

    async def take(self, key: str) -> bytes | None:
        """Get it and delete it. Of any number at once, one gets it."""
        ...

    async def delete(self, key: str) -> None: ...

    async def count_in_window(
        self, key: str, limit: int, length: timedelta, amount: int = 1
    ) -> Window:
        """Count an amount if it fits under `limit`, and count nothing if it does not."""
        ...

    async def begin_attempt(self, key: str, place: str, rules: AttemptRules) -> Attempt:
        """Reserve one of the failures that are left, if it is not locked."""
        ...

    async def end_attempt(
        self, key: str, place: str, rules: AttemptRules, outcome: Outcome, *, begun: bool = True
    ) -> bool:
        """Give the reservation back, if it was `begun` here; whether this failure locked.

        A failure counts for its place and in all. A success forgets the failures of its place and
        those in all; other places stay locked.
        """
        ...

    async def purge(self) -> int:
        """Delete what has expired, some at a time; how much."""
        ...

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless it can be written to now."""
        ...

    @property
    def is_available(self) -> bool:
        """Whether it answered when last asked."""
        ...

    @property
    def figures(self) -> Mapping[str, int]:
        """What to show of it: how much it holds, how often it did not answer."""
        ...

    async def close(self) -> None: ...
