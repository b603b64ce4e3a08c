"""Nothing of a failed statement keeps SQLite's connection from the garbage collector."""

import gc
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.engine import open_engine
from tests.support.service import make_settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(make_settings(f"sqlite:///{tmp_path}/cursors.db"))
    yield engine
    await engine.dispose()


@pytest.mark.parametrize("rows", [[{"id": 1}], [{"id": 2}, {"id": 1}]], ids=["one", "many"])
async def test_a_failed_statement_leaves_no_cursor_open(
    engine: AsyncEngine, rows: list[dict[str, int]]
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE things (id INTEGER PRIMARY KEY)"))
        await connection.execute(text("INSERT INTO things VALUES (1)"))
        with pytest.raises(DBAPIError) as failure:
            await connection.execute(text("INSERT INTO things VALUES (:id)"), rows)
        assert failure.value.__traceback__ is not None  # which holds whatever the statement had
        cursors = [each for each in gc.get_objects() if isinstance(each, sqlite3.Cursor)]
        for cursor in cursors:
            with pytest.raises(sqlite3.ProgrammingError, match="closed"):
                cursor.fetchone()
        assert await connection.scalar(text("SELECT count(*) FROM things")) == len(rows)
