"""How many rows a statement has changed, as every repository counts them."""

from typing import Any

from sqlalchemy import CursorResult, Result


def rows_changed(result: Result[Any]) -> int:
    """The rows that an update or a delete has matched."""
    return result.rowcount if isinstance(result, CursorResult) else 0
