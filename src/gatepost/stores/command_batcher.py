"""Sends the commands of many tasks to a store in batches, and detects when the store is down."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from gatepost.coalescing import Batcher
from gatepost.holding import expect_no_transaction
from gatepost.stores.base import StoreUnavailable

log = logging.getLogger(__name__)

Command = TypeVar("Command")
T = TypeVar("T")

_LARGEST = 500
_SLICES = 10
_FIRST_RETRY, _LAST_RETRY = 0.1, 1.0
"""Seconds between two probes of a store that is down."""


class CommandBatcher(Generic[Command]):
    """Sends commands to a store in batches, and fails fast while the store is down.

    After a batch fails or takes longer than `patience` seconds, every command is refused at once
    with `StoreUnavailable`, until a background probe succeeds: only the first commands wait for a
    time-out (a circuit breaker).
    """

    def __init__(
        self,
        name: str,
        perform: Callable[[Sequence[Command]], Awaitable[Sequence[Any]]],
        *,
        probe: Command,
        patience: float,
        failures: tuple[type[Exception], ...],
        explain: Callable[[Exception], str],
    ) -> None:
        self._explain = explain
        self._name = name
        self._perform = perform
        self._probe_command = probe
        self._patience = patience
        self._expected: tuple[type[Exception], ...] = (*failures, TimeoutError)
        self._batcher: Batcher[Command, Any] = Batcher(
            self._send, most=_LARGEST, on_failure=self._refusal
        )
        self._recovering: asyncio.Task[None] | None = None
        self.failures = 0

    @property
    def is_available(self) -> bool:
        return self._recovering is None

    async def run(self, command: Command) -> Any:  # noqa: ANN401 - each command has its own kind of answer
        """Return the store's answer to a command; raises `StoreUnavailable`.

        The caller must not hold a transaction: the store may be the same database.
        """
        expect_no_transaction(self._name)
        if self._recovering is not None:
            raise StoreUnavailable
        return await self._batcher.ask(command)

    async def probe(self) -> None:
        """Send the probe now, even if the store is known to be down; raises `StoreUnavailable`."""
        try:
            await self._send([self._probe_command])
        except self._expected as error:
            raise StoreUnavailable(self._explain(error)) from error

    async def close(self) -> None:
        if self._recovering is not None:
            self._recovering.cancel()
            with suppress(asyncio.CancelledError):
                await self._recovering
        await self._batcher.close(StoreUnavailable())

    async def _send(self, commands: Sequence[Command]) -> Sequence[Any]:
        return await wait_with_timeout(self._perform(commands), self._patience, self._expected)

    def _refusal(self, error: Exception) -> Exception:
        if not isinstance(error, self._expected):
            return error  # a bug of ours: raised only for the commands of this batch
        self.failures += 1
        cause = {"error": type(error).__name__, "reason": self._explain(error)}
        log.warning("store.lost", extra={"store": self._name, **cause})
        self._recovering = asyncio.create_task(self._recover())
        self._batcher.abandon_waiting(StoreUnavailable())
        return StoreUnavailable()

    async def _recover(self) -> None:
        wait = _FIRST_RETRY
        while True:
            await asyncio.sleep(wait)
            with suppress(StoreUnavailable):
                await self.probe()
                break
            wait = min(wait * 2, _LAST_RETRY)
        log.warning("store.found", extra={"store": self._name})
        self._recovering = None


class BatchedStore(Generic[Command]):
    """A store that sends all its commands through a `CommandBatcher`."""

    _commands: CommandBatcher[Command]

    async def ping(self) -> None:
        await self._commands.probe()

    @property
    def is_available(self) -> bool:
        return self._commands.is_available

    @property
    def figures(self) -> Mapping[str, int]:
        return {"failures": self._commands.failures}

    async def close(self) -> None:
        await self._commands.close()


async def wait_with_timeout(
    answer: Awaitable[T], seconds: float, failures: tuple[type[Exception], ...]
) -> T:
    """Wait at most `seconds` for an answer; raises `TimeoutError`, or the exception of `answer`.

    Waits in ten short slices, so that a busy event loop reads an answer that has arrived before it
    times out.
    """
    asking = asyncio.ensure_future(answer)
    try:
        for _ in range(_SLICES):
            await asyncio.wait({asking}, timeout=seconds / _SLICES)
            if asking.done():
                return asking.result()
        raise TimeoutError
    finally:
        asking.cancel()
        # Await it even if it has just failed: asyncio logs exceptions that are never retrieved.
        with suppress(asyncio.CancelledError, *failures):
            await asking
