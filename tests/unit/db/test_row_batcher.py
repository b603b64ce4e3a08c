"""Rows that are asked for by one statement: each key once, and no waiting for a slow statement."""

import asyncio
from collections.abc import Sequence

import pytest

from gatepost.db import row_batcher
from gatepost.db.row_batcher import Row, RowBatcher

pytestmark = pytest.mark.anyio


class Database:
    """Answers each row by its key and what was sent for it, once it is let."""

    def __init__(self) -> None:
        self.sent: list[Sequence[Row]] = []
        self.answers = asyncio.Event()
        self.missing: set[int] = set()
        self.failure: Exception | None = None

    async def send(self, rows: Sequence[Row]) -> Sequence[Row]:
        self.sent.append(rows)
        await self.answers.wait()
        if self.failure is not None:
            raise self.failure
        return [row for row in reversed(rows) if row[0] not in self.missing]


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def asking(of: RowBatcher, *rows: Row) -> list[asyncio.Task[Row | None]]:
    tasks = [asyncio.create_task(of.ask(row)) for row in rows]
    await settle()
    return tasks


async def test_a_key_is_asked_for_once_and_the_others_are_told_to_ask_alone() -> None:
    database = Database()
    database.answers.set()
    tasks = await asking(RowBatcher(database.send, ()), (1, "a"), (1, "b"), (2, "c"))
    assert await asyncio.gather(*tasks) == [(1, "a"), None, (2, "c")]
    assert database.sent == [[(1, "a"), (2, "c")]]


async def test_what_is_not_answered_is_none() -> None:
    database = Database()
    database.missing = {2}
    database.answers.set()
    tasks = await asking(RowBatcher(database.send, ()), (1, "a"), (2, "b"))
    assert await asyncio.gather(*tasks) == [(1, "a"), None]


async def test_after_a_failure_nobody_has_an_answer_and_the_next_are_sent() -> None:
    database = Database()
    database.failure = OSError("gone")
    together = RowBatcher(database.send, (OSError,))
    tasks = await asking(together, (1, "a"), (2, "b"))
    database.answers.set()
    assert await asyncio.gather(*tasks) == [None, None]
    database.failure = None
    assert await together.ask((1, "a")) == (1, "a")


@pytest.mark.parametrize("failure", [ValueError("a fault"), TimeoutError("silence")])
async def test_what_is_no_failure_is_raised_by_all_and_the_next_are_sent(
    failure: Exception,
) -> None:
    database = Database()
    database.failure = failure
    together = RowBatcher(database.send, (OSError,))
    first = await asking(together, (1, "a"))
    others = await asking(together, (2, "b"), (2, "c"))
    database.answers.set()
    raised = await asyncio.gather(*first, *others, return_exceptions=True)
    assert [type(each) for each in raised] == [type(failure)] * 3
    database.failure = None
    assert await together.ask((1, "a")) == (1, "a")


async def test_nobody_waits_for_a_statement_that_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_batcher, "PATIENCE", -1)
    database = Database()
    together = RowBatcher(database.send, ())
    (slow,) = await asking(together, (1, "a"))
    assert await together.ask((2, "b")) is None
    database.answers.set()
    assert await slow == (1, "a")
    assert await together.ask((2, "b")) == (2, "b")
