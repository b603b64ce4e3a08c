"""The store for many processes: a server with Redis's protocol."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError

from gatepost.clock import Clock
from gatepost.settings.redis_url import read_sentinel_url
from gatepost.stores.base import StoreUnavailable, StoreUnsupported
from gatepost.stores.command_batcher import BatchedStore, CommandBatcher, wait_with_timeout
from gatepost.stores.diagnosis import CLUSTER, explain_redis_failure, is_of_a_cluster
from gatepost.stores.entries import Entry, Transition, milliseconds
from gatepost.stores.redis_parts import connection_options
from gatepost.stores.sentinels import open_sentinel_client
from gatepost.stores.windows import Window

T = TypeVar("T")

TIMEOUT_SECONDS = 0.25
"""The default time-out of a command."""

_FAILURES = (RedisError, OSError, TimeoutError)
_SCRIPT = Path(__file__).with_name("store.lua")
_OTHER_SCHEMES = {"valkey://": "redis://", "valkeys://": "rediss://"}

Arguments = tuple[str | bytes | int, ...]


class Update(NamedTuple):
    """Run a transition on a key's entry."""

    key: str
    transition: Transition[Any]


class Call(NamedTuple):
    """Run an operation of the script on a key, with its arguments."""

    key: str
    operation: str
    arguments: Arguments = ()


class RedisStore(BatchedStore[Update | Call]):
    """Counts windows by a script, which runs atomically.

    Transitions run in this process: the entry is read, and replaced only if it is still the same
    (compare and swap); else the transition runs again on the newer one. That takes one more round
    trip for a whole batch.

    The time is the server's, so that processes with different clocks agree, unless `clock` is
    given.
    """

    kind: Literal["redis"] = "redis"

    def __init__(
        self,
        url: str,
        prefix: str,
        clock: Clock | None = None,
        *,
        patience: float = TIMEOUT_SECONDS,
    ) -> None:
        """Connect on first use; a command waits at most `patience` seconds for its answer.

        Every key begins with `prefix`, because others may use the same server.
        """
        self._prefix = prefix
        self._clock = clock
        self._patience = patience
        self.client = open_client(url, patience=patience)
        self._script = _SCRIPT.read_text(encoding="utf-8")
        self._digest = ""
        self._commands = CommandBatcher(
            "Redis",
            self._perform,
            probe=Call("probe", "count_in_window", (1, 1000, 1)),
            patience=patience,
            failures=(RedisError, OSError),
            explain=explain_redis_failure,
        )

    async def update(self, key: str, transition: Transition[T]) -> T:
        answer: T = await self._commands.run(Update(key, transition))
        return answer

    async def count_in_window(
        self, key: str, limit: int, length: timedelta, amount: int = 1
    ) -> Window:
        arguments = (limit, milliseconds(length), amount)
        allowed, used, resets_in_ms = await self._commands.run(
            Call(key, "count_in_window", arguments)
        )
        return Window(bool(allowed), used, resets_in_ms)

    async def purge(self) -> int:
        """Do nothing: Redis deletes expired keys itself."""
        return 0

    async def ping(self) -> None:
        """Also raise `StoreUnsupported` for a node of a cluster, which accepts only some keys."""
        try:
            await super().ping()
            hello = self.client.execute_command("HELLO")  # type: ignore[no-untyped-call] # it has no types
            answer = await wait_with_timeout(hello, self._patience, _FAILURES)
        except StoreUnavailable as error:
            if error.__cause__ is not None and is_of_a_cluster(error.__cause__):
                raise StoreUnsupported(error.reason) from error
            raise
        except _FAILURES as error:
            raise StoreUnavailable(explain_redis_failure(error)) from error
        if answer.get(b"mode") == b"cluster":
            raise StoreUnsupported(CLUSTER)

    async def close(self) -> None:
        await super().close()
        await self.client.aclose()

    async def _perform(self, commands: Sequence[Update | Call]) -> Sequence[Any]:
        updates: dict[str, list[Update]] = {}
        for each in commands:
            if isinstance(each, Update):
                updates.setdefault(each.key, []).append(each)
        calls = [each for each in commands if isinstance(each, Call)]
        replies = await self._call([*calls, *(Call(key, "read") for key in updates)])
        states = dict(zip(updates, replies[len(calls) :], strict=True))
        answers = await self._update(updates, states)
        answers_to_calls = iter(replies)
        return [
            next(answers[each.key]) if isinstance(each, Update) else next(answers_to_calls)
            for each in commands
        ]

    async def _update(
        self, updates: Mapping[str, Sequence[Update]], states: dict[str, Any]
    ) -> Mapping[str, Iterator[Any]]:
        """Run the transitions of each key, again for those whose entry changed meanwhile."""
        answers: dict[str, Iterator[Any]] = {}
        while states:
            puts = []
            for key, state in states.items():
                before, after, its_answers = _run_transitions(updates[key], state)
                answers[key] = iter(its_answers)
                if before != after:
                    puts.append(Call(key, "compare_and_put", _arguments(before, after)))
            replies = await self._call(puts) if puts else ()
            states = {call.key: reply for call, reply in zip(puts, replies, strict=True) if reply}
        return answers

    async def _call(self, calls: Sequence[Call]) -> Sequence[Any]:
        """Make all calls in one round trip; loads the script if the server has lost it."""
        if not self._digest:
            self._digest = await self.client.script_load(self._script)
        replies = await self._send(calls)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            # None of the calls has run: the script is known to a whole batch or to no call of it.
            self._digest = await self.client.script_load(self._script)
            replies = await self._send(calls)
        for reply in replies:
            if isinstance(reply, ReadOnlyError):
                # A demoted primary keeps its connections open: connect to the new primary.
                await self.client.connection_pool.disconnect()
            if isinstance(reply, Exception):
                raise reply
        return replies

    async def _send(self, calls: Sequence[Call]) -> Sequence[Any]:
        now = 0 if self._clock is None else int(self._clock.now().timestamp() * 1000)
        async with self.client.pipeline(transaction=False) as pipeline:
            for key, operation, arguments in calls:
                pipeline.evalsha(
                    self._digest, 1, f"{self._prefix}:{key}", operation, now, *arguments
                )
            replies: Sequence[Any] = await pipeline.execute(raise_on_error=False)
        return replies


