"""Invalidates cached sessions in all processes over Redis's publish and subscribe.

A process uses its cache only while it holds a lease: a ping sent on the connection of its
subscription within the last `LEASE_SECONDS` was answered, so that all messages published before the
answer have arrived. When the connection ends or the lease expires, the process clears its cache; a
new lease begins after `PROBATION_SECONDS` of answered pings, within which every process has
published the messages that it could not publish before.

`invalidate` waits until Redis has accepted the message. If Redis fails, it waits until all leases
have expired. So once a logout is answered, no process accepts the token, with Redis or without.
Messages that could not be published are published when Redis is back.
"""

import asyncio
import itertools
import logging
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from gatepost.clock import Clock
from gatepost.coalescing import Batcher
from gatepost.holding import expect_no_transaction
from gatepost.stores.command_batcher import wait_with_timeout
from gatepost.stores.diagnosis import explain_redis_failure
from gatepost.stores.redis import TIMEOUT_SECONDS, open_client
from gatepost.stores.session_cache import SessionCache

log = logging.getLogger(__name__)

PING_SECONDS = 0.25
LEASE_SECONDS = 1.0
PROBATION_SECONDS = 1.0
_SILENCE_SECONDS = 5.0
"""The time after which a connection without an answered ping is closed."""

_MARGIN_SECONDS = 0.1
"""More than the difference with which two processes measure a lease."""

_FIRST_PAUSE, _LAST_PAUSE = 0.05, 0.25
"""Seconds between two tries, which grow; they are shorter than a probation."""

_ALL_USERS = b"*"
_MOST_USERS = 10_000
"""Beyond this number of users one message invalidates all."""

_FAILURES = (RedisError, OSError, TimeoutError)


