"""Coalesces concurrent requests of the same kind into batches.

A statement, or a command to a store, costs this process and the server far more than one more row
in it. So while a batch is running, requests are collected, and the next batch takes all of them. A
request never waits for others to join it: if no batch is running, it is sent at once.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, NamedTuple, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class BatchIsLate(Exception):  # noqa: N818 - a reason, handed to `on_failure`
    """The running batch takes longer than the patience of the batcher."""


class _Pending(NamedTuple, Generic[Q, A]):
    request: Q
    answer: asyncio.Future[A]


class Batcher(Generic[Q, A]):
    """Sends requests in batches, one batch at a time."""

    def __init__(
        self,
        send: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        *,
        most: int | None = None,
        on_failure: Callable[[Exception], A | Exception],
        patience: float = math.inf,
    ) -> None:
        """`send` takes at most `most` requests and returns their answers in the same order.

        If it raises, each request of the batch gets the result of `on_failure` for the error: an
        answer, or an exception to raise. While a batch has been running for longer than `patience`
        seconds, new requests do not wait: they get the result of `on_failure` for `BatchIsLate`.
        """
        self._send = send
        self._most = most
        self._on_failure = on_failure
        self._patience = patience
        self._waiting: list[_Pending[Q, A]] = []
        self._under_way: Sequence[_Pending[Q, A]] = ()
        self._sender: asyncio.Task[None] | None = None
        self._sent_at = 0.0

    async def ask(self, request: Q) -> A:
        """Send a request with the next batch, and return its answer.

        Raises the exception that `on_failure` returns.
        """
        loop = asyncio.get_running_loop()
        pending: _Pending[Q, A] = _Pending(request, loop.create_future())
        if self._sender is not None and loop.time() - self._sent_at > self._patience:
            _settle([pending], self._on_failure(BatchIsLate()))
        else:
            self._waiting.append(pending)
        if self._sender is None:
            self._sent_at = loop.time()
            self._sender = asyncio.create_task(self._send_all())
        return await pending.answer

    def abandon_waiting(self, answer: A | Exception) -> None:
        """Give this answer to all requests that are not in a batch yet."""
        waiting, self._waiting = self._waiting, []
        _settle(waiting, answer)

    async def close(self, answer: A | Exception) -> None:
        """Stop sending, and give this answer to all unanswered requests."""
        if self._sender is not None:
            self._sender.cancel()
            with suppress(asyncio.CancelledError):
                await self._sender
            self._sender = None
        _settle(self._under_way, answer)
        self.abandon_waiting(answer)

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                self._under_way = self._waiting[: self._most]
                del self._waiting[: self._most]
                self._sent_at = asyncio.get_running_loop().time()
                await self._send_batch(self._under_way)
            self._under_way = ()
        finally:
            self._sender = None

    async def _send_batch(self, batch: Sequence[_Pending[Q, A]]) -> None:
        try:
            answers = await self._send([each.request for each in batch])
            answered = list(zip(batch, answers, strict=True))
        except Exception as error:  # noqa: BLE001 - `on_failure` decides what to raise
            _settle(batch, self._on_failure(error))
            return
        for each, answer in answered:
            _settle([each], answer)


def _settle(batch: Sequence[_Pending[Q, A]], answer: A | Exception) -> None:
    for each in batch:
        if each.answer.done():
            continue  # the task that asked was cancelled
        if isinstance(answer, Exception):
            each.answer.set_exception(answer)
        else:
            each.answer.set_result(answer)