def _run_transitions(
    updates: Sequence[Update], state: Sequence[Any]
) -> tuple[Entry | None, Entry | None, Sequence[Any]]:
    """The entry in the reply of `read`, the entry after all transitions, and their answers."""
    now, *entry = state
    before = after = Entry(*entry) if entry else None
    answers = []
    for _, transition in updates:
        after, answer = transition(after, now)
        answers.append(answer)
    return before, after, answers


def _arguments(before: Entry | None, after: Entry | None) -> Arguments:
    if after is None:
        return _marked(before), _marked(None), 0
    return _marked(before), _marked(after), after.expires_at


def _marked(entry: Entry | None) -> bytes:
    return b"-" if entry is None else b"+" + entry.value


def open_client(
    url: str, *, patience: float = TIMEOUT_SECONDS, protocol: Literal[2, 3] = 3
) -> Redis:
    """A client that connects on first use, with short time-outs."""
    options: dict[str, Any] = {
        "protocol": protocol,
        # Longer than the time-out of `CommandBatcher`, which tolerates a busy event loop.
        "socket_timeout": 10 * patience,
        "socket_connect_timeout": 10 * patience,
        # One retry, for a connection that the server has closed.
        "retry": Retry(NoBackoff(), 1),
        **connection_options(),
    }
    if (sentinel_url := read_sentinel_url(url)) is not None:
        return open_sentinel_client(sentinel_url, patience, options)
    for scheme, known in _OTHER_SCHEMES.items():
        if url.startswith(scheme):
            url = known + url.removeprefix(scheme)
    return Redis.from_url(url, **options)
