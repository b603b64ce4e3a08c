"""Which store a service has: Redis if there is one, else the database if shared, else memory.

What speaks to Redis is loaded where there is one: it takes long, and everybody would wait for it.
"""

import multiprocessing
import sys
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.clock import Clock, SystemClock
from gatepost.settings import DatabaseSettings, Settings, StoreSettings
from gatepost.stores.announcements import Announcements, OwnAnnouncements
from gatepost.stores.base import Store
from gatepost.stores.database import DatabaseStore
from gatepost.stores.memory import MemoryStore
from gatepost.stores.session_cache import SessionCache

_NAMES = {
    "redis": "Redis",
    "database": "the database",
    "memory": "this process's memory",
}


def open_store(settings: Settings, engine: AsyncEngine, clock: Clock | None = None) -> Store:
    """Open what `STORE`, `REDIS_URL` and `WORKERS` say; connects when first used."""
    match settings.chosen_store:
        case "redis":
            from gatepost.stores.redis import RedisStore

            patience = settings.redis_timeout_milliseconds / 1000
            return RedisStore(settings.redis_url or "", clock, patience=patience)
        case "database":
            return open_database_store(settings, engine, clock)
        case "memory":
            return MemoryStore(clock or SystemClock())


def open_database_store(
    settings: DatabaseSettings, engine: AsyncEngine, clock: Clock | None = None
) -> DatabaseStore:
    """Open the database as a store, which is waited for as long as for a connection."""
    patience = settings.database_pool_timeout_seconds
    return DatabaseStore(engine, clock or SystemClock(), patience=patience)


def open_announcements(
    settings: StoreSettings, channel: str, cache: SessionCache[Any], clock: Clock
) -> Announcements:
    """Open the channel of this name where there is a Redis; else there is nobody to tell."""
    if settings.redis_url is None:
        return OwnAnnouncements(cache)
    from gatepost.stores.redis_announcements import RedisAnnouncements

    return RedisAnnouncements(settings.redis_url, channel, cache, clock)


def describe_store(settings: StoreSettings) -> str:
    """Where limits and locks are kept, and what would be better, in a sentence."""
    kept = f"Limits and locks are kept in {_NAMES[settings.chosen_store]}"
    if settings.chosen_store == "database" and settings.workers > 1:
        return (
            f"{kept}, which {settings.workers} workers share: set REDIS_URL to spare it "
            "a transaction a request."
        )
    return f"{kept}."


def serves_alone(settings: Settings) -> bool:
    """Whether no other process serves: said outright, or nobody is there to have started one."""
    is_said = "workers" in settings.model_fields_set
    return settings.workers == 1 and (is_said or not has_a_supervisor())


def has_a_supervisor() -> bool:
    """Whether a server such as gunicorn or uvicorn started this process, maybe one of several."""
    return "gunicorn.arbiter" in sys.modules or multiprocessing.parent_process() is not None


def describe_session_cache(settings: Settings) -> str:
    """For how long a process goes by what it remembers of sessions, and why, in a sentence."""
    seconds = settings.session_cache_seconds
    if seconds == 0:
        return "Sessions are read from the database each time, as SESSION_CACHE_SECONDS says."
    if settings.redis_url is not None:
        return f"Sessions are remembered for {seconds} s, and changes announced over Redis."
    if serves_alone(settings):
        return f"Sessions are remembered for {seconds} s, in this one process."
    if settings.workers == 1:
        return (
            "Sessions are read from the database each time: say WORKERS=1 if one process serves, "
            "or set REDIS_URL."
        )
    return (
        "Sessions are read from the database each time: set REDIS_URL, and "
        f"{settings.workers} workers remember them and tell each other of changes."
    )
