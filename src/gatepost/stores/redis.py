"""The store of a service of many processes: a server that speaks Redis's protocol."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError

from gatepost.clock import Clock
from gatepost.settings.redis_url import read_watched
from gatepost.stores.base import (
    Attempt,
    AttemptRules,
    Count,
    Outcome,
    StoreUnavailable,
    StoreUnfit,
    Window,
)
from gatepost.stores.batches import BatchedStore, Batches, wait_patiently
from gatepost.stores.diagnosis import CLUSTER, explain_redis_failure, is_of_a_cluster
from gatepost.stores.entries import duration, milliseconds
from gatepost.stores.redis_parts import connection_options
from gatepost.stores.sentinels import open_watched

PATIENCE_SECONDS = 0.25
"""The longest that anybody waits for an answer, unless told otherwise."""

_FAILURES = (RedisError, OSError, TimeoutError)
_SCRIPT = Path(__file__).with_name("entries.lua")
_OTHER_SCHEMES = {"valkey://": "redis://", "valkeys://": "rediss://"}

Wish = tuple[str, str, Sequence[str | bytes | int]]
"""An operation of the script, its key and its own arguments."""


class RedisStore(BatchedStore[Wish]):
    """Every primitive is one run of one script, and so atomic.

    By default the server's own clock counts, so that processes whose clocks differ agree; a
    `clock` takes its place.
    """

    kind: Literal["redis"] = "redis"

    def __init__(
        self,
        url: str,
        prefix: str,
        clock: Clock | None = None,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Connect when first used; nobody waits longer than `patience` seconds for an answer.

        Every key begins with `prefix`: others may use the same server.
        """
        self._prefix = prefix
        self._clock = clock
        self._patience = patience
        self.client = open_client(url, patience=patience)
        self._script = _SCRIPT.read_text(encoding="utf-8")
        self._digest = ""
        self._batches = Batches(
            "Redis",
            self._perform,
            probe=("increment", "probe", (1000, 1)),
            patience=patience,
            failures=(RedisError, OSError),
            explain=explain_redis_failure,
        )

    async def increment(self, key: str, lifetime: timedelta, amount: int = 1) -> Count:
        value = await self._run("increment", key, milliseconds(lifetime), amount)
        return Count(int(value), lifetime)

    async def get(self, key: str) -> bytes | None:
        value: bytes | None = await self._run("get", key)
        return value

    async def put(self, key: str, value: bytes, lifetime: timedelta) -> None:
        await self._run("put", key, value, milliseconds(lifetime))

    async def put_new(self, key: str, value: bytes, lifetime: timedelta) -> bool:
        return bool(await self._run("put_new", key, value, milliseconds(lifetime)))

    async def take(self, key: str) -> bytes | None:
        value: bytes | None = await self._run("take", key)
        return value

    async def delete(self, key: str) -> None:
        await self._run("delete", key)

    async def count_in_window(
        self, key: str, limit: int, length: timedelta, amount: int = 1
    ) -> Window:
        allowed, used, resets_in_ms = await self._run(
            "count_in_window", key, limit, milliseconds(length), amount
        )
        return Window(bool(allowed), used, resets_in_ms)

    async def begin_attempt(self, key: str, place: str, rules: AttemptRules) -> Attempt:
        state, opens_in = await self._run("begin_attempt", key, place, *_arguments(rules))
        return Attempt(state.decode(), duration(opens_in))

    async def end_attempt(
        self, key: str, place: str, rules: AttemptRules, outcome: Outcome, *, begun: bool = True
    ) -> bool:
        locked = await self._run("end_attempt", key, place, *_arguments(rules), outcome, int(begun))
        return bool(locked)

    async def purge(self) -> int:
        """Redis cleans up by itself."""
        return 0

    async def ping(self) -> None:
        """Also look that it is no node of a cluster, which may take some keys and refuse others."""
        try:
            await super().ping()
            hello = self.client.execute_command("HELLO")  # type: ignore[no-untyped-call] # it has no types
            answer = await wait_patiently(hello, self._patience, _FAILURES)
        except StoreUnavailable as error:
            if error.__cause__ is not None and is_of_a_cluster(error.__cause__):
                raise StoreUnfit(error.reason) from error
            raise
        except _FAILURES as error:
            raise StoreUnavailable(explain_redis_failure(error)) from error
        if answer.get(b"mode") == b"cluster":
            raise StoreUnfit(CLUSTER)

    async def close(self) -> None:
        await super().close()
        await self.client.aclose()

    async def _run(self, operation: str, key: str, *arguments: str | bytes | int) -> Any:  # noqa: ANN401 - the operation's own kind of answer
        return await self._batches.run((operation, key, arguments))

    async def _perform(self, wishes: Sequence[Wish]) -> Sequence[Any]:
        """Run a batch in one round trip; a server that has been restarted is told the script."""
        if not self._digest:
            self._digest = await self.client.script_load(self._script)
        answers = await self._send(wishes)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            # None of them has run: a script is known from a batch's beginning or not at all.
            self._digest = await self.client.script_load(self._script)
            answers = await self._send(wishes)
        for answer in answers:
            if isinstance(answer, ReadOnlyError):
                # A primary that was demoted keeps its connections: another has its address now.
                await self.client.connection_pool.disconnect()
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def _send(self, wishes: Sequence[Wish]) -> Sequence[Any]:
        now = 0 if self._clock is None else int(self._clock.now().timestamp() * 1000)
        async with self.client.pipeline(transaction=False) as pipeline:
            for operation, key, arguments in wishes:
                pipeline.evalsha(
                    self._digest, 1, f"{self._prefix}:{key}", operation, now, *arguments
                )
            answers: Sequence[Any] = await pipeline.execute(raise_on_error=False)
        return answers


def open_client(
    url: str, *, patience: float = PATIENCE_SECONDS, protocol: Literal[2, 3] = 3
) -> Redis:
    """A client that connects when first used, and waits for nothing longer than a moment."""
    options: dict[str, Any] = {
        "protocol": protocol,
        # A bound behind `Batches`' own, which alone tells a silent server from a busy loop.
        "socket_timeout": 10 * patience,
        "socket_connect_timeout": 10 * patience,
        # Once: a connection that the server has closed meanwhile is opened again.
        "retry": Retry(NoBackoff(), 1),
        **connection_options(),
    }
    if (watched := read_watched(url)) is not None:
        return open_watched(watched, patience, options)
    for scheme, known in _OTHER_SCHEMES.items():
        if url.startswith(scheme):
            url = known + url.removeprefix(scheme)
    return Redis.from_url(url, **options)


def _arguments(rules: AttemptRules) -> tuple[int, int, int, int]:
    lifetime, patience = milliseconds(rules.lifetime), milliseconds(rules.patience)
    return rules.per_place, rules.in_all, lifetime, patience
