"""What a process remembers of a session: all that a route may ask of its caller."""

from dataclasses import dataclass
from typing import Any

from gatepost.features.callers.principal import Principal
from gatepost.runtime import Runtime
from gatepost.stores.session_cache import Seen, SessionCache


@dataclass(slots=True, eq=False)
class CachedSession(Seen):
    """A live session as it was read, and what others have made of it.

    `principal` came by bearer token. `user` is the caller as `features.accounts` shows them, and
    `rendered` the same as JSON: None until somebody asks. Both go with the session, so that what
    is put here is forgotten with it; but it has to be read after the session was.
    """

    principal: Principal
    user: Any = None
    rendered: bytes | None = None


def cache_of(runtime: Runtime) -> SessionCache[CachedSession]:
    """The process's memory of sessions, by its type."""
    return runtime.session_cache
