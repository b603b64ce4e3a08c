"""The resources that the process opens at its start and closes at its end."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

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
from gatepost.security.hash_pool import HashPool
from gatepost.security.keys import Keys, Purpose
from gatepost.security.passwords import Passwords
from gatepost.settings import CoreSettings
from gatepost.stores.attempts import AttemptRules
from gatepost.stores.base import Store
from gatepost.stores.factory import (
    is_single_process,
    open_database_store,
    open_invalidation,
    open_store,
)
from gatepost.stores.invalidation import Invalidation
from gatepost.stores.lockout import PATIENCE, Lockout
from gatepost.stores.memory import MemoryStore
from gatepost.stores.rate_limit import RateLimits
from gatepost.stores.session_cache import SessionCache

S = TypeVar("S")

_LOCKOUT = Purpose("gatepost lockout")


@dataclass(frozen=True, slots=True)
class Runtime:
    """The open resources of one instance of the service; a process can have several instances."""

    settings: CoreSettings
    clock: Clock
    hooks: Callbacks
    engine: AsyncEngine
    reader: Database
    writer: Database
    """The same database: on SQLite only the writer's transactions take the write lock."""
    metrics: Metrics
    hash_pool: HashPool
    passwords: Passwords
    store: Store
    rate_limits: RateLimits
    lockout: Lockout
    session_cache: SessionCache[Any]
    """The entries are `features.callers.cache.CachedCaller`."""
    authenticators: Sequence[Any]
    """`features.callers.authenticators.Authenticator` objects, in the order of their use."""
    invalidation: Invalidation
    keys: Keys = field(repr=False)
    stopping: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when the process stops; background tasks end after their current piece of work."""
    replica: Replica | None = None
    """Used by `Work.read_list` only."""
    _states: dict[Callable[["Runtime"], Any], Any] = field(default_factory=dict, repr=False)

    def state(self, kind: Callable[["Runtime"], S]) -> S:
        """A feature's state in this process: the instance of its class, created on first use."""
        state: S | None = self._states.get(kind)
        if state is None:
            state = self._states[kind] = kind(self)
        return state

    async def wait_or_stop(self, seconds: float) -> bool:
        """Wait for `seconds`, or until the process stops: then return False."""
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
    """Open all resources, and close them when the block ends.

    `without_statement_timeout` lifts the limits of statements and idle transactions.
    """
    async with AsyncExitStack() as opened:  # closed in the reverse order
        clock = clock or SystemClock()
        metrics = Metrics(settings.service.version)
        keys = Keys(settings.tokens.secret_key, settings.audit.former_secret_keys)
        engine = open_engine(settings.database, without_statement_timeout=without_statement_timeout)
        opened.push_async_callback(engine.dispose)
        replica = _replica(settings, metrics)
        if replica is not None:
            opened.push_async_callback(replica.engine.dispose)
        store = open_store(settings, engine, clock)
        opened.push_async_callback(store.close)
        _trace(settings, engine, store)
        lockout = _lockout(settings, keys, store, engine, clock)
        opened.push_async_callback(lockout.close)
        session_cache = _session_cache(settings, clock)
        invalidation = open_invalidation(settings, session_cache, clock)
        opened.push_async_callback(invalidation.close)
        hash_pool = HashPool(
            threads=settings.passwords.hash_threads, queue_limit=settings.passwords.hash_queue_limit
        )
        opened.callback(hash_pool.close)
        runtime = Runtime(
            settings=settings,
            clock=clock,
            hooks=hooks or Callbacks(),
            engine=engine,
            reader=_database(settings, engine.execution_options(**{WRITES: False})),
            writer=_database(settings, engine.execution_options(**{WRITES: True})),
            replica=replica,
            metrics=metrics,
            hash_pool=hash_pool,
            passwords=Passwords(settings.passwords, hash_pool),
            store=store,
            rate_limits=RateLimits(store, settings.quotas),
            lockout=lockout,
            session_cache=session_cache,
            authenticators=authenticators,
            invalidation=invalidation,
            keys=keys,
        )
        _watch(runtime)
        yield runtime


def _trace(settings: CoreSettings, engine: AsyncEngine, store: Store) -> None:
    if settings.observability.tracing_enabled:
        from gatepost.observability.tracing import trace_database, trace_store

        trace_database(engine)
        trace_store(store)


def _database(settings: CoreSettings, engine: AsyncEngine) -> Database:
    return Database(
        open_session=async_sessionmaker(engine, expire_on_commit=False),
        autocommit=AutocommitExecutor(engine, is_traced=settings.observability.tracing_enabled),
        updates_return_rows=engine.dialect.update_returning,
    )


def _replica(settings: CoreSettings, metrics: Metrics) -> Replica | None:
    engine = open_replica_engine(settings.database)
    if engine is None:
        return None
    if settings.observability.tracing_enabled:
        from gatepost.observability.tracing import trace_database

        trace_database(engine)
    replica = Replica(engine, _database(settings, engine))
    watch_replica(metrics, replica)
    return replica


def _watch(runtime: Runtime) -> None:
    """Register the resources with the metrics."""
    metrics, quotas = runtime.metrics, tuple(runtime.settings.quotas)
    watch_hash_pool(metrics, runtime.hash_pool)
    watch_database_pool(metrics, runtime.engine)
    watch_store(metrics, runtime.store)
    watch_policies(metrics, runtime.rate_limits, quotas, runtime.lockout)
    watch_sessions(metrics, runtime.session_cache, runtime.invalidation)


def _lockout(
    settings: CoreSettings, keys: Keys, store: Store, engine: AsyncEngine, clock: Clock
) -> Lockout:
    rules = AttemptRules(
        per_client=settings.limits.lockout_failures_per_address,
        per_account=settings.limits.lockout_failures_per_account,
        lifetime=settings.limits.lockout_lifetime,
        patience=PATIENCE,
    )
    key = keys.derive(_LOCKOUT)
    if isinstance(store, MemoryStore):
        notices = open_database_store(settings.database, engine, clock)
        return Lockout(store, store, rules, key, unlock_notices=notices)
    return Lockout(store, MemoryStore(clock), rules, key)


def _session_cache(settings: CoreSettings, clock: Clock) -> SessionCache[Any]:
    """The cache. With a single process its lease never expires; else invalidation renews it."""
    cache: SessionCache[Any] = SessionCache(
        clock,
        seconds=settings.sessions.session_cache_seconds,
        size=settings.sessions.session_cache_size,
    )
    if settings.stores.redis_url is None and is_single_process(settings):
        cache.lease_expires_at = math.inf
    return cache
