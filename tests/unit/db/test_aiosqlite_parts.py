"""A statement on SQLite takes one trip to the connection's thread, and leaves no cursor open."""

import gc
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.aiosqlite_parts import OneTripConnection
from gatepost.db.engine import open_engine
from tests.support.service import make_settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(make_settings(f"sqlite:///{tmp_path}/cursors.db").database)
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


NUMBERS = text(
    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT :most) "
    "SELECT n FROM numbers"
)


async def test_a_statement_and_its_rows_take_one_trip(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips = 0
    run = OneTripConnection.execute_in_thread

    async def count(self: OneTripConnection, function: Callable[..., Any], *values: Any) -> Any:
        nonlocal trips
        trips += 1
        return await run(self, function, *values)

    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))  # begins the transaction, too
        monkeypatch.setattr(OneTripConnection, "execute_in_thread", count)
        assert list(await connection.scalars(NUMBERS, {"most": 3})) == [1, 2, 3]
    assert trips == 1


@pytest.mark.parametrize("most", [999, 1000, 1001, 5000])
async def test_all_rows_come_however_many_there_are(engine: AsyncEngine, most: int) -> None:
    expected = list(range(1, most + 1))
    async with engine.connect() as connection:
        assert list(await connection.scalars(NUMBERS, {"most": most})) == expected
        streamed = await connection.stream_scalars(NUMBERS, {"most": most})
        assert [n async for part in streamed.partitions(300) for n in part] == expected
        streamed = await connection.stream_scalars(NUMBERS, {"most": most})
        assert [n async for n in streamed] == expected


def cursors() -> list[int]:
    return [id(each) for each in gc.get_objects() if isinstance(each, sqlite3.Cursor)]


async def test_rows_that_nobody_asks_for_stay_where_they_are(engine: AsyncEngine) -> None:
    gc.collect()
    of_others = cursors()
    async with engine.connect() as connection:
        streamed = await connection.stream_scalars(NUMBERS, {"most": 5000})
        async for _ in streamed:
            break
        await streamed.close()
        assert await connection.scalar(text("SELECT 1")) == 1
    assert not set(cursors()).difference(of_others)


async def test_what_was_changed_is_counted_and_returned(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER)"))
        added = await connection.execute(text("INSERT INTO things (n) VALUES (1), (2), (3)"))
        changed = await connection.execute(text("UPDATE things SET n = 0 WHERE n > 1"))
        returned = await connection.execute(text("DELETE FROM things WHERE n = 0 RETURNING id"))
    assert (added.rowcount, added.lastrowid, changed.rowcount) == (3, 3, 2)
    assert list(returned.scalars()) == [2, 3]
