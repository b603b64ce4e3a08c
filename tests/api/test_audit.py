"""The audit log over HTTP: what is remembered, who may read it, and how it is searched."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gatepost.features.audit import sealing
from gatepost.features.audit import service as audit
from gatepost.features.auth.events import LOGIN_FAILED
from gatepost.features.callers.roles import Role
from tests.support.clock import NOON
from tests.support.service import (
    PASSWORD,
    Account,
    Service,
    log_in,
    register,
    sign_up,
    sign_up_as,
)

pytestmark = pytest.mark.anyio

AGENT = "Mozilla/5.0 (a device)"
FIELDS = {
    *("id", "at", "event", "outcome", "user_id", "actor_id", "session_id", "method", "address"),
    *("user_agent", "request_id", "details", "position", "hash"),
}


async def events(
    client: httpx.AsyncClient, admin: Account, path: str = "/api/v1/audit", **query: Any
) -> list[dict[str, Any]]:
    answer = await client.get(path, params={"limit": 200, **query}, headers=admin.headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def names(client: httpx.AsyncClient, admin: Account, **query: Any) -> list[str]:
    """The events' names, the oldest first."""
    return [each["event"] for each in reversed(await events(client, admin, **query))]


async def wrong_login(client: httpx.AsyncClient, email: str, **headers: str) -> None:
    body = {"email": email, "password": "a wrong password"}
    answer = await client.post("/api/v1/auth/login", json=body, headers=headers)
    assert answer.status_code == 401


async def test_an_event_tells_who_what_whence_and_how(
    client: httpx.AsyncClient, admin: Account
) -> None:
    user = await register(client)
    headers = {"User-Agent": AGENT, "X-Request-ID": "my-request-1"}
    await wrong_login(client, "ada@example.com", **headers)
    [event] = await events(client, admin, user_id=user["id"], event="login.failed")
    assert event.keys() == FIELDS
    assert (event["outcome"], event["method"], event["address"]) == (
        "failure",
        "password",
        "192.0.2.7",
    )
    assert (event["user_agent"], event["request_id"]) == (AGENT, "my-request-1")
    assert datetime.fromisoformat(event["at"]) == NOON
    assert (event["actor_id"], event["session_id"], event["details"]) == (None, None, {})


async def test_a_life_with_an_account_is_remembered_in_order(
    client: httpx.AsyncClient, admin: Account
) -> None:
    ada = await sign_up(client)
    await client.patch("/users/me", json={"full_name": "Ada"}, headers=ada.headers)
    wrong = {"current_password": "wrong", "new_password": "another horse battery staple"}
    await client.post("/users/me/password", json=wrong, headers=ada.headers)
    right = wrong | {"current_password": PASSWORD}
    assert (
        await client.post("/users/me/password", json=right, headers=ada.headers)
    ).status_code == 200
    await client.get("/users", headers=ada.headers)
    body = {"refresh_token": ada.refresh_token}
    assert (await client.post("/api/v1/auth/refresh", json=body)).status_code == 200
    role = {"role": "moderator"}
    await client.patch(f"/users/{ada.id}", json=role, headers=admin.headers)
    await client.post("/api/v1/auth/logout", headers=ada.headers)
    await client.delete(f"/users/{ada.id}", headers=admin.headers)
    assert await names(client, admin, user_id=ada.id) == [
        "user.created",
        *sorted(("session.started", "login.succeeded"), reverse=True),
        "user.updated",
        "user.password_change_failed",
        "user.password_changed",
        "permission.denied",
        "user.role_changed",
        "session.ended",
        "user.deleted",
    ]


async def test_a_renewal_leaves_no_event(client: httpx.AsyncClient, admin: Account) -> None:
    ada = await sign_up(client)
    before = await names(client, admin)
    body = {"refresh_token": ada.refresh_token}
    assert (await client.post("/api/v1/auth/refresh", json=body)).status_code == 200
    assert await names(client, admin) == before


async def test_a_refused_caller_is_remembered(client: httpx.AsyncClient, admin: Account) -> None:
    ada = await sign_up(client)
    assert (await client.get("/api/v1/audit", headers=ada.headers)).status_code == 403
    [event] = await events(client, admin, event="permission.denied")
    assert (event["user_id"], event["outcome"], event["method"]) == (ada.id, "failure", "password")
    assert event["session_id"] is not None


