"""Connections to SQLite whose cursors close themselves where a statement fails.

SQLAlchemy 2.0 leaves such a cursor open. It is part of a cycle with the error, so the garbage
collector frees it, in the event loop's thread, and for that needs the connection's mutex. The
connection's own thread holds the mutex while it waits for the lock of another connection, up to
`DATABASE_POOL_TIMEOUT_SECONDS`, and the holder of that lock may need the event loop to go on.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any, Self


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = (), /) -> Self:  # noqa: ANN401 - as the standard library has it
        try:
            return super().execute(sql, parameters)
        except BaseException:
            self.close()
            raise

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        try:
            return super().executemany(sql, parameters)
        except BaseException:
            self.close()
            raise


class CursorClosingConnection(sqlite3.Connection):
    """To be given to `sqlite3.connect` as its `factory`."""

    def cursor(self, factory: Any = _Cursor) -> Any:  # noqa: ANN401 - as the standard library has it
        return super().cursor(factory)
