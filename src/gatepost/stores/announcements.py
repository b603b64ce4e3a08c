"""How a process tells itself, and all others of its service, whose sessions have changed."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from gatepost.stores.session_cache import SessionCache


class Announcements(Protocol):
    """Told after a commit and before its answer; figures are `published, received, failed`."""

    async def announce(self, user_ids: Collection[int]) -> None: ...

    async def keep_listening(self) -> None: ...

    async def why_unheard(self) -> str | None: ...

    async def close(self) -> None: ...

    @property
    def figures(self) -> Mapping[str, int]: ...


class LocalInvalidation:
    """For a process that remembers alone, or for several of which none remembers."""

    def __init__(self, cache: SessionCache[Any]) -> None:
        self._cache = cache

    async def announce(self, user_ids: Collection[int]) -> None:
        self._cache.invalidate(user_ids)

    async def keep_listening(self) -> None:
        """There is nobody to listen to."""

    async def why_unheard(self) -> str | None:
        return None

    async def close(self) -> None:
        """There is nothing to close."""

    @property
    def figures(self) -> Mapping[str, int]:
        return {}
