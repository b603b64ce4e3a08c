"""A database moved to another one of any kind: every row, and everybody's sessions, go on there."""

import asyncio
import itertools
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, DateTime, Integer, LargeBinary, Table, insert, select
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost import create_app
from gatepost.db.base import UtcDateTime
from gatepost.db.engine import open_engine
from gatepost.features.audit import verification
from gatepost.features.audit.sealing import seal_all
from gatepost.features.audit.verification import Status
from gatepost.migrations.models import metadata
from gatepost.migrations.runner import upgrade
from gatepost.settings import DatabaseSettings
from gatepost.transfer.copy import TransferRefused, check_target, copy_database
from tests.support.clock import NOON, SetClock
from tests.support.service import (
    PASSWORD,
    Service,
    bearer,
    log_in,
    make_settings,
    sign_up,
    sign_up_as,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TITLES = ["tea", "\U0001f600 \u00e9\u0131\u212a", "50% 'quoted' \\N \\. %s :name"]

MOVE_AND_DIE = """
import asyncio, os, signal, sys
from gatepost.db.engine import open_engine
from gatepost.migrations.runner import upgrade
from gatepost.transfer.copy import copy_database
from gatepost.settings import DatabaseSettings

def die_at_items(doing, done, total):
    if doing == "Copying gatepost_items" and done:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    urls = (DatabaseSettings(database_url=url) for url in sys.argv[1:])
    source, target = (open_engine(each, without_statement_timeout=True) for each in urls)
    await upgrade(target)
    await copy_database(source, target, die_at_items)

asyncio.run(main())
"""


def unheard(doing: str, done: int, total: int) -> None:
    assert 0 <= done <= total, doing


@pytest.fixture
async def source(fresh_database_url: str) -> AsyncIterator[AsyncEngine]:
    """A database at head, with nothing in it yet."""
    engine = open_engine(
        DatabaseSettings(database_url=fresh_database_url), without_statement_timeout=True
    )
    await upgrade(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
async def target(target_url: str) -> AsyncIterator[AsyncEngine]:
    """Another one, to be filled."""
    engine = open_engine(DatabaseSettings(database_url=target_url), without_statement_timeout=True)
    await upgrade(engine)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def service_on(url: str, clock: SetClock) -> AsyncIterator[Service]:
    """The service, which leaves the database as it is when it stops."""
    app = create_app(make_settings(url, algorithm="ES256", store="database"), clock=clock)
    async with app.router.lifespan_context(app):
        yield Service(app, clock)


async def rows_of(engine: AsyncEngine, table: Table) -> list[dict[str, Any]]:
    async with engine.connect() as connection:
        rows = await connection.execute(select(table).order_by(table.c.id))
        return [dict(row._mapping) for row in rows]


async def fill(engine: AsyncEngine, count: int = 2) -> None:
    """Rows in every table there is: some with everything in them, some with as little as may be."""
    async with engine.begin() as connection:
        for table in metadata.sorted_tables:
            rows = [made_up(table, number) for number in range(1, count + 1)]
            await connection.execute(insert(table), rows)


def made_up(table: Table, number: int) -> dict[str, Any]:
    is_bare = number % 2 == 0
    return {
        column.name: None if is_bare and column.nullable else value_for(column, number)
        for column in table.columns
    }


def value_for(column: Column[Any], number: int) -> object:
    kind: Any = column.type
    if column.primary_key or column.foreign_keys or isinstance(kind, Integer):
        return number
    if isinstance(kind, UtcDateTime | DateTime):
        return NOON + timedelta(microseconds=number)
    if isinstance(kind, Boolean):
        return number % 2 == 1
    if isinstance(kind, JSON):
        return {"z": [1, None, 2.5, True], "a": {"\U0001f600": "\\ ' \" % \u00e9"}, "n": number}
    if isinstance(kind, LargeBinary):
        return bytes(range(256)) + b"%d" % number
    return f"{number}\U0001f600\\'\"%\u00e9"[: kind.length]


async def test_every_table_is_moved_with_all_its_rows(
    source: AsyncEngine, target: AsyncEngine
) -> None:
    await fill(source, count=9)
    moved = await copy_database(source, target, unheard)
    assert {each.name for each in moved} == set(metadata.tables)
    assert {each.rows for each in moved} == {9}
    assert len({each.digest for each in moved}) == len(moved)
    for table in metadata.sorted_tables:
        assert await rows_of(target, table) == await rows_of(source, table)


async def test_everybody_goes_on_in_the_database_moved_to(
    fresh_database_url: str, source: AsyncEngine, target_url: str, target: AsyncEngine
) -> None:
    clock = SetClock()
    once = {"Idempotency-Key": "once-and-for-all"}
    async with service_on(fresh_database_url, clock) as before, before.open_client() as client:
        admin = await sign_up_as(before, client, "admin")
        ada = await sign_up(client, "ada@example.com", username="ada", full_name="Ada \u00e9")
        gone = await sign_up(client, "gone@example.com")
        for title in TITLES:
            item = {"title": title, "description": f"{title}\n\t\U0001f600"}
            made = await client.post("/items/", json=item, headers=ada.headers)
            assert made.status_code == 201
        answer = await client.post(
            "/items/", json={"title": "once"}, headers={**ada.headers, **once}
        )
        wrong = {"email": ada.email, "password": "wrong", "transport": "bearer"}
        assert (await client.post("/auth/login", json=wrong)).status_code == 401
        await client.delete(f"/users/{gone.id}", headers=admin.headers)
        await seal_all(before.runtime)
        me = (await client.get("/users/me", headers=ada.headers)).json()
        items = (await client.get("/items/", headers=ada.headers)).json()
        keys = (await client.get("/.well-known/jwks.json")).json()

    moved = await copy_database(source, target, unheard)
    counts = {each.name: each.rows for each in moved}
    assert (counts["gatepost_users"], counts["gatepost_items"]) == (2, len(TITLES) + 1)
    assert all(count for name, count in counts.items() if name != "gatepost_user_imports")

    async with service_on(target_url, clock) as after, after.open_client() as client:
        assert (await client.get("/.well-known/jwks.json")).json() == keys
        assert (await client.get("/users/me", headers=ada.headers)).json() == me
        assert (await client.get("/items/", headers=ada.headers)).json() == items
        again = await client.post(
            "/items/", json={"title": "once"}, headers={**ada.headers, **once}
        )
        assert (again.status_code, again.json()) == (201, answer.json())
        renewed = await client.post("/auth/refresh", json={"refresh_token": ada.refresh_token})
        assert renewed.status_code == 200
        mine = bearer(renewed.json()["access_token"])
        assert (await client.get("/users/me", headers=mine)).json() == me
        await log_in(client, "ada@example.com", PASSWORD)
        # Ids are never given twice, a deleted user's neither.
        assert (await sign_up(client, "new@example.com")).id == gone.id + 1
        await seal_all(after.runtime)
        async with after.work() as work:
            report = await verification.verify(work)
        assert (report.status, report.findings) == (Status.INTACT, [])


@pytest.mark.parametrize("target_kind", ["sqlite"])
async def test_a_move_that_is_killed_leaves_nothing_and_can_be_made_again(
    fresh_database_url: str, source: AsyncEngine, target_url: str, target: AsyncEngine
) -> None:
    await fill(source, count=300)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MOVE_AND_DIE, fresh_database_url, target_url
    )
    assert await process.wait() == -signal.SIGKILL
    for table in metadata.sorted_tables:
        assert await rows_of(target, table) == []
    moved = await copy_database(source, target, unheard)
    assert {each.rows for each in moved} == {300}


async def test_a_database_with_anything_in_it_is_left_alone(
    source: AsyncEngine, target: AsyncEngine
) -> None:
    await fill(source)
    await fill(target, count=1)
    for refuse in (check_target(source, target), copy_database(source, target, unheard)):
        with pytest.raises(TransferRefused, match=r"is not empty: it has rows in .*users"):
            await refuse
    assert {len(await rows_of(target, table)) for table in metadata.sorted_tables} == {1}


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO gatepost_audit_heads SELECT 4711, key_id, position, hash, purged_position,"
        " purged_hash, rekeyed_position, mac FROM gatepost_audit_heads WHERE id = 1",
        "UPDATE gatepost_sessions SET generation = 4711 WHERE id = 2",
        "DELETE FROM gatepost_items WHERE id = 2",
    ],
)
@pytest.mark.parametrize("target_kind", ["sqlite"])
async def test_what_is_written_meanwhile_undoes_the_move(
    fresh_database_url: str, source: AsyncEngine, target: AsyncEngine, change: str
) -> None:
    await fill(source)
    steps = itertools.count()

    def write_at_the_first_step(*_: object) -> None:
        if next(steps) == 0:
            writer = threading.Thread(target=asyncio.run, args=[write(fresh_database_url, change)])
            writer.start()
            writer.join()

    with pytest.raises(TransferRefused, match=r"was written to meanwhile, in \w+"):
        await copy_database(source, target, write_at_the_first_step)
    for table in metadata.sorted_tables:
        assert await rows_of(target, table) == []