async def test_an_attack_on_an_unknown_name_is_correlated_without_the_name(
    service: Service, client: httpx.AsyncClient, admin: Account
) -> None:
    for login in ("nobody@example.com", "NOBODY@example.com", "somebody@example.com"):
        await wrong_login(client, login)
    found = await events(client, admin, event="login.failed")
    assert [event["user_id"] for event in found] == [None] * 3
    somebody, *nobody = [event["details"]["login"] for event in found]
    assert nobody[0] == nobody[1] != somebody
    async with service.runtime.engine.connect() as connection:
        rows = (await connection.execute(text("SELECT * FROM gatepost_audit_events"))).all()
    assert "body@example.com" not in repr(rows).lower()


async def test_a_change_is_remembered_by_its_fields_only(
    client: httpx.AsyncClient, admin: Account
) -> None:
    ada = await sign_up(client)
    body = {"full_name": "Countess Lovelace", "username": "countess"}
    await client.patch(f"/users/{ada.id}", json=body, headers=admin.headers)
    [event] = await events(client, admin, event="user.updated")
    assert event["details"] == {"fields": ["full_name", "username"]}
    assert (event["user_id"], event["actor_id"]) == (ada.id, admin.id)


async def test_an_event_has_its_place_once_it_is_sealed(
    service: Service, client: httpx.AsyncClient, admin: Account
) -> None:
    await sealing.seal_all(service.runtime)
    found = await events(client, admin)
    # Another test's chain may have ended here: its rows are wiped while its service still seals.
    last = found[0]["position"]
    assert [each["position"] for each in found] == list(range(last, last - len(found), -1))
    assert len({each["hash"] for each in found}) == len(found)


# Who may read.


async def test_the_log_asks_for_a_login(client: httpx.AsyncClient) -> None:
    for path in ("/api/v1/audit", "/audit", "/users/me/activity"):
        assert (await client.get(path)).status_code == 401


@pytest.mark.parametrize("role", [Role.USER, Role.MODERATOR])
async def test_only_admins_read_the_log(
    service: Service, client: httpx.AsyncClient, role: Role
) -> None:
    account = await sign_up_as(service, client, role)
    answer = await client.get("/api/v1/audit", headers=account.headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


async def test_users_see_what_concerns_themselves_and_nothing_else(
    client: httpx.AsyncClient, admin: Account
) -> None:
    ada, eve = await sign_up(client), await sign_up(client, "eve@example.com")
    await wrong_login(client, "ada@example.com")
    await client.patch(f"/users/{eve.id}", json={"full_name": "Eve"}, headers=admin.headers)
    found = await events(client, ada, "/users/me/activity")
    assert found[0]["event"] == "login.failed"
    assert len(found) == 4
    query = {"user_id": eve.id}
    asked = await client.get("/users/me/activity", params=query, headers=ada.headers)
    assert asked.status_code == 422
    for mine in (each["id"] for each in found):
        assert mine not in [each["id"] for each in await events(client, eve, "/users/me/activity")]


async def test_users_see_that_an_admin_did_it_and_not_from_where(
    client: httpx.AsyncClient, admin: Account
) -> None:
    ada = await sign_up(client)
    body = {"full_name": "Ada"}
    headers = {**admin.headers, "User-Agent": AGENT}
    await client.patch(f"/users/{ada.id}", json=body, headers=headers)
    await client.patch("/users/me", json=body, headers={**ada.headers, "User-Agent": "mine"})
    mine, theirs = await events(client, ada, "/users/me/activity", event="user.updated")
    assert (theirs["by_admin"], theirs["address"], theirs["user_agent"]) == (True, None, None)
    assert (mine["by_admin"], mine["address"], mine["user_agent"]) == (False, "192.0.2.7", "mine")
    assert AGENT not in repr(theirs)
    assert not {"actor_id", "request_id", "hash"} & theirs.keys()


# Searching it.


async def test_filters_narrow_the_list(
    service: Service, client: httpx.AsyncClient, admin: Account
) -> None:
    ada = await sign_up(client)
    service.clock.advance(timedelta(minutes=5))
    noon_and_five = service.clock.now()
    await wrong_login(client, "ada@example.com")
    failed: dict[str, Any] = {"event": "login.failed", "user_id": ada.id}
    assert len(await events(client, admin, **failed)) == 1
    assert await names(client, admin, outcome="failure") == ["login.failed"]
    assert await names(client, admin, since=noon_and_five.isoformat()) == ["login.failed"]
    assert await names(client, admin, until=noon_and_five.isoformat(), **failed) == []
    assert "login.failed" not in await names(client, admin, until=noon_and_five.isoformat())
    assert await events(client, admin, user_id=2**40) == []
    in_india = noon_and_five.isoformat().replace("+00:00", "+05:30")
    assert await names(client, admin, since=in_india, outcome="failure") == ["login.failed"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("event=session.renewed", "event"),
        ("event=%00", "event"),
        ("outcome=perhaps", "outcome"),
        ("since=yesterday", "since"),
        ("since=1700000000", "since"),
        ("since=1.1e-222", "since"),
        ("since=2026-01-31T00:00:00", "since"),
        ("since=0001-01-01T00:00:00%2B23:59", "since"),
        ("until=9999-12-31T23:59:59-23:59", "until"),
        ("until=99999999999999999999", "until"),
        ("cursor=YWZ0ZXI6MQ", "cursor"),
        ("cursor=" + "9" * 60, "cursor"),
        ("cursor=YmVmb3JlOjk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkuMQ", "cursor"),
        ("limit=201", "limit"),
    ],
)
async def test_a_query_that_cannot_be_is_refused(
    client: httpx.AsyncClient, admin: Account, query: str, name: str
) -> None:
    for path in ("/api/v1/audit", "/users/me/activity"):
        answer = await client.get(f"{path}?{query}", headers=admin.headers)
        assert answer.status_code == 422, answer.text
        assert [error["loc"] for error in answer.json()["errors"]] == [["query", name]]


