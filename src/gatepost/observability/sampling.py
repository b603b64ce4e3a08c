"""Brings into the metrics what other parts of the runtime count for themselves."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.replica import Replica
from gatepost.db.sqlalchemy_parts import MeasuredPool
from gatepost.observability.metrics import Metrics
from gatepost.security.hash_pool import HashPool
from gatepost.stores.announcements import Announcements
from gatepost.stores.base import Store
from gatepost.stores.lockout import Lockout
from gatepost.stores.rate_limit import RateLimits
from gatepost.stores.session_cache import SessionCache

EVERY = timedelta(seconds=2)
"""How old what another process tells of its present state may be."""


def watch_hash_pool(metrics: Metrics, pool: HashPool) -> None:
    """Show how busy the hash threads are."""

    def sample(to: Metrics) -> None:
        to.set("gatepost_password_hash_queue_depth", pool.depth)
        to.set("gatepost_password_hashes_in_progress", pool.running)
        to.set_total("gatepost_password_hashes_total", pool.begun)
        to.set_total("gatepost_password_hash_wait_seconds_total", pool.seconds_waited)
        to.set_total("gatepost_password_hash_refusals_total", pool.refused)

    metrics.watch(sample)


def watch_database_pool(metrics: Metrics, engine: AsyncEngine) -> None:
    """Show how busy the database's connections are."""

    def sample(to: Metrics) -> None:
        pool = engine.pool  # not always the same: one that is thrown away is replaced
        if isinstance(pool, MeasuredPool):
            to.set("gatepost_database_pool_size", pool.size())
            to.set("gatepost_database_connections_in_use", pool.checkedout())
            to.set_total("gatepost_database_connections_taken_total", pool.checkouts)
            to.set_total("gatepost_database_connection_wait_seconds_total", pool.seconds_waited)
            to.set_total("gatepost_database_pool_timeouts_total", pool.timeouts)

    metrics.watch(sample)


def watch_replica(metrics: Metrics, replica: Replica) -> None:
    """Show how busy the replica's connections are, and how often it could not be read."""

    def sample(to: Metrics) -> None:
        pool = replica.engine.pool
        if isinstance(pool, MeasuredPool):
            to.set("gatepost_replica_pool_size", pool.size())
            to.set("gatepost_replica_connections_in_use", pool.checkedout())
            to.set_total("gatepost_replica_connections_taken_total", pool.checkouts)
        to.set_total("gatepost_replica_failures_total", replica.failures)

    metrics.watch(sample)


def watch_store(metrics: Metrics, store: Store) -> None:
    """Show how the store is."""

    def sample(to: Metrics) -> None:
        to.set("gatepost_store_available", int(store.is_available), store.kind)
        to.set_total("gatepost_store_failures_total", store.figures.get("failures", 0), store.kind)

    metrics.watch(sample)


def watch_policies(
    metrics: Metrics, limits: RateLimits, names: Iterable[str], lockout: Lockout
) -> None:
    """Show what limits, by these names, and lockout refused, and what they could not know."""

    def sample(to: Metrics) -> None:
        for name in names:
            to.set_total("gatepost_rate_limit_refusals_total", limits.refused[name], name)
            to.set_total("gatepost_rate_limit_unchecked_total", limits.unchecked[name], name)
        to.set_total("gatepost_lockout_refusals_total", lockout.refused)
        for step in ("begin", "end"):
            to.set_total("gatepost_lockout_unshared_total", lockout.unshared[step], step)

    metrics.watch(sample)


def watch_sessions(
    metrics: Metrics, cache: SessionCache[Any], announcements: Announcements
) -> None:
    """Show what is remembered of sessions, how often that spares the database, and who tells."""

    def sample(to: Metrics) -> None:
        to.set("gatepost_session_cache_entries", len(cache))
        to.set("gatepost_session_cache_trusted", int(cache.is_trusted))
        to.set_total("gatepost_session_cache_hits_total", cache.hits)
        to.set_total("gatepost_session_cache_misses_total", cache.readings)
        for step, count in announcements.figures.items():
            to.set_total("gatepost_session_announcements_total", count, step)

    metrics.watch(sample)


async def keep_sampling(metrics: Metrics, every: timedelta = EVERY) -> None:
    """Sample again and again, for other processes to tell of this one, until cancelled."""
    while True:
        metrics.sample()
        await asyncio.sleep(every.total_seconds())
