"""Invalidates the cached sessions of users in every process of the service."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from gatepost.stores.session_cache import SessionCache


class Invalidation(Protocol):
    """The channel of invalidations, one end per process.

    `invalidate` is called after a commit and before the response. `explain_unavailability` returns
    the reason why other processes cannot be reached, None if they can. `figures` are the messages
    `published` and `received`, and the attempts that `failed`.
    """

    async def invalidate(self, user_ids: Collection[int]) -> None: ...

    async def run_listener(self) -> None: ...

    async def explain_unavailability(self) -> str | None: ...

    async def close(self) -> None: ...

    @property
    def figures(self) -> Mapping[str, int]: ...


class LocalInvalidation:
    """For a single process, or for several processes that cache no sessions."""

    def __init__(self, cache: SessionCache[Any]) -> None:
        self._cache = cache

    async def invalidate(self, user_ids: Collection[int]) -> None:
        self._cache.invalidate(user_ids)

    async def run_listener(self) -> None:
        """Return at once: no other process sends anything."""

    async def explain_unavailability(self) -> str | None:
        return None

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    @property
    def figures(self) -> Mapping[str, int]:
        return {}