@pytest.mark.parametrize("user_id", ["0", "-1", str(2**63), "x"])
async def test_a_user_that_cannot_be_is_refused(
    client: httpx.AsyncClient, admin: Account, user_id: str
) -> None:
    answer = await client.get(f"/api/v1/audit?user_id={user_id}", headers=admin.headers)
    assert answer.status_code == 422


@pytest.mark.every_database
async def test_the_first_and_the_last_time_there_is_are_only_far_away(
    client: httpx.AsyncClient, admin: Account
) -> None:
    query: dict[str, Any] = {"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"}
    assert await names(client, admin, **query) == await names(client, admin)


@pytest.mark.every_database
async def test_following_the_links_visits_every_event_once_the_newest_first(
    service: Service, client: httpx.AsyncClient, admin: Account
) -> None:
    """Also within one instant, where only the id tells which came first."""
    for minutes in (0, 0, 1, -1):
        service.clock.advance(timedelta(minutes=minutes))
        async with service.work() as work:
            for _ in range(3):
                await audit.record(work, LOGIN_FAILED, audit.EventContext(user_id=admin.id))
    everything = await events(client, admin)
    seen: list[dict[str, Any]] = []
    page = "/api/v1/audit?limit=4"
    while page:
        answer = await client.get(page, headers=admin.headers)
        seen += answer.json()
        page = answer.links["next"]["url"] if answer.links else ""
    # The rest of them may be sealed meanwhile.
    assert [each["id"] for each in seen] == [each["id"] for each in everything]
    keys = [(each["at"], each["id"]) for each in seen]
    assert keys == sorted(keys, reverse=True)


@pytest.mark.every_database
async def test_a_page_keeps_its_filter_and_its_owner(client: httpx.AsyncClient) -> None:
    ada = await sign_up(client)
    for _ in range(3):
        await log_in(client)
    path = "/users/me/activity?limit=1&event=login.succeeded"
    first = await client.get(path, headers=ada.headers)
    following = first.links["next"]["url"]
    second = (await client.get(following, headers=ada.headers)).json()
    assert [each["event"] for each in second] == ["login.succeeded"]
    eve = await sign_up(client, "eve@example.com")
    theirs = {each["id"] for each in (await client.get(following, headers=eve.headers)).json()}
    assert not theirs & {each["id"] for each in await events(client, ada, "/users/me/activity")}
