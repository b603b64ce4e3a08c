"""Every query that the service asks walks an index: nothing costs more because others have rows.

The queries are those that the routes and the chores send to the database, as they send them; each
is explained by the database, with thousands of rows in every table that grows.
"""

import asyncio
import itertools
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatepost import Settings
from gatepost.db.engine import open_engine
from gatepost.features.accounts import service as accounts
from gatepost.features.audit import chain, verification
from gatepost.features.audit.models import AuditEvent, AuditHead
from gatepost.features.audit.sealing import seal_all
from gatepost.features.audit.state import AuditState
from gatepost.migrations.models import metadata
from gatepost.purging import purge_all
from gatepost.work import Work
from tests.support import patience
from tests.support.clock import NOON, SetClock
from tests.support.databases import Databases, Kind
from tests.support.service import (
    Account,
    Service,
    log_in,
    make_settings,
    migrate,
    sign_up,
    sign_up_as,
    started,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ROWS = 4000
MANY = 16000
"""So many where a batch is a thousand: of fewer, all might as well be sorted."""

OWN_ITEMS = 300

A_HANDFUL = 100
"""So many rows may be sorted: what one person has of something, never what all have."""

SMALL = {"gatepost_signing_keys", "gatepost_audit_heads", "gatepost_alembic_version"}
"""Tables that do not grow: a few rows are read at once, whatever index there is."""

FIRST = 1_000_000
"""Above it are the ids of those who only fill the tables."""

Query = tuple[str, Any]


@pytest.fixture(scope="session")
def filled_url(database_kind: Kind, database_server: str, databases: Databases) -> str:
    """A database with the tables full, filled once: a test adds to it, and takes nothing away."""
    url = databases.make(database_kind, database_server)

    async def make_full() -> None:
        async with full_tables(url) as engine:
            await seal_unchecked(engine)
            await analyze(engine)

    asyncio.run(make_full())
    return url


@asynccontextmanager
async def full_tables(url: str) -> AsyncIterator[AsyncEngine]:
    """Migrate a database and fill every table that grows; gives connections to it."""
    await migrate(url)
    engine = open_engine(make_settings(url).database)
    await fill(engine, 1, ROWS)
    yield engine
    await engine.dispose()


async def seal_unchecked(engine: AsyncEngine) -> None:
    """Give each event a place; that no hash is right changes nothing in what is asked for."""
    await run(engine, "UPDATE gatepost_audit_events SET position = id, hash = mac")


async def make_head(work: Work) -> None:
    """Put a genuine head over the events that have places."""
    last = await work.db.scalar(select(func.max(AuditEvent.position)))
    head = AuditHead(position=last, hash="", purged_position=0, purged_hash="", rekeyed_position=0)
    chain.sign_head(work.runtime.state(AuditState).key, head)
    work.db.add(head)


async def run(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(statement))


def settings_for(url: str) -> Settings:
    return make_settings(url, store="database", audit_retention_days=30)


@pytest.fixture
async def service(filled_url: str) -> AsyncIterator[Service]:
    async with started(settings_for(filled_url), SetClock()) as service:
        yield service


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.open_client() as client:
        yield client


@pytest.fixture
async def engine(filled_url: str) -> AsyncIterator[AsyncEngine]:
    """Connections of our own to the full tables."""
    engine = open_engine(make_settings(filled_url).database)
    yield engine
    await engine.dispose()


@pytest.fixture
async def admin(service: Service, client: httpx.AsyncClient) -> Account:
    """Whose address no other test's administrator has."""
    return await sign_up_as(service, client, "admin", f"{secrets.token_hex(4)}@example.com")


async def fill(engine: AsyncEngine, first: int, last: int, *, but: tuple[str, ...] = ()) -> None:
    """Rows of these numbers in every table that grows, but in some."""
    async with engine.begin() as connection:
        for table, make in FILLINGS.items():
            if table in but:
                continue
            rows = [make(number) for number in range(first, last + 1)]
            await connection.execute(insert(metadata.tables[table]), rows)


def a_user(number: int) -> dict[str, Any]:
    email, username = f"user{number}@example.com", f"user{number}" if number % 2 else None
    return {
        "id": FIRST + number,
        "email": email,
        "email_key": email,
        "username": username,
        "username_key": username,
        "role": "user" if number % 500 else "moderator",
        "is_active": number % 200 != 0,
        "email_verified": False,
        **dict.fromkeys(("created_at", "updated_at", "password_changed_at"), NOON),
    }


def a_session(number: int) -> dict[str, Any]:
    until = NOON + timedelta(days=30 if number % 5 else -30)
    return {
        "user_id": FIRST + number % ROWS + 1,
        "role": "user",
        "method": "password",
        "generation": 0,
        "expires_at": until,
        "absolute_expires_at": until,
        "ended_at": None if number % 7 else NOON - timedelta(days=3),
        **dict.fromkeys(("created_at", "authenticated_at", "renewed_at"), NOON),
    }


def an_item(number: int) -> dict[str, Any]:
    times = {"created_at": NOON, "updated_at": NOON}
    return {"owner_id": FIRST + number % ROWS + 1, "title": f"item {number}", **times}


def an_event(number: int) -> dict[str, Any]:
    fails = number % 100 == 0
    return {
        "at": NOON - timedelta(hours=number),
        "event": "login.failed" if fails else "login.succeeded",
        "outcome": "failure" if fails else "success",
        "user_id": FIRST + number % 1000,
        "request_id": "filling",
        "details": {},
        "key_id": "filling",
        "mac": f"{number:064}",
    }


def an_answer(number: int) -> dict[str, Any]:
    age = timedelta(days=0 if number % 5 else 2, seconds=number)
    answer = {"encrypted_answer": b"filling", "created_at": NOON - age}
    return {"attempt": f"{number:064}", "fingerprint": "filling", **answer}


def an_entry(number: int) -> dict[str, Any]:
    at = NOON + timedelta(hours=number - ROWS // 2)
    return {"key": f"filling {number}", "value": b"", "expires_at": int(at.timestamp() * 1000)}


FILLINGS: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "gatepost_users": a_user,
    "gatepost_sessions": a_session,
    "gatepost_items": an_item,
    "gatepost_audit_events": an_event,
    "gatepost_idempotent_answers": an_answer,
    "gatepost_stored_entries": an_entry,
}


async def analyze(engine: AsyncEngine) -> None:
    """Let servers count, as they do by themselves sooner or later; SQLite never does."""
    words = {"postgresql": "ANALYZE", "mysql": f"ANALYZE TABLE {', '.join(FILLINGS)}"}
    if statement := words.get(engine.dialect.name):
        await run(engine, statement)


@contextmanager
def queries_of(engine: AsyncEngine) -> Iterator[list[Query]]:
    """Every query on tables that grow, as it is sent, each wording once."""
    heard: dict[str, Query] = {}

    def listen(_c: object, _cursor: object, sql: str, parameters: Any, *_: object) -> None:
        named = set(re.findall(r"(?:FROM|UPDATE) (\w+)", sql))
        if named & FILLINGS.keys() and not sql.startswith("INSERT"):
            heard.setdefault(
                sql, (sql, parameters[0] if isinstance(parameters, list) else parameters)
            )

    queries: list[Query] = []
    event.listen(engine.sync_engine, "before_cursor_execute", listen)
    try:
        yield queries
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", listen)
        queries += heard.values()


async def complaints_about(engine: AsyncEngine, queries: list[Query]) -> str:
    """What the database would do that takes longer the more rows there are.

    MariaDB goes by estimates, in which an index's entries count until they are purged, some time
    after they were deleted: it is asked again as long as it may have to.
    """
    assert queries, "nothing was asked: this test looks at nothing"
    deadline = time.monotonic() + patience.HANGING_SECONDS
    while (found := await complaints_now(engine, queries)) and time.monotonic() < deadline:
        if engine.dialect.name != "mysql":
            break
        await asyncio.sleep(0.5)
    return found


async def complaints_now(engine: AsyncEngine, queries: list[Query]) -> str:
    explain, judge = JUDGES[engine.dialect.name]
    found = []
    async with engine.connect() as connection:
        for sql, parameters in queries:
            plan = await explain(connection, sql, parameters)
            found += [f"{fault}\n{sql}\n{parameters}\n{plan}" for fault in judge(sql, plan)]
        await connection.rollback()
    return "\n\n".join(found)


async def explain_on_postgresql(connection: AsyncConnection, sql: str, parameters: Any) -> Any:
    result = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
    said = result.scalar_one()
    return json.loads(said) if isinstance(said, str) else said


def judge_postgresql(_sql: str, plan: Any) -> Iterator[str]:
    for node in nodes_of(plan):
        kind, rows = node.get("Node Type"), node.get("Plan Rows", 0)
        if kind == "Seq Scan" and node["Relation Name"] not in SMALL:
            yield f"reads all of {node['Relation Name']}"
        if kind in {"Sort", "Incremental Sort"} and rows > A_HANDFUL:
            yield f"sorts {rows} rows"


async def explain_on_mariadb(connection: AsyncConnection, sql: str, parameters: Any) -> Any:
    result = await connection.exec_driver_sql(f"EXPLAIN FORMAT=JSON {sql}", parameters)
    return json.loads(result.scalar_one())


def judge_mariadb(sql: str, plan: Any) -> Iterator[str]:
    for node in nodes_of(plan):
        access, name = node.get("access_type"), node.get("table_name")
        if access == "ALL" and name not in SMALL:
            yield f"reads all of {name}"
        if access == "index" and " LIMIT " not in sql:
            yield f"reads all of an index of {name}"
        if "filesort" in node and most_rows(node["filesort"]) > A_HANDFUL:
            yield "sorts rows"


def most_rows(plan: Any) -> int:
    return max((int(node.get("rows", 0)) for node in nodes_of(plan)), default=0)


async def explain_on_sqlite(connection: AsyncConnection, sql: str, parameters: Any) -> Any:
    result = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
    return [str(row.detail) for row in result]


def judge_sqlite(sql: str, plan: list[str]) -> Iterator[str]:
    for step in plan:
        scanned = re.match(r"SCAN (\w+)", step)
        # In the order of its ids, and no further than the page: that is a walk, too.
        if scanned and scanned[1] not in SMALL and (" WHERE " in sql or " LIMIT " not in sql):
            yield f"reads all of {scanned[1]}"
        if "USE TEMP B-TREE" in step:
            yield "sorts rows"


def nodes_of(plan: Any) -> Iterator[dict[str, Any]]:
    """Every object in a plan, however deep."""
    if isinstance(plan, dict):
        yield plan
    for child in (
        plan.values() if isinstance(plan, dict) else plan if isinstance(plan, list) else ()
    ):
        yield from nodes_of(child)


JUDGES: Mapping[str, tuple[Callable[..., Any], Callable[..., Iterator[str]]]] = {
    "postgresql": (explain_on_postgresql, judge_postgresql),
    "mysql": (explain_on_mariadb, judge_mariadb),
    "sqlite": (explain_on_sqlite, judge_sqlite),
}


async def walk(client: httpx.AsyncClient, caller: Account, path: str) -> None:
    """A list's first page, and the one that it links to."""
    for _ in range(2):
        answer = await client.get(path, headers=caller.headers)
        assert answer.status_code == 200, answer.text
        if "next" not in answer.links:
            return
        path = answer.links["next"]["url"]


def combinations(**choices: list[str]) -> Iterator[str]:
    """Every way to name some of the filters, as queries."""
    named = [[None, *(f"{name}={value}" for value in values)] for name, values in choices.items()]
    for some in itertools.product(*named):
        yield "&".join(["limit=20", *filter(None, some)])


async def test_lists_of_users_walk_an_index_whatever_is_asked_for(
    service: Service, client: httpx.AsyncClient, engine: AsyncEngine, admin: Account
) -> None:
    asked = combinations(
        q=["u", "user1", "nobody"],
        role=["user", "moderator"],
        is_active=["true", "false"],
    )
    with queries_of(service.runtime.engine) as queries:
        for each in asked:
            await walk(client, admin, f"/users?{each}")
    assert await complaints_about(engine, queries) == ""


async def test_lists_of_events_walk_an_index_whatever_is_asked_for(
    service: Service, client: httpx.AsyncClient, engine: AsyncEngine, admin: Account
) -> None:
    own = {
        "event": ["login.succeeded", "login.failed"],
        "outcome": ["success", "failure"],
        "since": ["2025-12-01T00:00:00Z"],
        "until": ["2026-01-01T00:00:00Z"],
    }
    with queries_of(service.runtime.engine) as queries:
        for each in combinations(user_id=[str(FIRST + 7)], **own):
            await walk(client, admin, f"/audit?{each}")
        for each in combinations(**own):
            await walk(client, admin, f"/users/me/activity?{each}")
    assert await complaints_about(engine, queries) == ""


async def test_what_concerns_one_person_walks_an_index(
    service: Service, client: httpx.AsyncClient, engine: AsyncEngine, admin: Account
) -> None:
    with queries_of(service.runtime.engine) as queries:
        ada = await sign_up(client, "ada@example.com", username="ada")
        async with engine.begin() as connection:
            rows = [{**an_item(number), "owner_id": ada.id} for number in range(OWN_ITEMS)]
            await connection.execute(insert(metadata.tables["gatepost_items"]), rows)
        await analyze(engine)
        await log_in(client, "ada")
        await client.post("/auth/refresh", json={"refresh_token": ada.refresh_token})
        await walk(client, ada, "/items/")
        sessions = (await client.get("/auth/sessions", headers=ada.headers)).json()
        await client.delete(f"/auth/sessions/{sessions[-1]['id']}", headers=ada.headers)
        once = {"Idempotency-Key": "once-and-for-all", **ada.headers}
        for _ in range(2):
            made = await client.post("/items/", json={"title": "tea"}, headers=once)
        assert made.status_code == 201
        await client.patch(made.headers["location"], json={"title": "cup"}, headers=ada.headers)
        await client.delete(made.headers["location"], headers=ada.headers)
        await client.get(f"/users/{ada.id}", headers=admin.headers)
        for change in ({"role": "moderator"}, {"is_active": False}, {"email": "a@example.com"}):
            answer = await client.patch(f"/users/{ada.id}", json=change, headers=admin.headers)
            assert answer.status_code == 200
        await client.delete(f"/users/{ada.id}", headers=admin.headers)
        async with service.work() as work:
            await accounts.has_active_admin(work)
        await client.post("/auth/logout-all", headers=admin.headers)
    assert len(queries) > 15
    assert await complaints_about(engine, queries) == ""


async def test_chores_walk_an_index(fresh_database_url: str) -> None:
    """On tables of their own: they are emptied."""
    async with (
        full_tables(fresh_database_url) as engine,
        started(settings_for(fresh_database_url), SetClock()) as service,
    ):
        await fill(engine, ROWS + 1, MANY, but=("gatepost_users", "gatepost_items"))
        await seal_unchecked(engine)
        async with service.work() as work:
            await make_head(work)
        await analyze(engine)
        async with service.open_client() as client:
            await sign_up(client)
        with queries_of(service.runtime.engine) as queries:
            await seal_all(service.runtime)
            async with service.work() as work:
                await verification.verify(work)
            purged = await purge_all(service.runtime)
        assert purged["sessions"] > MANY // 5
        assert min(purged["idempotent_answers"], purged["stored_entries"]) > 0
        assert await complaints_about(engine, queries) == ""
