"""The cache of callers, with what was read of them."""

from dataclasses import dataclass
from typing import Any

from gatepost.features.callers.principal import Principal
from gatepost.runtime import Runtime
from gatepost.stores.session_cache import CacheEntry, SessionCache


@dataclass(slots=True, eq=False)
class CachedCaller(CacheEntry):
    """A caller as the database had them.

    `user` is the caller as `features.accounts` describes them, and `rendered` the same as JSON:
    None until a route asks. Both are dropped with the entry; read them after it was begun.
    """

    principal: Principal
    user: Any = None
    rendered: bytes | None = None


def cache_of(runtime: Runtime) -> SessionCache[CachedCaller]:
    """The process's cache of callers, typed."""
    return runtime.session_cache
