"""One statement for the rows that many requests ask for at the same moment."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gatepost.coalescing import Batcher, BatchIsLate

log = logging.getLogger(__name__)

MOST_ROWS = 256
"""How many go together at most: what comes first in a statement waits for what comes last."""

PATIENCE = 0.25
"""Seconds. While a statement has been under way for longer, no request waits for it."""

Row = Sequence[Any]
"""Its first value is its key, in what is asked and in what is answered."""

Send = Callable[[Sequence[Row]], Awaitable[Sequence[Row]]]


class RowBatcher:
    """Collects the rows that one statement is to ask for, which `send` does.

    If `send` raises one of `failures`, every caller gets None; any other error, and `TimeoutError`,
    is raised to every caller.
    """

    def __init__(self, send: Send, failures: tuple[type[Exception], ...]) -> None:
        self._send = send
        self._failures = failures
        self._batcher: Batcher[Row, Row | None] = Batcher(
            self._send_together, most=MOST_ROWS, on_failure=self._answer_to, patience=PATIENCE
        )

    async def ask(self, row: Row) -> Row | None:
        """The answer to this row.

        None where there is none, for a key that is in the same statement already, and while a
        statement is slow: the caller then asks alone.
        """
        return await self._batcher.ask(row)

    async def _send_together(self, rows: Sequence[Row]) -> Sequence[Row | None]:
        first: dict[Any, Row] = {}
        for row in rows:
            first.setdefault(row[0], row)
        answers = {row[0]: row for row in await self._send(list(first.values()))}
        return [answers.pop(row[0], None) for row in rows]

    def _answer_to(self, error: Exception) -> Exception | None:
        if isinstance(error, BatchIsLate):
            return None
        log.info("database.batch_failed", extra={"error": type(error).__name__})
        is_expected = isinstance(error, self._failures) and not isinstance(error, TimeoutError)
        return None if is_expected else error
