"""Short-lived shared state: two atomic primitives, the same in every backend."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, Protocol, TypeVar

from gatepost.errors import Problem
from gatepost.stores.entries import Transition
from gatepost.stores.windows import Window

T = TypeVar("T")


class StoreUnavailable(Problem):
    """The store cannot be reached. Rate limits and the lockout go on without it."""

    status = 503
    code = "store_unavailable"
    title = "What the processes share cannot be reached"
    when = (
        "What the processes share (Redis, or a table of the database) does not answer, and the "
        "request is about nothing else."
    )
    remedy = "Try again; see that the server of `REDIS_URL` runs."

    def __init__(self, reason: str = "") -> None:
        """`reason` continues a sentence that begins with the store; it is not sent to clients."""
        super().__init__(headers={"Retry-After": "2"})
        self.reason = reason


class StoreUnsupported(StoreUnavailable):
    """The store answers, but Gatepost does not support it, such as a Redis Cluster."""


class Store(Protocol):
    """Keeps an entry per key until it expires. Every operation raises `StoreUnavailable`.

    Keys are texts of visible ASCII of at most 160 characters; values are bytes.
    """

    @property
    def kind(self) -> Literal["memory", "redis", "database"]: ...

    async def update(self, key: str, transition: Transition[T]) -> T:
        """Replace a key's entry by the result of `transition`, atomically; return its answer."""
        ...

    async def count_in_window(
        self, key: str, limit: int, length: timedelta, amount: int = 1
    ) -> Window:
        """Count an amount if it fits under `limit`, and count nothing if it does not.

        Every request does this, so each backend implements it in its fastest way.
        """
        ...

    async def purge(self) -> int:
        """Delete a batch of expired entries; return how many."""
        ...

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the store accepts a write now."""
        ...

    @property
    def is_available(self) -> bool:
        """Whether the store answered the last command."""
        ...

    @property
    def figures(self) -> Mapping[str, int]:
        """Figures for metrics: the number of entries, the number of failures."""
        ...

    async def close(self) -> None: ...
