"""Limits the requests of a client by sliding windows."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from gatepost.settings.limits import Quota
from gatepost.stores.addresses import client_network
from gatepost.stores.base import Store, StoreUnavailable


class LimitState(NamedTuple):
    """The state of a limit after an amount was spent or refused.

    `policy` is the limit as an item of the header `RateLimit-Policy`. `resets_in_seconds` is
    rounded up and at least 1, so that a client that waits so long does not come too early.
    """

    name: str
    quota: Quota
    policy: str
    allowed: bool
    remaining: int
    resets_in_seconds: int

    @property
    def state(self) -> str:
        """The state as an item of the header `RateLimit`."""
        return f'"{self.name}";r={self.remaining};t={self.resets_in_seconds}'


class RateLimits:
    """Counts each client against each limit; while the store is down, nothing is limited."""

    def __init__(self, store: Store, quotas: Mapping[str, Quota]) -> None:
        self._store = store
        self._quotas = quotas
        self._policies = {name: _policy(name, quota) for name, quota in quotas.items()}
        self.refused: Counter[str] = Counter()
        self.unchecked: Counter[str] = Counter()

    async def spend(self, name: str, address: str | None, amount: int = 1) -> LimitState | None:
        """Spend an amount of the limit `name`; None if the store is unavailable.

        An amount that does not fit is refused as a whole.
        """
        quota = self._quotas[name]
        key = f"rate:{name}:{client_network(address)}"
        try:
            window = await self._store.count_in_window(key, quota.amount, quota.window, amount)
        except StoreUnavailable:
            self.unchecked[name] += 1
            return None
        if not window.allowed:
            self.refused[name] += 1
        remaining = max(quota.amount - window.used, 0)
        seconds = max(-(-window.resets_in_ms // 1000), 1)
        return LimitState(name, quota, self._policies[name], window.allowed, remaining, seconds)


def _policy(name: str, quota: Quota) -> str:
    return f'"{name}";q={quota.amount};w={quota.window.total_seconds():.0f}'
