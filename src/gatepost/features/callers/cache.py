"""The cache of callers."""

from dataclasses import dataclass
from typing import Any

from gatepost.features.callers.principal import Principal
from gatepost.runtime import Runtime
from gatepost.stores.session_cache import CacheEntry, SessionCache


@dataclass(slots=True, eq=False)
class CachedCaller(CacheEntry):
    """A caller as read from the database.

    `user` is the caller as `features.accounts` describes them, and `rendered` the same as JSON;
    both are None until a route needs them, and are dropped with the entry. Read them only after
    the entry's read began.
    """

    principal: Principal
    user: Any = None
    rendered: bytes | None = None


def cache_of(runtime: Runtime) -> SessionCache[CachedCaller]:
    """The process's cache of callers, typed."""
    return runtime.session_cache