class RedisInvalidation:
    """One process's end of the channel; it connects on first use."""

    def __init__(self, url: str, channel: str, cache: SessionCache[Any], clock: Clock) -> None:
        self._channel = channel
        self._cache = cache
        self._clock = clock
        self._client = open_client(url, protocol=2)  # with a distinct reply to PING
        self._unsent: set[int] = set()
        self._batcher: Batcher[None, bool] = Batcher(self._send, on_failure=self._note_failure)
        self._retrying: asyncio.Task[None] | None = None
        self._down_since: float | None = None
        self._is_up = asyncio.Event()
        self._is_up.set()
        self._is_lost = False
        self._counts: Counter[str] = Counter({"published": 0, "received": 0, "failed": 0})

    @property
    def figures(self) -> Mapping[str, int]:
        return self._counts

    async def invalidate(self, user_ids: Collection[int]) -> None:
        """Invalidate the cached sessions of these users in every process.

        Returns when Redis has accepted the message, or when every lease has expired, which takes
        little more than `LEASE_SECONDS` after Redis fails.
        """
        expect_no_transaction("an invalidation")
        self._cache.invalidate(user_ids)
        self._unsent.update(user_ids)
        if self._down_since is None and await self._batcher.ask(None):
            return
        if self._down_since is not None:
            await self._wait_until_leases_expire(self._down_since)

    async def run_listener(self) -> None:
        """Receive invalidations, and renew the cache's lease meanwhile, until cancelled."""
        pause = _FIRST_PAUSE
        while True:
            began_lost = self._is_lost
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - after any error, nothing is received
                self._log_lost(error)
            finally:
                self._end_lease()
            if self._down_since is None:
                # Publish, to note the time if Redis is down.
                await self._batcher.ask(None)
            pause = min(2 * pause, _LAST_PAUSE) if began_lost else _FIRST_PAUSE
            await asyncio.sleep(pause)

    async def explain_unavailability(self) -> str | None:
        """Why Redis accepts no message now, by `explain_redis_failure`; None if it does."""
        try:
            await self._publish(())
        except _FAILURES as error:
            return explain_redis_failure(error)
        return None

    async def close(self) -> None:
        if self._retrying is not None:
            self._retrying.cancel()
            with suppress(asyncio.CancelledError):
                await self._retrying
        await self._batcher.close(answer=False)
        await self._client.aclose()

    async def _wait_until_leases_expire(self, down_since: float) -> None:
        left = down_since + LEASE_SECONDS + _MARGIN_SECONDS - _loop_time()
        if left > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._is_up.wait()

    async def _send(self, asked: Sequence[None]) -> Sequence[bool]:
        """Publish all users that wait to be invalidated."""
        users, self._unsent = self._unsent, set()
        try:
            await self._publish(users)
        except BaseException:
            self._unsent |= users
            raise
        self._counts["published"] += bool(users)
        return [True] * len(asked)

    def _note_failure(self, _: Exception) -> bool:
        self._counts["failed"] += 1
        if self._down_since is None:
            self._down_since = _loop_time()
            self._is_up.clear()
            self._retrying = asyncio.create_task(self._retry())
        self._batcher.abandon_waiting(answer=False)
        return False

    async def _retry(self) -> None:
        """Publish until a message is accepted and no users are left."""
        pause = _FIRST_PAUSE
        is_published = False
        while self._unsent or not is_published:
            if not is_published:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LAST_PAUSE)
            is_published = await self._batcher.ask(None)
        self._down_since = None
        self._is_up.set()

    async def _publish(self, users: Collection[int]) -> None:
        publishing = self._client.publish(self._channel, _message(users))
        await wait_with_timeout(publishing, TIMEOUT_SECONDS, _FAILURES)

    async def _listen(self) -> None:
        """Subscribe and receive; raises when the connection ends or falls silent."""
        pool = self._client.connection_pool
        connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call] # it has no types
        try:
            await connection.connect()  # type: ignore[no-untyped-call] # as above
            await connection.send_command("SUBSCRIBE", self._channel)
            await self._receive(connection)
        finally:
            await connection.disconnect(nowait=True)

    async def _receive(self, connection: AbstractConnection) -> None:
        lease = _Lease(self._cache, self._clock)
        ping_at = answered_at = _loop_time()
        while True:
            _end_if_cancelled()
            now = _loop_time()
            if now - answered_at > _SILENCE_SECONDS:
                raise TimeoutError
            if now >= ping_at:
                await connection.send_command("PING", lease.new_ping())
                ping_at = now + PING_SECONDS
            answer = await connection.read_response(timeout=max(ping_at - _loop_time(), 0.001))
            match answer:
                case [b"message", _, bytes(message)]:
                    self._take(message)
                case [b"pong", bytes(ping)]:
                    answered_at = _loop_time()
                    lease.renew(ping)
                    self._log_found()
                case None | [b"subscribe", *_]:
                    pass
                case _:
                    raise RedisError("an answer that no subscriber gets")

    def _take(self, message: bytes) -> None:
        self._counts["received"] += bool(message)
        if message == _ALL_USERS:
            self._cache.clear()
        elif message:
            try:
                self._cache.invalidate([int(word) for word in message.split(b",")])
            except ValueError:  # a foreign message; clearing the cache is the safe reaction
                self._cache.clear()

    def _end_lease(self) -> None:
        self._cache.lease_expires_at = -math.inf
        self._cache.clear()

    def _log_found(self) -> None:
        if self._is_lost:
            log.warning("announcements.found")
        self._is_lost = False

    def _log_lost(self, error: Exception) -> None:
        if not self._is_lost:
            reason = explain_redis_failure(error)
            log.warning(
                "announcements.lost", extra={"error": type(error).__name__, "reason": reason}
            )
        self._is_lost = True


class _Lease:
    """Renews the cache's lease by answered pings."""

    def __init__(self, cache: SessionCache[Any], clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._numbers = itertools.count()
        self._sent: dict[bytes, float] = {}
        self._ends_at = -math.inf
        self._heard_since = math.inf

    def new_ping(self) -> bytes:
        ping = b"%d" % next(self._numbers)
        self._sent[ping] = self._clock.monotonic()
        return ping

    def renew(self, ping: bytes) -> None:
        """Extend the lease to `LEASE_SECONDS` after the answered ping was sent."""
        sent_at = self._sent.pop(ping)
        now = self._clock.monotonic()
        if now >= self._ends_at:  # it had expired: messages may have been missed
            self._heard_since = now
        self._ends_at = sent_at + LEASE_SECONDS
        if now - self._heard_since < PROBATION_SECONDS:
            return
        if now >= self._cache.lease_expires_at:
            self._cache.clear()
        self._cache.lease_expires_at = self._ends_at


def _message(users: Collection[int]) -> bytes:
    return _ALL_USERS if len(users) > _MOST_USERS else b",".join(b"%d" % each for each in users)


def _end_if_cancelled() -> None:
    """Raise a `CancelledError` that Python 3.11 may have lost: `wait_for`, which the client uses to
    send, drops a cancellation that arrives just as it ends."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
