"""Coalesces the look-ups of concurrent requests into one statement."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gatepost.coalescing import Batcher, BatchIsLate

log = logging.getLogger(__name__)

MOST_ROWS = 256
"""The most rows of one statement: the first row of a batch waits for the last."""

PATIENCE = 0.25
"""Seconds after which new requests do not wait for a running statement."""

Row = Sequence[Any]
"""A row of values, the first of which is the key, in requests and in answers."""

Send = Callable[[Sequence[Row]], Awaitable[Sequence[Row]]]


class RowBatcher:
    """Collects the rows of concurrent requests, which `send` looks up in one statement.

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
        """Return the answer to a row.

        Returns None if there is none, if its key is in the batch already, or while a statement is
        slow: the caller then sends a statement of its own.
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
