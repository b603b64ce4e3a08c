"""What a database is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


@contextmanager
def counting_queries(engine: AsyncEngine) -> Iterator[list[str]]:
    """Every statement that the database is sent meanwhile, the beginnings of transactions too."""
    sent: list[str] = []

    def note(*arguments: Any) -> None:
        sent.append(arguments[2])

    def note_beginning(_connection: object) -> None:
        sent.append("BEGIN")

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    event.listen(engine.sync_engine, "begin", note_beginning)
    try:
        yield sent
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)
        event.remove(engine.sync_engine, "begin", note_beginning)
