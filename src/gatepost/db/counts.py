"""The number of rows that a statement has changed."""

from typing import Any

from sqlalchemy import CursorResult, Result


def rows_changed(result: Result[Any]) -> int:
    """The number of rows that an update or delete matched."""
    return result.rowcount if isinstance(result, CursorResult) else 0
