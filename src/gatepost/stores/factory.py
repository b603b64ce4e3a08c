"""Which store a service has: Redis if there is one, else the database if shared, else memory.

Whether it is shared is said by `WORKERS`; where nobody says so, a server that may have started
several processes is taken to have done so.

What speaks to Redis is loaded where there is one: it takes long, and everybody would wait for it.
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
from gatepost.stores.announcements import Announcements, LocalInvalidation
from gatepost.stores.base import Store
from gatepost.stores.database import DatabaseStore
from gatepost.stores.memory import MemoryStore
from gatepost.stores.naming import name_of_service
from gatepost.stores.session_cache import SessionCache

_FORKING_SERVERS = frozenset({"gunicorn.arbiter", "uwsgi"})
"""Modules that are loaded in the processes of such a server, and in no other."""

_NAMES = {
    "redis": "Redis",
    "database": "the database",
    "memory": "this process's memory",
}


def choose_store(settings: CoreSettings) -> Literal["memory", "database", "redis"]:
    """What `STORE`, `REDIS_URL` and `WORKERS` say, and who started this process."""
    chosen = settings.stores.chosen_store
    is_left_to_us = settings.stores.store == "auto" and chosen == "memory"
    return "database" if is_left_to_us and not is_single_process(settings) else chosen


def open_store(settings: CoreSettings, engine: AsyncEngine, clock: Clock | None = None) -> Store:
    """Open what `choose_store` says; connects when first used."""
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
    """Open the database as a store, which is waited for as long as for a connection."""
    patience = settings.database_pool_timeout_seconds
    return DatabaseStore(engine, clock or SystemClock(), patience=patience)


def open_announcements(
    settings: CoreSettings, cache: SessionCache[Any], clock: Clock
) -> Announcements:
    """Open the service's channel where there is a Redis; else there is nobody to tell."""
    if settings.stores.redis_url is None:
        return LocalInvalidation(cache)
    from gatepost.stores.redis_announcements import RedisAnnouncements

    # Redis's numbered databases share their channels: the name has to be the service's own.
    channel = f"{name_of_service(settings)}:sessions"
    return RedisAnnouncements(settings.stores.redis_url, channel, cache, clock)


def describe_store(settings: CoreSettings) -> str:
    """Where limits and locks are kept, why, and what would be better, in a sentence or two."""
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
    """Whether no other process serves: said outright, or nobody is there to have started one."""
    is_said = "workers" in settings.given
    return settings.stores.workers == 1 and (is_said or not is_supervised())


def is_supervised() -> bool:
    """Whether a server such as gunicorn or uvicorn started this process, maybe one of several.

    uvicorn, hypercorn and granian start theirs by `multiprocessing`; gunicorn, uWSGI and others
    fork. Who started several machines, containers or units cannot be known.
    """
    return (
        not _FORKING_SERVERS.isdisjoint(sys.modules)
        or multiprocessing.parent_process() is not None
        or _is_forked()
    )


def _is_forked() -> bool:
    """Whether the parent runs the same command, as Linux tells: this process is a copy of it."""
    with suppress(OSError):
        own = Path("/proc/self/cmdline").read_bytes()
        return own == Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
    return False


def describe_session_cache(settings: CoreSettings) -> str:
    """For how long a process goes by what it remembers of sessions, and why, in a sentence."""
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
