"""Lists of the audit log while it holds rows that somebody wrote past Gatepost."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.service import Account, Service, register

pytestmark = [pytest.mark.anyio, pytest.mark.every_database]

_COLUMNS = (
    *("at", "event", "outcome", "user_id", "actor_id", "session_id", "method", "address"),
    *("user_agent", "request_id", "details", "key_id", "mac", "position", "hash"),
)
_DEEP = [f"details = '{'[' * depth}{']' * depth}'" for depth in (100, 5000)]
_DEEP += [f"""details = '{'{"a":' * depth}1{"}" * depth}'""" for depth in (100, 245, 250, 255, 500)]
_ANYWHERE = (
    *("event = 'no.such.event'", "event = ''", "outcome = 'perhaps'", "outcome = ''"),
    *(f"details = '{value}'" for value in ("[]", "5", '"text"', "null", "true")),
    r"""details = '{"a": "\ud800"}'""",
    f"details = '{'9' * 5000}'",
    f"""details = '{{"a": {"9" * 4000}}}'""",
    """details = '{"a": 1e999}'""",
    *("user_id = -5", "position = -5", *_DEEP),
)
_SHAPES = {
    "sqlite": (
        *_ANYWHERE,
        *(
            f"{column} = {value}"
            for column in _COLUMNS
            for value in ("'x'", "x'fffe'", "CAST(x'fffe' AS TEXT)", "x''", "5.5")
        ),
        *("at = 5", "at = '99999-01-01 00:00:00'", "at = '2026-11-28'", "at = '1e999'"),
        *("details = '{'", """details = '{"a": NaN}'""", """details = x'7b7d'"""),
        *("user_id = 9e999", "position = 9e999"),
    ),
    "postgresql": (
        *_ANYWHERE,
        *(f"at = '{at}'" for at in ("infinity", "-infinity", "20000-01-01", "0044-01-01 BC")),
    ),
    "mariadb": (*_ANYWHERE, *(f"at = '{at}'" for at in ("0000-00-00", "2020-00-00"))),
}


async def tamper(service: Service, kind: str, assignment: str, of_rows: str) -> bool:
    """Alter rows in the database; False where it refuses."""
    try:
        async with service.runtime.engine.begin() as connection:
            if kind == "mariadb":
                await connection.execute(text("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'"))
            await connection.exec_driver_sql(
                f"UPDATE gatepost_audit_events SET {assignment} WHERE {of_rows}".replace("%", "%%")
            )
    except DBAPIError:
        return False
    return True


async def walk(client: httpx.AsyncClient, admin: Account, path: str, limit: int) -> list[Any]:
    """All events, page by page."""
    found: list[Any] = []
    following: str | None = f"{path}?limit={limit}"
    while following is not None:
        answer = await client.get(following, headers=admin.headers)
        assert answer.status_code == 200, answer.text
        found += answer.json()
        assert len(found) < 100, "the pages go round in a circle"
        following = answer.links["next"]["url"] if "next" in answer.links else None
    return found


@pytest.mark.slow
async def test_no_row_hides_the_others_from_any_list(
    service: Service, client: httpx.AsyncClient, admin: Account, database_kind: str
) -> None:
    for name in ("ada", "bob"):
        await register(client, email=f"{name}@example.com")
    whole = await walk(client, admin, "/api/v1/audit", 200)
    ids = {event["id"] for event in whole}
    assert len(ids) >= 4
    async with service.runtime.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE kept AS SELECT * FROM gatepost_audit_events"))
    of_rows = f"id IN ({sorted(ids)[1]}, {sorted(ids)[2]})"
    altered = 0
    for assignment in _SHAPES[database_kind]:
        if not (
            await tamper(service, database_kind, assignment, of_rows)
            or await tamper(service, database_kind, assignment, f"id = {sorted(ids)[1]}")
        ):
            continue
        altered += 1
        for limit in (1, 3, 200):
            found = await walk(client, admin, "/api/v1/audit", limit)
            assert sorted(event["id"] for event in found) == sorted(ids), (assignment, limit)
        await walk(client, admin, "/api/v1/users/me/activity", 1)
        async with service.runtime.engine.begin() as connection:
            await connection.execute(text("DELETE FROM gatepost_audit_events"))
            await connection.execute(text("INSERT INTO gatepost_audit_events SELECT * FROM kept"))
    # Under SQLAlchemy 2.0 a row that could not be read leaves its cursor open, which bars the drop.
    await service.runtime.engine.dispose()
    async with service.runtime.engine.begin() as connection:
        await connection.execute(text("DROP TABLE kept"))
    assert altered > 10


async def test_a_user_sees_their_activity_with_what_can_be_read_of_a_row(
    service: Service, client: httpx.AsyncClient, admin: Account, database_kind: str
) -> None:
    [first, *_] = await walk(client, admin, "/api/v1/users/me/activity", 200)
    for assignment in _SHAPES[database_kind]:
        if not assignment.startswith("user_id"):
            await tamper(service, database_kind, assignment, f"id = {first['id']}")
            found = await walk(client, admin, "/api/v1/users/me/activity", 200)
            assert first["id"] in {event["id"] for event in found}, assignment


async def test_what_can_be_read_of_an_altered_row_is_shown(
    service: Service, client: httpx.AsyncClient, admin: Account, database_kind: str
) -> None:
    [last] = (await walk(client, admin, "/api/v1/audit", 200))[:1]
    altered = "event = 'no.such.event', outcome = 'perhaps', details = '[1]'"
    assert await tamper(service, database_kind, altered, f"id = {last['id']}")
    [row] = (await walk(client, admin, "/api/v1/audit", 200))[:1]
    assert row == last | {"event": "no.such.event", "outcome": "perhaps", "details": {}}


@pytest.mark.databases("sqlite")
async def test_an_actor_who_cannot_be_read_is_not_the_user(
    service: Service, client: httpx.AsyncClient, admin: Account, database_kind: str
) -> None:
    [last, *_] = await walk(client, admin, "/api/v1/users/me/activity", 200)
    unreadable = "actor_id = CAST(x'fffe' AS TEXT)"
    assert await tamper(service, database_kind, unreadable, f"id = {last['id']}")
    [row, *_] = await walk(client, admin, "/api/v1/users/me/activity", 200)
    assert (row["by_admin"], row["address"], row["user_agent"]) == (True, None, None)
