"""How many requests a client may make: sliding windows over whichever store there is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from gatepost.stores.addresses import client_network
from gatepost.stores.base import Store, StoreUnavailable
from gatepost.stores.windows import Window


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in any window of this length."""

    name: str
    quota: int
    window: timedelta
    policy: str = field(init=False)
    """The same as an item of the field `RateLimit-Policy`."""

    def __post_init__(self) -> None:
        seconds = f"{self.window.total_seconds():.0f}"
        object.__setattr__(self, "policy", f'"{self.name}";q={self.quota};w={seconds}')


class Spent(NamedTuple):
    """What is left of a limit after an amount was spent, or was refused.

    `resets_in_seconds` is rounded up, and 1 at least: who waits so long does not come too early.
    """

    limit: Limit
    allowed: bool
    remaining: int
    resets_in_seconds: int

    @property
    def state(self) -> str:
        """What is left as an item of the field `RateLimit`."""
        return f'"{self.limit.name}";r={self.remaining};t={self.resets_in_seconds}'


class RateLimits:
    """Counts each client against each limit. Where the store is down, it lets pass and says so."""

    def __init__(self, store: Store, limits: Mapping[str, Limit]) -> None:
        self._store = store
        self._limits = limits
        self.refused: Counter[str] = Counter()
        self.unchecked: Counter[str] = Counter()

    async def spend(self, name: str, address: str | None, amount: int = 1) -> Spent | None:
        """Spend an amount of the limit of this name; None if nobody could count it.

        What does not fit spends nothing.
        """
        limit = self._limits[name]
        key = f"rate:{name}:{client_network(address)}"
        try:
            window = await self._store.count_in_window(key, limit.quota, limit.window, amount)
        except StoreUnavailable:
            self.unchecked[name] += 1
            return None
        if not window.allowed:
            self.refused[name] += 1
        return _spent(limit, window)


def _spent(limit: Limit, window: Window) -> Spent:
    seconds = -(-window.resets_in_ms // 1000)
    return Spent(limit, window.allowed, max(limit.quota - window.used, 0), max(seconds, 1))
