"""Detects code that waits for something else while it holds a transaction.

An open transaction blocks other requests: on SQLite every writer, elsewhere those that need its
rows or its connection. Asking a store, hashing a password or waiting for a lock meanwhile blocks
them for as long; and if the store is the database, or the pool has one connection, it is a
deadlock.
"""

import logging
from contextvars import ContextVar
from typing import Protocol

log = logging.getLogger(__name__)


class Holder(Protocol):
    """A unit of work, and the outer one within which it began."""

    @property
    def is_in_transaction(self) -> bool: ...

    @property
    def outer(self) -> "Holder | None": ...


class TransactionHeld(RuntimeError):  # noqa: N818 - named for the fact, as problems are
    """A bug: call `work.commit_and_release()` before waiting for something else."""


is_strict = False
"""Whether to raise, as in tests; else it is logged once, because the request is only slow."""

current: ContextVar[Holder | None] = ContextVar("gatepost_work", default=None)
"""The work of this request or command, including the tasks that it starts."""

_reported: set[str] = set()


def expect_no_transaction(before: str) -> None:
    """Check that this request or command has no open transaction; `before` names the next step.

    Raises `TransactionHeld` if `is_strict`.
    """
    holder = current.get()
    while holder is not None:
        if holder.is_in_transaction:
            _report(before)
        holder = holder.outer


def _report(before: str) -> None:
    if is_strict:
        msg = f"a transaction is held before {before}"
        raise TransactionHeld(msg)
    if before not in _reported:
        _reported.add(before)
        log.error("transaction.held", extra={"before": before}, stack_info=True)
