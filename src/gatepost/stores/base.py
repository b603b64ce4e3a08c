"""Short-lived shared state: two atomic primitives that every backend offers alike."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, Protocol, TypeVar

from gatepost.errors import Problem
from gatepost.stores.entries import Transition
from gatepost.stores.windows import Window

T = TypeVar("T")


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
    """It answers, but Gatepost cannot work with it, however long one waits."""


class Store(Protocol):
    """Keeps an entry per key until it expires. Everything raises `StoreUnavailable`.

    Keys are short texts of visible ASCII, at most 160 characters; values are bytes.
    """

    @property
    def kind(self) -> Literal["memory", "redis", "database"]: ...

    async def update(self, key: str, transition: Transition[T]) -> T:
        """Replace a key's entry by what `transition` makes of it, atomically; return its answer."""
        ...

    async def count_in_window(
        self, key: str, limit: int, length: timedelta, amount: int = 1
    ) -> Window:
        """Count an amount if it fits under `limit`, and count nothing if it does not.

        Every request does this, so each backend does it in its quickest way.
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
        """Figures for metrics: how much it holds, how often it did not answer."""
        ...

    async def close(self) -> None: ...