async def write(url: str, change: str) -> None:
    engine = open_engine(DatabaseSettings(database_url=url))
    async with engine.begin() as connection:
        await connection.execute(sql(change))
    await engine.dispose()


# Only SQLite holds a text that is longer than its column.
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("target_kind", ["postgresql", "mariadb"])
async def test_a_row_that_the_other_database_cannot_hold_is_named_without_its_content(
    source: AsyncEngine, target: AsyncEngine
) -> None:
    await fill(source)
    async with source.begin() as connection:
        await connection.execute(
            sql("UPDATE gatepost_users SET full_name = :text"), {"text": "s3cret" * 99}
        )
    with pytest.raises(
        TransferRefused, match="refuses a row of the table gatepost_users"
    ) as refusal:
        await copy_database(source, target, unheard)
    assert "s3cret" not in str(refusal.value)
    assert await rows_of(target, metadata.tables["gatepost_users"]) == []


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("target_kind", ["sqlite"])
async def test_a_row_that_cannot_be_read_is_named(source: AsyncEngine, target: AsyncEngine) -> None:
    await fill(source)
    async with source.begin() as connection:
        await connection.execute(
            sql("UPDATE gatepost_users SET created_at = 'yesterday' WHERE id = 2")
        )
    with pytest.raises(
        TransferRefused, match="A row of the table gatepost_users after id 0 cannot be read"
    ):
        await copy_database(source, target, unheard)
