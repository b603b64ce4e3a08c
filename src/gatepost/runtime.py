"""Everything the process opens at start and closes at stop."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from gatepost.clock import Clock, SystemClock
from gatepost.db.autocommit import AutocommitExecutor
from gatepost.db.database import Database
from gatepost.db.engine import WRITES, open_engine, open_replica_engine
from gatepost.db.replica import Replica
from gatepost.events import Callbacks
from gatepost.observability.metrics import Metrics
from gatepost.observability.sampling import (
    watch_database_pool,
    watch_hash_pool,
    watch_policies,
    watch_replica,
    watch_sessions,
    watch_store,
)
from gatepost.security.encryption import Cipher
from gatepost.security.hash_pool import HashPool
from gatepost.security.key_ring import KeyRing
from gatepost.security.keys import derive_key
from gatepost.security.passwords import Passwords
from gatepost.security.tokens import Key, secret_key
from gatepost.settings import CoreSettings, TokenSettings
from gatepost.stores.announcements import Announcements
from gatepost.stores.attempts import AttemptRules
from gatepost.stores.base import Store
from gatepost.stores.choice import open_announcements, open_database_store, open_store, serves_alone
from gatepost.stores.lockout import PATIENCE, Lockout
from gatepost.stores.memory import MemoryStore
from gatepost.stores.rate_limit import RateLimits
from gatepost.stores.session_cache import SessionCache


@dataclass(frozen=True, slots=True)
class Runtime:
    """What one instance of the service holds open. Two of them can live in one process."""

    settings: CoreSettings
    clock: Clock
    hooks: Callbacks
    engine: AsyncEngine
    reader: Database
    writer: Database
    """The same database: on SQLite only the writer's transactions queue for the one writer."""
    metrics: Metrics
    hash_pool: HashPool
    passwords: Passwords
    store: Store
    rate_limits: RateLimits
    lockout: Lockout
    session_cache: SessionCache[Any]
    """Its entries are `features.callers.cache.CachedCaller`."""
    authenticators: Sequence[Any]
    """Each a `features.callers.authenticators.Authenticator`, in the order in which they count."""
    announcements: Announcements
    cipher: Cipher = field(repr=False)
    key_ring: KeyRing = field(repr=False)
    refresh_key: Key = field(repr=False)
    token_id_key: bytes = field(repr=False)
    audit_key: bytes = field(repr=False)
    former_audit_keys: tuple[bytes, ...] = field(repr=False)
    idempotency_key: bytes = field(repr=False)
    answer_cipher: Cipher = field(repr=False)
    keyed_locks: WeakValueDictionary[str, asyncio.Lock] = field(
        default_factory=WeakValueDictionary, repr=False
    )
    """By name, locks of what this process does one at a time; each goes with its last user."""
    audit_head_seen: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set once this process knows that the audit log has a head, as its new rows then tell."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when the process stops: chores end between two pieces of work, never within one."""
    replica: Replica | None = None
    """Used by `Work.read_list` alone."""

    async def wait_or_stop(self, seconds: float) -> bool:
        """Wait for so many seconds or until the process stops; False when it stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        return not self.stopping.is_set()


@asynccontextmanager
async def start_runtime(
    settings: CoreSettings,
    *,
    clock: Clock | None = None,
    hooks: Callbacks | None = None,
    authenticators: Sequence[Any] = (),
    without_statement_timeout: bool = False,
) -> AsyncIterator[Runtime]:
    """Open everything; closes it when the block ends, whatever ended it.

    Where it `without_statement_timeout`, no statement is given up for taking long.
    """
    engine = open_engine(settings, without_statement_timeout=without_statement_timeout)
    hash_pool = HashPool(threads=settings.hash_threads, queue_limit=settings.hash_queue_limit)
    store = open_store(settings, engine, clock)
    _trace(settings, engine, store)
    lockout = _lockout(settings, store, engine, clock or SystemClock())
    rate_limits = RateLimits(store, settings.quotas)
    session_cache = _session_cache(settings, clock or SystemClock())
    announcements = open_announcements(settings, session_cache, clock or SystemClock())
    metrics = Metrics(settings.version)
    replica = _replica(settings, metrics)
    watch_hash_pool(metrics, hash_pool)
    watch_database_pool(metrics, engine)
    watch_store(metrics, store)
    watch_policies(metrics, rate_limits, tuple(settings.quotas), lockout)
    watch_sessions(metrics, session_cache, announcements)
    try:
        yield Runtime(
            replica=replica,
            settings=settings,
            clock=clock or SystemClock(),
            hooks=hooks or Callbacks(),
            engine=engine,
            reader=_database(settings, engine.execution_options(**{WRITES: False})),
            writer=_database(settings, engine.execution_options(**{WRITES: True})),
            metrics=metrics,
            hash_pool=hash_pool,
            passwords=Passwords(settings, hash_pool),
            store=store,
            rate_limits=rate_limits,
            lockout=lockout,
            session_cache=session_cache,
            authenticators=authenticators,
            announcements=announcements,
            cipher=Cipher(derive_key(settings.secret_key, "gatepost key ring")),
            key_ring=KeyRing(),
            refresh_key=_refresh_key(settings),
            token_id_key=derive_key(settings.secret_key, "gatepost token id"),
            idempotency_key=derive_key(settings.secret_key, "gatepost idempotency"),
            answer_cipher=Cipher(derive_key(settings.secret_key, "gatepost stored answers")),
            audit_key=_audit_key(settings.secret_key),
            former_audit_keys=tuple(map(_audit_key, settings.former_secret_keys)),
        )
    finally:
        hash_pool.close()
        await announcements.close()
        await lockout.close()
        await store.close()
        await _dispose(engine, replica)


def _trace(settings: CoreSettings, engine: AsyncEngine, store: Store) -> None:
    if settings.tracing_enabled:
        from gatepost.observability.tracing import trace_database, trace_store

        trace_database(engine)
        trace_store(store)


def _database(settings: CoreSettings, engine: AsyncEngine) -> Database:
    return Database(
        open_session=async_sessionmaker(engine, expire_on_commit=False),
        autocommit=AutocommitExecutor(engine, is_traced=settings.tracing_enabled),
        updates_return_rows=engine.dialect.update_returning,
    )


def _replica(settings: CoreSettings, metrics: Metrics) -> Replica | None:
    engine = open_replica_engine(settings)
    if engine is None:
        return None
    if settings.tracing_enabled:
        from gatepost.observability.tracing import trace_database

        trace_database(engine)
    replica = Replica(engine, _database(settings, engine))
    watch_replica(metrics, replica)
    return replica


async def _dispose(engine: AsyncEngine, replica: Replica | None) -> None:
    await engine.dispose()
    if replica is not None:
        await replica.engine.dispose()


def _lockout(settings: CoreSettings, store: Store, engine: AsyncEngine, clock: Clock) -> Lockout:
    rules = AttemptRules(
        per_client=settings.lockout_failures_per_address,
        per_account=settings.lockout_failures_per_account,
        lifetime=settings.lockout_lifetime,
        patience=PATIENCE,
    )
    key = derive_key(settings.secret_key, "gatepost lockout")
    if isinstance(store, MemoryStore):
        notices = open_database_store(settings, engine, clock)
        return Lockout(store, store, rules, key, unlock_notices=notices)
    return Lockout(store, MemoryStore(clock), rules, key)


def _session_cache(settings: CoreSettings, clock: Clock) -> SessionCache[Any]:
    """Trusted from now on where one process serves; else while it hears announcements."""
    cache: SessionCache[Any] = SessionCache(
        clock, seconds=settings.session_cache_seconds, size=settings.session_cache_size
    )
    if settings.redis_url is None and serves_alone(settings):
        cache.trusted_until = math.inf
    return cache


def _audit_key(secret: str) -> bytes:
    return derive_key(secret, "gatepost audit log")


def _refresh_key(settings: TokenSettings) -> Key:
    """The refresh tokens' own key: given, or derived, but never the access tokens'."""
    given = settings.jwt_refresh_secret_key
    return secret_key("HS256", given or derive_key(settings.secret_key, "gatepost refresh token"))
