"""Selects the store: Redis if configured, else the database for several processes, else memory.

`WORKERS` is the number of processes; if it is not set, a server that can start several is assumed
to have done so.

The modules for Redis are imported only if it is configured, because importing them takes long.
"""

import multiprocessing
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.clock import Clock, SystemClock
from gatepost.settings import CoreSettings, DatabaseSettings
from gatepost.stores.base import Store
from gatepost.stores.database import DatabaseStore
from gatepost.stores.invalidation import Invalidation, LocalInvalidation
from gatepost.stores.memory import MemoryStore
from gatepost.stores.naming import name_of_service
from gatepost.stores.session_cache import SessionCache

_FORKING_SERVERS = frozenset({"gunicorn.arbiter", "uwsgi"})
"""Modules that are loaded in the worker processes of these servers only."""

_NAMES = {
    "redis": "Redis",
    "database": "the database",
    "memory": "this process's memory",
}


def choose_store(settings: CoreSettings) -> Literal["memory", "database", "redis"]:
    """Select by `STORE`, `REDIS_URL`, `WORKERS` and the server that started this process."""
    chosen = settings.stores.chosen_store
    is_left_to_us = settings.stores.store == "auto" and chosen == "memory"
    return "database" if is_left_to_us and not is_single_process(settings) else chosen


def open_store(settings: CoreSettings, engine: AsyncEngine, clock: Clock | None = None) -> Store:
    """Open the store that `choose_store` selects; it connects on first use."""
    match choose_store(settings):
        case "redis":
            from gatepost.stores.redis import RedisStore

            patience = settings.stores.redis_timeout_milliseconds / 1000
            prefix = name_of_service(settings)
            return RedisStore(settings.stores.redis_url or "", prefix, clock, patience=patience)
        case "database":
            return open_database_store(settings.database, engine, clock)
        case "memory":
            return MemoryStore(clock or SystemClock())


def open_database_store(
    settings: DatabaseSettings, engine: AsyncEngine, clock: Clock | None = None
) -> DatabaseStore:
    """Open the database as a store; its time-out is that of a pooled connection."""
    patience = settings.database_pool_timeout_seconds
    return DatabaseStore(engine, clock or SystemClock(), patience=patience)


def open_invalidation(
    settings: CoreSettings, cache: SessionCache[Any], clock: Clock
) -> Invalidation:
    """Open the channel over Redis if one is configured, else a local one."""
    if settings.stores.redis_url is None:
        return LocalInvalidation(cache)
    from gatepost.stores.redis_invalidation import RedisInvalidation

    # Redis's numbered databases share their channels, so the name has to be unique to the service.
    channel = f"{name_of_service(settings)}:sessions"
    return RedisInvalidation(settings.stores.redis_url, channel, cache, clock)


def describe_store(settings: CoreSettings) -> str:
    """The store of limits and locks, the reason and better settings, in a sentence or two."""
    chosen = choose_store(settings)
    kept = f"Limits and locks are kept in {_NAMES[chosen]}"
    if chosen == "database" and settings.stores.workers > 1:
        return (
            f"{kept}, which {settings.stores.workers} workers share: set REDIS_URL to spare it "
            "a transaction a request."
        )
    if chosen == "redis" or is_single_process(settings):
        return f"{kept}."
    if chosen == "database":
        return (
            f"{kept}: the server that started this process may have started others. Say WORKERS=1 "
            "if it is the only one, or set REDIS_URL."
        )
    return (
        f"{kept}, as STORE says: if the server that started it has started others, each lets "
        "through as much again."
    )


def is_single_process(settings: CoreSettings) -> bool:
    """Whether this is the only serving process: by `WORKERS=1`, or because no server started it."""
    is_given = "workers" in settings.given
    return settings.stores.workers == 1 and (is_given or not is_supervised())


def is_supervised() -> bool:
    """Whether a server such as gunicorn or uvicorn started this process, maybe one of several.

    uvicorn, hypercorn and granian start workers by `multiprocessing`; gunicorn, uWSGI and others
    fork. Processes on other machines or in other containers cannot be detected.
    """
    return (
        not _FORKING_SERVERS.isdisjoint(sys.modules)
        or multiprocessing.parent_process() is not None
        or _is_forked()
    )


def _is_forked() -> bool:
    """Whether the parent process runs the same command, on Linux: then this is a fork of it."""
    with suppress(OSError):
        own = Path("/proc/self/cmdline").read_bytes()
        return own == Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
    return False


def describe_session_cache(settings: CoreSettings) -> str:
    """For how long a process caches sessions, and why, in a sentence."""
    seconds = settings.sessions.session_cache_seconds
    if seconds == 0:
        return "Sessions are read from the database each time, as SESSION_CACHE_SECONDS says."
    if settings.stores.redis_url is not None:
        return f"Sessions are remembered for {seconds} s, and changes announced over Redis."
    if is_single_process(settings):
        return f"Sessions are remembered for {seconds} s, in this one process."
    if settings.stores.workers == 1:
        return (
            "Sessions are read from the database each time: say WORKERS=1 if one process serves, "
            "or set REDIS_URL."
        )
    return (
        "Sessions are read from the database each time: set REDIS_URL, and "
        f"{settings.stores.workers} workers remember them and tell each other of changes."
    )
