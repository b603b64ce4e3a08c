"""Sends what many tasks want at once to a store in one batch, and knows when it is down."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from gatepost.holding import expect_no_transaction
from gatepost.stores.base import StoreUnavailable

log = logging.getLogger(__name__)

Wish = TypeVar("Wish")
T = TypeVar("T")

_LARGEST = 500
_LOOKS = 10
_FIRST_RETRY, _LAST_RETRY = 0.1, 1.0
"""Seconds between two looks at whether a store that was down is back."""


class Batches(Generic[Wish]):
    """One batch is under way at a time; what comes meanwhile makes up the next.

    Once a batch fails or takes longer than `patience` seconds, everybody is refused at once, with
    `StoreUnavailable`, until a look from the background has found the store well again: a store
    that is down costs nobody a time-out but those who met it first.
    """

    def __init__(
        self,
        name: str,
        perform: Callable[[Sequence[Wish]], Awaitable[Sequence[Any]]],
        *,
        probe: Wish,
        patience: float,
        failures: tuple[type[Exception], ...],
        explain: Callable[[Exception], str],
    ) -> None:
        self._explain = explain
        self._name = name
        self._perform = perform
        self._probe = probe
        self._patience = patience
        self._expected: tuple[type[Exception], ...] = (*failures, TimeoutError)
        self._waiting: list[tuple[Wish, asyncio.Future[Any]]] = []
        self._sending: asyncio.Task[None] | None = None
        self._recovering: asyncio.Task[None] | None = None
        self.failures = 0

    @property
    def is_available(self) -> bool:
        return self._recovering is None

    async def run(self, wish: Wish) -> Any:  # noqa: ANN401 - each wish has its own kind of answer
        """What the store answers to this wish; raises `StoreUnavailable`.

        The caller holds no transaction: the store may be the same database.
        """
        expect_no_transaction(self._name)
        if self._recovering is not None:
            raise StoreUnavailable
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((wish, future))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
        return await future

    async def look(self) -> None:
        """Ask now, whatever is known; raises `StoreUnavailable`."""
        try:
            await self._ask([self._probe])
        except self._expected as error:
            raise StoreUnavailable(self._explain(error)) from error

    async def close(self) -> None:
        for task in (self._sending, self._recovering):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._refuse_waiting()

    async def _send(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_LARGEST], self._waiting[_LARGEST:]
                await self._send_one(batch)
        finally:
            self._sending = None

    async def _send_one(self, batch: Sequence[tuple[Wish, asyncio.Future[Any]]]) -> None:
        answers: Sequence[Any] = [StoreUnavailable()] * len(batch)
        try:
            answers = await self._ask([wish for wish, _ in batch])
        except self._expected as error:
            self._give_up(error)
        except Exception as error:  # noqa: BLE001 - a fault of ours belongs to who asked
            answers = [error] * len(batch)
        finally:
            _tell(batch, answers)

    async def _ask(self, wishes: Sequence[Wish]) -> Sequence[Any]:
        return await wait_patiently(self._perform(wishes), self._patience, self._expected)

    def _give_up(self, error: Exception) -> None:
        self.failures += 1
        told = {"error": type(error).__name__, "reason": self._explain(error)}
        log.warning("store.lost", extra={"store": self._name, **told})
        self._recovering = asyncio.create_task(self._recover())
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        _tell(waiting, [StoreUnavailable()] * len(waiting))

    async def _recover(self) -> None:
        wait = _FIRST_RETRY
        while True:
            await asyncio.sleep(wait)
            with suppress(StoreUnavailable):
                await self.look()
                break
            wait = min(wait * 2, _LAST_RETRY)
        log.warning("store.found", extra={"store": self._name})
        self._recovering = None


class BatchedStore(Generic[Wish]):
    """What a store says of itself whose every wish goes by way of its batches."""

    _batches: Batches[Wish]

    async def ping(self) -> None:
        await self._batches.look()

    @property
    def is_available(self) -> bool:
        return self._batches.is_available

    @property
    def figures(self) -> Mapping[str, int]:
        return {"failures": self._batches.failures}

    async def close(self) -> None:
        await self._batches.close()


async def wait_patiently(
    answer: Awaitable[T], seconds: float, failures: tuple[type[Exception], ...]
) -> T:
    """Wait for an answer for so long at most; raises `TimeoutError`, or the failure it ended in.

    In several looks: a busy loop must not take an answer that it has not read yet for none.
    """
    asking = asyncio.ensure_future(answer)
    try:
        for _ in range(_LOOKS):
            await asyncio.wait({asking}, timeout=seconds / _LOOKS)
            if asking.done():
                return asking.result()
        raise TimeoutError
    finally:
        asking.cancel()
        # Also one that has just failed: what nobody looks at is told as an error of the program.
        with suppress(asyncio.CancelledError, *failures):
            await asking


def _tell(batch: Sequence[tuple[Any, asyncio.Future[Any]]], answers: Sequence[Any]) -> None:
    for (_, future), answer in zip(batch, answers, strict=True):
        if future.done():
            continue  # who asked has gone
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
