"""Samples the counters of other parts of the runtime into the metrics."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.replica import Replica
from gatepost.db.sqlalchemy_parts import MeasuredPool
from gatepost.observability.metrics import Metrics
from gatepost.security.hash_pool import HashPool
from gatepost.stores.base import Store
from gatepost.stores.invalidation import Invalidation
from gatepost.stores.lockout import Lockout
from gatepost.stores.rate_limit import RateLimits
from gatepost.stores.session_cache import SessionCache

INTERVAL = timedelta(seconds=2)
"""Time between two samples, if other processes answer for this one."""


def watch_hash_pool(metrics: Metrics, pool: HashPool) -> None:
    """Sample the hash threads."""

    def sample(to: Metrics) -> None:
        to.set("gatepost_password_hash_queue_depth", pool.depth)
        to.set("gatepost_password_hashes_in_progress", pool.running)
        to.set_total("gatepost_password_hashes_total", pool.begun)
        to.set_total("gatepost_password_hash_wait_seconds_total", pool.seconds_waited)
        to.set_total("gatepost_password_hash_refusals_total", pool.refused)

    metrics.watch(sample)


def watch_database_pool(metrics: Metrics, engine: AsyncEngine) -> None:
    """Sample the database's connection pool."""

    def sample(to: Metrics) -> None:
        pool = engine.pool  # read each time: SQLAlchemy replaces a pool that is disposed of
        if isinstance(pool, MeasuredPool):
            to.set("gatepost_database_pool_size", pool.size())
            to.set("gatepost_database_connections_in_use", pool.checkedout())
            to.set_total("gatepost_database_connections_taken_total", pool.checkouts)
            to.set_total("gatepost_database_connection_wait_seconds_total", pool.seconds_waited)
            to.set_total("gatepost_database_pool_timeouts_total", pool.timeouts)

    metrics.watch(sample)


def watch_replica(metrics: Metrics, replica: Replica) -> None:
    """Sample the replica's connection pool and failures."""

    def sample(to: Metrics) -> None:
        pool = replica.engine.pool
        if isinstance(pool, MeasuredPool):
            to.set("gatepost_replica_pool_size", pool.size())
            to.set("gatepost_replica_connections_in_use", pool.checkedout())
            to.set_total("gatepost_replica_connections_taken_total", pool.checkouts)
        to.set_total("gatepost_replica_failures_total", replica.failures)

    metrics.watch(sample)


def watch_store(metrics: Metrics, store: Store) -> None:
    """Sample whether the store is available."""

    def sample(to: Metrics) -> None:
        to.set("gatepost_store_available", int(store.is_available), store.kind)
        to.set_total("gatepost_store_failures_total", store.figures.get("failures", 0), store.kind)

    metrics.watch(sample)


def watch_policies(
    metrics: Metrics, limits: RateLimits, names: Iterable[str], lockout: Lockout
) -> None:
    """Sample the refusals of the rate limits of these names and of the lockout."""

    def sample(to: Metrics) -> None:
        for name in names:
            to.set_total("gatepost_rate_limit_refusals_total", limits.refused[name], name)
            to.set_total("gatepost_rate_limit_unchecked_total", limits.unchecked[name], name)
        to.set_total("gatepost_lockout_refusals_total", lockout.refused)
        for step in ("begin", "end"):
            to.set_total("gatepost_lockout_unshared_total", lockout.unshared[step], step)

    metrics.watch(sample)


def watch_sessions(metrics: Metrics, cache: SessionCache[Any], invalidation: Invalidation) -> None:
    """Sample the session cache and its invalidation."""

    def sample(to: Metrics) -> None:
        to.set("gatepost_session_cache_entries", len(cache))
        to.set("gatepost_session_cache_trusted", int(cache.is_trusted))
        to.set_total("gatepost_session_cache_hits_total", cache.hits)
        to.set_total("gatepost_session_cache_misses_total", cache.readings)
        for step, count in invalidation.figures.items():
            to.set_total("gatepost_session_announcements_total", count, step)

    metrics.watch(sample)


async def run_sampler(metrics: Metrics, interval: timedelta = INTERVAL) -> None:
    """Sample at this interval until cancelled, so that other processes can expose the values."""
    while True:
        metrics.sample()
        await asyncio.sleep(interval.total_seconds())
