"""Announcements over Redis's publish and subscribe, and when they can be relied upon.

A process trusts what it remembers while it hears the channel: a ping that it sent on the very
connection of its subscription, not longer than `LEASE_SECONDS` ago, was answered. Whatever was
published before that answer has come before it. A connection that ends, and a lease that lapses,
leave nothing remembered; after either the channel has to be heard for `PROBATION_SECONDS` before
anything is remembered again, within which every process that could not publish has published.

Who publishes waits for Redis to have taken it. Where Redis does not, they wait until no lease can
be running any more: so once a logout is answered, no process takes the token, Redis or not. What
could not be published is published when Redis is back.
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
from gatepost.stores.command_batcher import wait_patiently
from gatepost.stores.diagnosis import explain_redis_failure
from gatepost.stores.redis import TIMEOUT_SECONDS, open_client
from gatepost.stores.session_cache import SessionCache

log = logging.getLogger(__name__)

PING_SECONDS = 0.25
LEASE_SECONDS = 1.0
PROBATION_SECONDS = 1.0
_SILENCE_SECONDS = 5.0
"""How long a connection on which no ping is answered is kept."""

_MARGIN_SECONDS = 0.1
"""Longer than any two processes measure the same lease differently."""

_FIRST_PAUSE, _LAST_PAUSE = 0.05, 0.25
"""Seconds between two tries, which grow: shorter than a probation, whatever a try takes."""

_EVERYBODY = b"*"
_MOST_USERS = 10_000
"""Of so many it is cheaper to say: everybody."""

_FAILURES = (RedisError, OSError, TimeoutError)


class RedisAnnouncements:
    """One process's end of the channel. It connects when it is first used."""

    def __init__(self, url: str, channel: str, cache: SessionCache[Any], clock: Clock) -> None:
        self._channel = channel
        self._cache = cache
        self._clock = clock
        self._client = open_client(url, protocol=2)  # in which a subscriber's ping is told apart
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

    async def announce(self, user_ids: Collection[int]) -> None:
        """Forget what is remembered of these users, here and everywhere.

        Returns once every other process refuses to go by it, or will have before it can next hear
        of anything; that takes `LEASE_SECONDS` at most where Redis has just failed.
        """
        expect_no_transaction("an announcement")
        self._cache.invalidate(user_ids)
        self._unsent.update(user_ids)
        if self._down_since is None and await self._batcher.ask(None):
            return
        if self._down_since is not None:
            await self._outwait_leases(self._down_since)

    async def keep_listening(self) -> None:
        """Hear what others announce, and let the cache be trusted meanwhile; until cancelled."""
        pause = _FIRST_PAUSE
        while True:
            began_lost = self._is_lost
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing is heard
                self._tell_lost(error)
            finally:
                self._distrust()
            if self._down_since is None:
                # Redis may be gone: then the next announcement shall know since when.
                await self._batcher.ask(None)
            pause = min(2 * pause, _LAST_PAUSE) if began_lost else _FIRST_PAUSE
            await asyncio.sleep(pause)

    async def why_unheard(self) -> str | None:
        """Why Redis takes no announcement now, as `explain_redis_failure`; None where it does."""
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

    async def _outwait_leases(self, down_since: float) -> None:
        left = down_since + LEASE_SECONDS + _MARGIN_SECONDS - _loop_time()
        if left > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._is_up.wait()

    async def _send(self, asked: Sequence[None]) -> Sequence[bool]:
        """Publish all users that are to be announced by now."""
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
        """Publish again and again, until nothing is left to be published."""
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
        await wait_patiently(publishing, TIMEOUT_SECONDS, _FAILURES)

    async def _listen(self) -> None:
        """Subscribe, then hear: raises when the connection ends, or falls silent."""
        pool = self._client.connection_pool
        connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call] # it has no types
        try:
            await connection.connect()  # type: ignore[no-untyped-call] # as above
            await connection.send_command("SUBSCRIBE", self._channel)
            await self._hear(connection)
        finally:
            await connection.disconnect(nowait=True)

    async def _hear(self, connection: AbstractConnection) -> None:
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
                    self._tell_found()
                case None | [b"subscribe", *_]:
                    pass
                case _:
                    raise RedisError("an answer that no subscriber gets")

    def _take(self, message: bytes) -> None:
        self._counts["received"] += bool(message)
        if message == _EVERYBODY:
            self._cache.clear()
        elif message:
            try:
                self._cache.invalidate([int(word) for word in message.split(b",")])
            except ValueError:  # not of ours: who can write here may make us forget, no more
                self._cache.clear()

    def _distrust(self) -> None:
        self._cache.lease_expires_at = -math.inf
        self._cache.clear()

    def _tell_found(self) -> None:
        if self._is_lost:
            log.warning("announcements.found")
        self._is_lost = False

    def _tell_lost(self, error: Exception) -> None:
        if not self._is_lost:
            reason = explain_redis_failure(error)
            log.warning(
                "announcements.lost", extra={"error": type(error).__name__, "reason": reason}
            )
        self._is_lost = True


class _Lease:
    """What answered pings are worth to the cache."""

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
        """The answer came: until so long after the question nothing can have been missed."""
        sent_at = self._sent.pop(ping)
        now = self._clock.monotonic()
        if now >= self._ends_at:  # it had lapsed: who published meanwhile may not have waited
            self._heard_since = now
        self._ends_at = sent_at + LEASE_SECONDS
        if now - self._heard_since < PROBATION_SECONDS:
            return
        if now >= self._cache.lease_expires_at:
            self._cache.clear()
        self._cache.lease_expires_at = self._ends_at


def _message(users: Collection[int]) -> bytes:
    return _EVERYBODY if len(users) > _MOST_USERS else b",".join(b"%d" % each for each in users)


def _end_if_cancelled() -> None:
    """Raise what Python 3.11 may have swallowed: `wait_for`, by which the client sends, takes no
    notice of a cancellation that comes just as it ends."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
