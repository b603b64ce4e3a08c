"""One statement for all who ask the same thing at the same moment.

A statement costs this process and the database far more than one more row in it. So while one is on
its way, what is asked meanwhile is gathered, and goes together when that one is back. Nobody waits
for others to come: where one at a time asks, each is sent at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from typing import Any, NamedTuple

log = logging.getLogger(__name__)

MOST_ROWS = 256
"""How many go together at most: what comes first in a statement waits for what comes last."""

PATIENCE = 0.25
"""Seconds. When a statement has been on its way for longer, nobody else waits for it to be back."""

Row = Sequence[Any]
"""Its first value is its key, in what is asked and in what is answered."""

Send = Callable[[Sequence[Row]], Awaitable[Sequence[Row]]]


class _Asked(NamedTuple):
    row: Row
    answer: asyncio.Future[Row | None]


class Gathering:
    """Gathers what `send` is to ask.

    Where that raises one of `failures`, nobody has an answer; all else all of them raise, and a
    `TimeoutError` too: nobody is to wait twice.
    """

    def __init__(self, send: Send, failures: tuple[type[Exception], ...]) -> None:
        self._send = send
        self._failures = failures
        self._waiting: list[_Asked] = []
        self._sending: asyncio.Task[None] | None = None
        self._sent_at = 0.0

    async def ask(self, row: Row) -> Row | None:
        """The answer to this row.

        None where there is none, for a key that somebody else asks for in the same statement, and
        while a statement is slow: the caller then asks alone.
        """
        loop = asyncio.get_running_loop()
        if self._sending is not None and loop.time() - self._sent_at > PATIENCE:
            return None
        asked = _Asked(row, loop.create_future())
        self._waiting.append(asked)
        if self._sending is None:
            self._sent_at = loop.time()
            # In a context of its own: it is no more one request's than the others'.
            self._sending = asyncio.create_task(self._send_all(), context=Context())
        return await asked.answer

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                together = self._waiting[:MOST_ROWS]
                del self._waiting[:MOST_ROWS]
                self._sent_at = asyncio.get_running_loop().time()
                await self._send_together(together)
        finally:
            self._sending = None

    async def _send_together(self, asked: Sequence[_Asked]) -> None:
        answers: Mapping[Any, Row] = {}
        first: dict[Any, _Asked] = {}
        for each in asked:
            first.setdefault(each.row[0], each)
        try:
            rows = await self._send([each.row for each in first.values()])
            answers = {row[0]: row for row in rows}
        except Exception as error:  # noqa: BLE001 - it is told
            log.info("database.gathering_failed", extra={"error": type(error).__name__})
            if isinstance(error, TimeoutError) or not isinstance(error, self._failures):
                for each in asked:
                    _tell(each, error)
        finally:
            for key, each in first.items():
                _tell(each, answers.get(key))
            for each in asked:
                _tell(each, None)


def _tell(asked: _Asked, answer: Row | Exception | None) -> None:
    if asked.answer.done():  # told already, or gone
        return
    if isinstance(answer, Exception):
        asked.answer.set_exception(answer)
    else:
        asked.answer.set_result(answer)
