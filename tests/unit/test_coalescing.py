"""Requests that come while a batch is under way go with the next one; none waits for others."""

import asyncio
import math
from collections.abc import Sequence

import pytest

from gatepost.coalescing import Batcher, BatchIsLate

pytestmark = pytest.mark.anyio


class Server:
    """Answers each number with its square, once it is let."""

    def __init__(self) -> None:
        self.batches: list[Sequence[int]] = []
        self.may_answer = asyncio.Event()
        self.failure: Exception | None = None
        self.seen: list[Exception] = []

    async def send(self, numbers: Sequence[int]) -> Sequence[int]:
        self.batches.append(numbers)
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return [number * number for number in numbers]

    def on_failure(self, error: Exception) -> int | Exception:
        self.seen.append(error)
        return error if isinstance(error, ValueError) else -1

    def batcher(self, most: int = 256, patience: float = math.inf) -> Batcher[int, int]:
        return Batcher(self.send, most=most, on_failure=self.on_failure, patience=patience)


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def asking(batcher: Batcher[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(batcher.ask(number)) for number in numbers]
    await settle()
    return tasks


async def test_one_alone_is_sent_at_once() -> None:
    server = Server()
    server.may_answer.set()
    assert await server.batcher().ask(3) == 9
    assert server.batches == [[3]]


async def test_requests_that_come_meanwhile_go_together() -> None:
    server = Server()
    batcher = server.batcher()
    first = await asking(batcher, 1)
    others = await asking(batcher, 2, 3, 4)
    server.may_answer.set()
    assert await asyncio.gather(*first, *others) == [1, 4, 9, 16]
    assert server.batches == [[1], [2, 3, 4]]
    assert await batcher.ask(5) == 25


async def test_no_batch_is_larger_than_allowed() -> None:
    server = Server()
    server.may_answer.set()
    tasks = await asking(server.batcher(most=2), 1, 2, 3, 4, 5)
    assert await asyncio.gather(*tasks) == [1, 4, 9, 16, 25]
    assert [len(batch) for batch in server.batches] == [2, 2, 1]


async def test_a_failure_may_become_an_answer_and_the_next_are_sent() -> None:
    server = Server()
    server.failure = OSError("gone")
    batcher = server.batcher()
    tasks = await asking(batcher, 1, 2)
    server.may_answer.set()
    assert await asyncio.gather(*tasks) == [-1, -1]
    server.failure = None
    assert await batcher.ask(3) == 9


async def test_a_failure_may_be_raised_to_every_caller_and_the_next_are_sent() -> None:
    server = Server()
    server.failure = ValueError("a fault")
    batcher = server.batcher()
    first = await asking(batcher, 1)
    others = await asking(batcher, 2, 3)
    server.may_answer.set()
    raised = await asyncio.gather(*first, *others, return_exceptions=True)
    assert [type(each) for each in raised] == [ValueError] * 3
    server.failure = None
    assert await batcher.ask(3) == 9


async def test_answers_that_do_not_match_the_requests_are_a_failure() -> None:
    async def send(_: Sequence[int]) -> Sequence[int]:
        return []

    batcher: Batcher[int, int] = Batcher(send, on_failure=lambda error: error)
    with pytest.raises(ValueError, match="shorter"):
        await batcher.ask(1)


async def test_a_caller_who_is_cancelled_takes_no_other_along() -> None:
    server = Server()
    first, other = await asking(server.batcher(), 1, 2)
    first.cancel()
    await settle()
    server.may_answer.set()
    assert await other == 4
    assert first.cancelled()


async def test_no_request_waits_for_a_batch_that_is_late() -> None:
    server = Server()
    batcher = server.batcher(patience=-1)
    (slow,) = await asking(batcher, 1)
    assert await batcher.ask(2) == -1
    assert [type(error) for error in server.seen] == [BatchIsLate]
    server.may_answer.set()
    assert await slow == 1
    assert await batcher.ask(2) == 4


async def test_waiting_requests_can_be_abandoned() -> None:
    server = Server()
    batcher = server.batcher()
    (first,) = await asking(batcher, 1)
    others = await asking(batcher, 2, 3)
    batcher.abandon_waiting(0)
    assert await asyncio.gather(*others) == [0, 0]
    server.may_answer.set()
    assert await first == 1
    assert server.batches == [[1]]


async def test_closing_leaves_no_request_without_an_answer() -> None:
    server = Server()
    batcher = server.batcher()
    first = await asking(batcher, 1)
    others = await asking(batcher, 2)
    await batcher.close(OSError("closed"))
    raised = await asyncio.gather(*first, *others, return_exceptions=True)
    assert [type(each) for each in raised] == [OSError] * 2
