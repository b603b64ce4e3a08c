"""A transaction that another one was in the way of is done again: nobody hears of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from gatepost import HookEvent, Hooks
from gatepost.features.accounts import passwords
from gatepost.features.accounts.models import User
from gatepost.features.audit.models import AuditHead
from gatepost.features.audit.sealing import seal_all
from tests.api.conftest import MakeService
from tests.support.databases import Kind
from tests.support.deadlocks import CODES, deadlocks
from tests.support.service import PASSWORD, Account, Service, event_names, sign_up

pytestmark = [
    pytest.mark.every_database,
    pytest.mark.anyio,
    pytest.mark.databases("postgresql", "mariadb"),
]

NEW_PASSWORD = "another horse, another battery"
EVE = {"email": "eve@example.com", "password": PASSWORD, "username": "eve"}

REQUESTS: dict[str, tuple[str, str, Any]] = {
    "register": ("POST", "/auth/register", EVE),
    "register many": ("POST", "/auth/register/bulk", {"users": [EVE]}),
    "change oneself": ("PATCH", "/users/me", {"full_name": "Ada"}),
    "change one's address": (
        "PATCH",
        "/users/me",
        {"email": "a@example.com", "current_password": PASSWORD},
    ),
    "change one's password": (
        "POST",
        "/users/me/password",
        {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    ),
    "change another": ("PATCH", "/users/{}", {"role": "moderator", "full_name": "B"}),
    "disable another": ("PATCH", "/users/{}", {"is_active": False}),
}


@pytest.fixture
async def heard() -> list[str]:
    return []


@pytest.fixture
async def service(make_service: MakeService, heard: list[str]) -> AsyncIterator[Service]:
    hooks = Hooks()

    async def hear(happening: HookEvent) -> None:
        heard.append(happening.event)

    hooks.on("*", hear)
    async with make_service(hooks=hooks) as service:
        yield service


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "a-key"}], ids=["plain", "keyed"])
async def test_what_was_in_the_way_of_a_request_is_not_told(  # noqa: PLR0917 - fixtures
    service: Service,
    client: httpx.AsyncClient,
    admin: Account,
    heard: list[str],
    database_kind: Kind,
    request_name: str,
    number: int,
    key: dict[str, str],
) -> None:
    bob = await sign_up(client, "bob@example.com")
    method, path, body = REQUESTS[request_name]
    before, code = Counter(await event_names(service)), CODES[database_kind][number]
    heard.clear()
    with deadlocks(service.runtime.engine, code, times=2) as count:
        answer = await client.request(
            method, path.format(bob.id), json=body, headers={**admin.headers, **key}
        )
    assert count.value == 2
    assert answer.status_code in {200, 201}, answer.text
    assert Counter(heard) == Counter(await event_names(service)) - before, (
        "once, and not for each try"
    )
    assert set(Counter(heard).values()) == {1}


SENT_ALONE: dict[str, tuple[str, str, Any, str]] = {
    "make an item": ("POST", "/items/", {"title": "Another"}, "INSERT INTO gatepost_items"),
    "change an item": ("PATCH", "/items/{item}", {"title": "B"}, "UPDATE gatepost_items"),
    "delete an item": ("DELETE", "/items/{item}", None, "DELETE FROM gatepost_items"),
    "log out": ("POST", "/auth/logout", None, "UPDATE gatepost_sessions"),
    "log out everywhere": ("POST", "/auth/logout-all", None, "UPDATE gatepost_sessions"),
    "log out elsewhere": (
        "DELETE",
        "/auth/sessions/{session}",
        None,
        "UPDATE gatepost_sessions",
    ),
    "log in": (
        "POST",
        "/auth/login",
        {"email": "bob@example.com", "password": PASSWORD},
        "INSERT INTO gatepost_sessions",
    ),
    "tell who it is": (
        "POST",
        "/users/code",
        {"email": "bob@example.com", "password": PASSWORD},
        "gatepost_users.password_hash = ",
    ),
    "refresh": (
        "POST",
        "/auth/refresh",
        None,
        "UPDATE gatepost_sessions",
    ),
}
"""Writes without a savepoint, and what is in the statement that fails."""


@pytest.mark.parametrize("request_name", SENT_ALONE)
async def test_what_was_in_the_way_of_a_single_write_is_not_told(
    make_service: MakeService, database_kind: Kind, request_name: str
) -> None:
    method, path, body, statement = SENT_ALONE[request_name]
    # Traced, and with few sessions of a user, all goes by way of the session.
    changes = {"tracing_enabled": True, "sessions_per_user": 5}
    async with make_service(**changes) as service, service.open_client() as client:
        bob = await sign_up(client, "bob@example.com")
        made = await client.post("/items/", json={"title": "A"}, headers=bob.headers)
        session = (await client.get("/auth/sessions", headers=bob.headers)).json()[0]["id"]
        if request_name == "refresh":
            body = {"refresh_token": bob.refresh_token}
        before = Counter(await event_names(service))
        with deadlocks(
            service.runtime.engine, CODES[database_kind][0], times=2, at=statement
        ) as count:
            answer = await client.request(
                method,
                path.format(item=made.json()["id"], session=session),
                json=body,
                headers=bob.headers,
            )
        assert count.value == 2
        assert answer.is_success, answer.text
        assert set((Counter(await event_names(service)) - before).values()) <= {1}, (
            "once, not for each try"
        )


async def test_what_stays_in_the_way_is_a_503(
    service: Service,
    client: httpx.AsyncClient,
    database_kind: Kind,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gatepost.transaction._PATIENCE", 0.05)
    for code in CODES[database_kind]:
        with deadlocks(service.runtime.engine, code, times=1000):
            answer = await client.post("/auth/register", json=EVE)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert answer.headers["Retry-After"]


async def test_the_command_line_and_the_first_admin_are_done_again(
    service: Service, database_kind: Kind
) -> None:
    for number, code in enumerate(CODES[database_kind]):
        with deadlocks(service.runtime.engine, code) as count:
            async with service.work() as work:
                admin = await passwords.create_admin(work, f"{number}@example.com", PASSWORD)
        with deadlocks(service.runtime.engine, code):
            async with service.work() as work:
                await passwords.reset(work, admin.id, NEW_PASSWORD)
        assert count.value == 1
    async with service.work() as work:
        assert await work.db.scalar(select(func.count(User.id))) == len(CODES[database_kind])


async def test_the_audit_log_is_sealed_though_somebody_was_in_the_way(
    service: Service, client: httpx.AsyncClient, database_kind: Kind
) -> None:
    await sign_up(client)
    with deadlocks(service.runtime.engine, CODES[database_kind][0]) as count:
        assert await seal_all(service.runtime) > 0
    assert count.value == 1
    async with service.work() as work:
        assert await work.db.scalar(select(func.count(AuditHead.id))) == 1


@pytest.mark.parametrize("same", ["username", "email"])
async def test_many_who_want_the_same_in_another_order_all_have_their_answer(
    make_service: MakeService, same: str
) -> None:
    """Each row holds two keys, and no order is one for both: two requests wait for each other."""
    rows = 40
    own = {"username": "email", "email": "username"}[same]

    def value(of: str, place: int, sender: str) -> str:
        name = f"{sender}{place:02}"
        return f"{name}@example.com" if of == "email" else name

    def users(sender: str, *, backwards: bool) -> list[dict[str, str]]:
        wanted = [rows - place - 1 if backwards else place for place in range(rows)]
        return [
            {
                "password": PASSWORD,
                same: value(same, wanted[place], "same"),
                own: value(own, place, sender),
            }
            for place in range(rows)
        ]

    async with make_service() as service, service.open_client() as client:
        answers = await asyncio.gather(
            *(
                client.post(
                    "/auth/register/bulk",
                    json={"users": users(sender, backwards=backwards)},
                    headers={"Idempotency-Key": f"key-{sender}"},
                )
                for sender, backwards in [("a", False), ("b", True), ("c", False), ("d", True)]
            )
        )
        assert [answer.status_code for answer in answers] == [201] * 4
        made = [len(answer.json()["created"]) for answer in answers]
        failed = [len(answer.json()["failed"]) for answer in answers]
        assert sum(made) == rows
        assert sum(failed) == 3 * rows
