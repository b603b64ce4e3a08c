"""Accounts over HTTP: what people change of their own, and what moderators see and admins do."""

import asyncio
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import select

from gatepost.features.accounts.models import User
from gatepost.features.items.models import Item
from gatepost.features.sessions.models import Session
from tests.api.conftest import MakeService
from tests.support.hashing import held_up, until
from tests.support.hostile_text import HOSTILE_TEXTS
from tests.support.service import (
    PASSWORD,
    Account,
    Service,
    bearer,
    count,
    events_of,
    log_in,
    register,
    sign_up,
    sign_up_as,
    status_of,
)

pytestmark = pytest.mark.anyio

NEW_PASSWORD = "an entirely different one"


@pytest.fixture
async def ada(client: httpx.AsyncClient) -> Account:
    return await sign_up(client, "ada@example.com", username="ada", full_name="Ada")


async def patch(
    client: httpx.AsyncClient, caller: Account, user_id: int | str, **body: Any
) -> httpx.Response:
    return await client.patch(f"/users/{user_id}", json=body, headers=caller.headers)


async def read_me(client: httpx.AsyncClient, caller: Account) -> dict[str, Any]:
    answer = await client.get("/users/me", headers=caller.headers)
    assert answer.status_code == 200, answer.text
    user: dict[str, Any] = answer.json()
    return user


async def happened(service: Service, event: str) -> list[tuple[int | None, int | None, Any]]:
    """Whom each event of this name concerns, who did it, and its details."""
    found = [each for each in await events_of(service) if each.event == event]
    return [(each.user_id, each.actor_id, each.details) for each in found]


def refused_fields(answer: httpx.Response) -> list[list[str]]:
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error"), answer.text
    return [error["loc"] for error in answer.json()["errors"]]


# One's own profile.


async def test_users_change_what_they_are_called(
    service: Service, client: httpx.AsyncClient, ada: Account
) -> None:
    before = await read_me(client, ada)

    answer = await patch(client, ada, "me", full_name="Countess", username="Countess.L")

    assert answer.status_code == 200
    assert answer.json() == before | {"full_name": "Countess", "username": "Countess.L"}
    assert await read_me(client, ada) == answer.json()
    assert await happened(service, "user.updated") == [
        (ada.id, ada.id, {"fields": ["full_name", "username"]})
    ]
    assert (
        await client.post("/login", json={"username": "countess.l", "password": PASSWORD})
    ).is_success
    assert (await client.post("/login", json={"username": "ada", "password": PASSWORD})).is_error


async def test_what_a_change_leaves_out_keeps_its_value(
    client: httpx.AsyncClient, ada: Account
) -> None:
    before = await read_me(client, ada)

    assert (await patch(client, ada, "me")).json() == before
    assert (await patch(client, ada, "me", full_name=None)).json() == before | {"full_name": None}
    assert (await patch(client, ada, "me", username=None)).json()["username"] is None


async def test_a_username_can_change_its_case(client: httpx.AsyncClient, ada: Account) -> None:
    assert (await patch(client, ada, "me", username="ADA")).json()["username"] == "ADA"


async def test_a_name_that_was_given_up_is_free(client: httpx.AsyncClient, ada: Account) -> None:
    await patch(client, ada, "me", username="other")

    assert (await register(client, "bob@example.com", username="ada"))["username"] == "ada"


@pytest.mark.every_database
@pytest.mark.usefixtures("ada")
async def test_a_taken_username_or_address_is_refused(client: httpx.AsyncClient) -> None:
    bob = await sign_up(client, "bob@example.com", username="bob")

    name = await patch(client, bob, "me", full_name="Bobby", username="ADA")
    address = await patch(client, bob, "me", email="ADA@example.com", current_password=PASSWORD)

    assert (name.status_code, name.json()["code"]) == (409, "username_taken")
    assert (address.status_code, address.json()["code"]) == (409, "email_taken")
    assert (await read_me(client, bob))["full_name"] is None


async def test_a_new_address_takes_the_current_password(
    service: Service, client: httpx.AsyncClient, ada: Account
) -> None:
    async with service.work() as work:
        user = await work.db.get_one(User, ada.id)
        user.email_verified = True

    without = await patch(client, ada, "me", email="new@example.com")
    wrong = await patch(client, ada, "me", email="new@example.com", current_password="wrong one")
    assert refused_fields(without) == [["body", "current_password"]]
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    assert (await read_me(client, ada))["email"] == "ada@example.com"
    assert [who for who, _, _ in await happened(service, "user.password_change_failed")] == [ada.id]

    recased = await patch(client, ada, "me", email="Ada@EXAMPLE.com", current_password=PASSWORD)
    assert (recased.json()["email"], recased.json()["email_verified"]) == ("Ada@example.com", True)
    right = await patch(client, ada, "me", email="new@example.com", current_password=PASSWORD)
    assert (right.json()["email"], right.json()["email_verified"]) == ("new@example.com", False)
    assert (await log_in(client, "new@example.com"))["access_token"]
    old = await client.post("/login", json={"email": "ada@example.com", "password": PASSWORD})
    assert old.status_code == 401


@pytest.mark.parametrize("path", ["/users/me", "/update", "/users/{id}"])
async def test_nobody_promotes_themselves(
    client: httpx.AsyncClient, ada: Account, path: str
) -> None:
    before = await read_me(client, ada)
    method = "PUT" if path == "/update" else "PATCH"
    for name, value in {
        "role": "admin",
        "is_active": True,
        "email_verified": True,
        "id": 1,
        "password": NEW_PASSWORD,
        "password_hash": "x",
        "created_at": "2020-01-01T00:00:00Z",
    }.items():
        answer = await client.request(
            method, path.format(id=ada.id), json={name: value}, headers=ada.headers
        )
        assert answer.status_code in {403, 422}, name
        assert await read_me(client, ada) == before


async def test_what_is_no_profile_is_refused(client: httpx.AsyncClient, ada: Account) -> None:
    for name, value in (
        ("email", None),
        ("email", "nonsense"),
        ("email", 7),
        ("username", "a b"),
        ("username", ["ada"]),
        ("full_name", 7),
        ("full_name", "x" * 201),
        ("full_name", "a\nb"),
        ("current_password", 7),
    ):
        answer = await patch(client, ada, "me", **{name: value})
        assert ["body", name] in refused_fields(answer), (name, value)


async def test_a_full_name_of_hostile_text_is_kept_or_refused(
    client: httpx.AsyncClient, ada: Account
) -> None:
    for hostile in HOSTILE_TEXTS:
        answer = await client.patch(
            "/users/me",
            content=f"{{{hostile.as_json_member('full_name')}}}".encode(),
            headers={**ada.headers, "content-type": "application/json"},
        )
        if hostile.name.startswith("very long"):
            assert answer.status_code == 413, hostile.name  # a body with a password is a short one
        elif hostile.on_one_line is None:
            assert refused_fields(answer) == [["body", "full_name"]], hostile.name
        else:
            assert answer.json()["full_name"] == hostile.on_one_line, hostile.name


# One's own password.


async def change_password(
    client: httpx.AsyncClient, caller: Account, current: str = PASSWORD, new: str = NEW_PASSWORD
) -> httpx.Response:
    return await client.post(
        "/users/me/password",
        json={"current_password": current, "new_password": new},
        headers=caller.headers,
    )


async def test_a_new_password_ends_every_other_session(
    service: Service, client: httpx.AsyncClient, ada: Account
) -> None:
    others = [await log_in(client) for _ in range(2)]

    answer = await change_password(client, ada)

    assert answer.status_code == 200
    assert NEW_PASSWORD not in answer.text
    assert await status_of(client, ada.access_token) == 200
    for other in others:
        assert await status_of(client, other["access_token"]) == 401
        refreshed = await client.post(
            "/auth/refresh", json={"refresh_token": other["refresh_token"]}
        )
        assert refreshed.status_code == 401
    old = await client.post("/login", json={"email": ada.email, "password": PASSWORD})
    assert old.status_code == 401
    assert (await log_in(client, ada.email, NEW_PASSWORD))["access_token"]
    assert [who for who, _, _ in await happened(service, "user.password_changed")] == [ada.id]


async def test_a_wrong_current_password_changes_nothing(
    service: Service, client: httpx.AsyncClient, ada: Account
) -> None:
    other = await log_in(client)

    answer = await change_password(client, ada, current="not the right one")

    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_password")
    assert await status_of(client, other["access_token"]) == 200
    assert (await log_in(client))["access_token"]
    assert [who for who, _, _ in await happened(service, "user.password_change_failed")] == [ada.id]


async def test_a_weak_new_password_changes_nothing(client: httpx.AsyncClient, ada: Account) -> None:
    other = await log_in(client)
    for weak, rule in (
        ("short", "password_too_short"),
        ("password123", "password_too_common"),
        ("ada@example.com", "password_too_similar"),
        ("x" * 257, "password_too_long"),
        ("nul \0 byte", "password_forbidden_character"),
    ):
        answer = await change_password(client, ada, new=weak)
        assert (answer.status_code, answer.json()["code"]) == (422, "weak_password"), weak
        assert [(e["loc"], e["type"]) for e in answer.json()["errors"]] == [
            (["body", "new_password"], rule)
        ]
    assert await status_of(client, other["access_token"]) == 200
    assert (await log_in(client))["access_token"]


async def test_a_password_change_is_two_passwords(client: httpx.AsyncClient, ada: Account) -> None:
    for body, name in (
        ({"new_password": NEW_PASSWORD}, "current_password"),
        ({"current_password": PASSWORD}, "new_password"),
        ({"current_password": None, "new_password": NEW_PASSWORD}, "current_password"),
        ({"current_password": PASSWORD, "new_password": [NEW_PASSWORD]}, "new_password"),
        ({"current_password": PASSWORD, "new_password": NEW_PASSWORD, "user_id": 1}, "user_id"),
    ):
        answer = await client.post("/users/me/password", json=body, headers=ada.headers)
        assert refused_fields(answer) == [["body", name]]
        assert PASSWORD not in answer.text


@pytest.mark.every_database
async def test_of_two_password_changes_at_once_one_holds(
    client: httpx.AsyncClient, ada: Account
) -> None:
    """Each proves the old password, and the second finds it changed."""
    second = await log_in(client)
    other = Account(ada.id, ada.email, "", second["access_token"], "")
    new = {ada: NEW_PASSWORD, other: "yet another good one"}

    answers = await asyncio.gather(
        *(change_password(client, caller, new=each) for caller, each in new.items())
    )

    won = [
        each
        for each, answer in zip(new.values(), answers, strict=True)
        if answer.status_code == 200
    ]
    assert len(won) == 1
    assert (await log_in(client, ada.email, won[0]))["access_token"]


@pytest.mark.parametrize("action", ["password", "email"])
async def test_who_is_disabled_while_a_password_is_hashed_changes_nothing(
    service: Service, client: httpx.AsyncClient, ada: Account, admin: Account, action: str
) -> None:
    pool = service.runtime.hash_pool
    async with held_up(pool):
        attempt = asyncio.create_task(
            change_password(client, ada)
            if action == "password"
            else patch(client, ada, "me", email="new@example.com", current_password=PASSWORD)
        )
        await until(lambda: pool.depth == 1)
        assert (await patch(client, admin, ada.id, is_active=False)).status_code == 200

    answer = await attempt

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    seen = await client.get(f"/users/{ada.id}", headers=admin.headers)
    assert seen.json()["email"] == "ada@example.com"
    await patch(client, admin, ada.id, is_active=True)
    assert (await log_in(client))["access_token"]


async def test_nothing_is_held_while_a_password_change_is_hashed(
    make_service: MakeService,
) -> None:
    async with make_service(database_pool_size=1) as service, service.open_client() as client:
        ada = await sign_up(client)
        pool = service.runtime.hash_pool
        async with held_up(pool):
            attempt = asyncio.create_task(change_password(client, ada))
            await until(lambda: pool.depth == 1)
            assert await status_of(client, ada.access_token) == 200
        assert (await attempt).status_code == 200


# The list.


async def emails(client: httpx.AsyncClient, caller: Account, **query: Any) -> list[str]:
    answer = await client.get("/users", params=query, headers=caller.headers)
    assert answer.status_code == 200, answer.text
    return [user["email"] for user in answer.json()]


@pytest.mark.parametrize("role", ["moderator", "admin"])
async def test_moderators_and_admins_list_everybody(
    service: Service, client: httpx.AsyncClient, ada: Account, role: str
) -> None:
    caller = await sign_up_as(service, client, role)

    answer = await client.get("/users", headers=caller.headers)

    assert answer.status_code == 200
    assert answer.json() == [await read_me(client, ada), await read_me(client, caller)]
    assert "link" not in answer.headers


async def test_a_user_lists_nobody(
    service: Service, client: httpx.AsyncClient, ada: Account
) -> None:
    answer = await client.get("/users", headers=ada.headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert [who for who, _, _ in await happened(service, "permission.denied")] == [ada.id]


@pytest.mark.every_database
async def test_the_list_is_filtered_by_how_an_address_or_username_begins(
    client: httpx.AsyncClient, admin: Account
) -> None:
    for email, username in (
        ("ab@example.com", None),
        ("abc@example.com", "zed"),
        ("a_c@example.com", "x_y"),
        ("a%c@example.com", None),
        ("b\u00fc@example.com", "xay"),
        ("b\u00fccher@example.com", None),
        ("b@example.com", "abacus"),
        ("\u01f0@example.com", None),
        ("zz\U0001f600@example.com", None),
    ):
        await register(client, email, username=username)
    for q, found in {
        "ab": ["ab@example.com", "b@example.com", "abc@example.com"],
        " AB ": ["ab@example.com", "b@example.com", "abc@example.com"],
        "abc@example.com": ["abc@example.com"],
        "ABC@EXAMPLE.COM": ["abc@example.com"],
        "a_": ["a_c@example.com"],
        "a%": ["a%c@example.com"],
        "%": [],
        "_": [],
        "x_": ["a_c@example.com"],
        "ZED": ["abc@example.com"],
        "bu\u0308": ["b\u00fc@example.com", "b\u00fccher@example.com"],
        "B\u00dc": ["b\u00fc@example.com", "b\u00fccher@example.com"],
        "J\u030c": ["\u01f0@example.com"],
        "zz\U0001f600": ["zz\U0001f600@example.com"],
        "c@": [],
        "' OR 1=1; --": [],
        "\\": [],
        "*": [],
    }.items():
        assert await emails(client, admin, q=q) == found, q
    assert len(await emails(client, admin, q="")) == 10


@pytest.mark.every_database
async def test_the_list_is_filtered_by_role_and_activity(
    client: httpx.AsyncClient, ada: Account, moderator: Account, admin: Account
) -> None:
    bob = await sign_up(client, "bob@example.com")
    await patch(client, admin, bob.id, is_active=False)

    assert await emails(client, admin, role="user") == [ada.email, bob.email]
    assert await emails(client, admin, role="admin") == [admin.email]
    assert await emails(client, admin, role="moderator") == [moderator.email]
    assert await emails(client, admin, is_active="false") == [bob.email]
    assert await emails(client, admin, is_active="true", role="user") == [ada.email]
    assert await emails(client, admin, is_active="true", role="user", q="b") == []


async def test_a_list_that_cannot_be_is_refused(client: httpx.AsyncClient, admin: Account) -> None:
    for query, name in (
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1e1", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("cursor=", "cursor"),
        ("cursor=1", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=%ED%A0%80", "cursor"),
        ("cursor=" + "A" * 65, "cursor"),
        ("cursor=YWZ0ZXI6LTE", "cursor"),
        ("cursor=YWZ0ZXI6MDE", "cursor"),
        ("cursor=YWZ0ZXI6MQ%3D%3D", "cursor"),
        ("cursor=YWZ0ZXI6OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "cursor"),
        ("q=a%00b", "q"),
        ("q=a%0Ab", "q"),
        ("q=%1B", "q"),
        ("q=%E2%80%AE", "q"),
        ("q=" + "x" * 201, "q"),
        ("role=root", "role"),
        ("role=", "role"),
        ("is_active=perhaps", "is_active"),
        ("is_active=", "is_active"),
    ):
        answer = await client.get(f"/users?{query}", headers=admin.headers)
        assert refused_fields(answer) == [["query", name]], query


async def walk(client: httpx.AsyncClient, caller: Account, first: str) -> list[list[str]]:
    """The addresses on each page, as following the links shows them."""
    pages, next_page = [], first
    while next_page:
        answer = await client.get(next_page, headers=caller.headers)
        assert answer.status_code == 200, answer.text
        pages.append([user["email"] for user in answer.json()])
        next_page = answer.links["next"]["url"] if answer.links else ""
    return pages


async def test_following_the_links_visits_everybody_once(
    client: httpx.AsyncClient, admin: Account
) -> None:
    people = [(await register(client, f"u{n}@example.com"))["email"] for n in range(5)]

    assert await walk(client, admin, "/users?limit=2&q=u&role=user&is_active=true") == [
        people[:2],
        people[2:4],
        people[4:],
    ]
    assert await walk(client, admin, "/api/v1/users?limit=6") == [[admin.email, *people]]


async def test_the_links_skip_and_repeat_nobody_while_people_come_and_go(
    client: httpx.AsyncClient, admin: Account
) -> None:
    people = [await register(client, f"u{n}@example.com") for n in range(6)]
    first = await client.get("/users?limit=3&role=user", headers=admin.headers)
    for gone in (people[0], people[2], people[4]):
        await client.delete(f"/users/{gone['id']}", headers=admin.headers)
    late = await register(client, "late@example.com")

    rest = await walk(client, admin, first.links["next"]["url"])

    assert [user["id"] for user in first.json()] == [user["id"] for user in people[:3]]
    assert rest == [[people[3]["email"], people[5]["email"], late["email"]]]


async def test_a_link_names_no_host(client: httpx.AsyncClient, admin: Account) -> None:
    await register(client)

    answer = await client.get(
        "/users?limit=1", headers={**admin.headers, "host": "evil.example.net"}
    )

    assert answer.headers["link"].startswith("</users?limit=1&cursor=")
    assert "evil" not in answer.headers["link"]


# A user whom an admin makes.


async def test_an_admin_makes_a_user_once(
    service: Service, client: httpx.AsyncClient, admin: Account
) -> None:
    body = {
        "email": "Bob@Example.com",
        "password": PASSWORD,
        "full_name": "Bob",
        "username": "Bob",
        "role": "moderator",
    }
    headers = admin.headers | {"Idempotency-Key": "once"}
    for path in ("/api/v1/users", "/users"):
        answers = [await client.post(path, json=body, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201], answers[0].text
        assert answers[0].content == answers[1].content
        user = answers[0].json()
        assert answers[0].headers["location"] == f"{path}/{user['id']}"
        assert user.items() >= {"full_name": "Bob", "role": "moderator", "is_active": True}.items()
        assert user["username"] == body["username"]
        body |= {"email": "bob2@example.com", "username": "bob2"}
        headers["Idempotency-Key"] = "twice"
    assert (await log_in(client, "bob@example.com"))["access_token"]
    made = await happened(service, "user.created")
    assert [(actor, details) for _, actor, details in made[1:]] == [
        (admin.id, {"role": "moderator"})
    ] * 2


async def test_a_user_without_a_password_cannot_log_in_by_one(
    client: httpx.AsyncClient, admin: Account
) -> None:
    for number, fields in enumerate(({}, {"password": None, "username": None})):
        email = f"b{number}@example.com"
        answer = await client.post("/users", json={"email": email, **fields}, headers=admin.headers)
        assert (answer.status_code, answer.json()["role"]) == (201, "user")
        for password in ("", PASSWORD, "None", "null"):
            body = {"email": email, "password": password}
            refused = await client.post("/auth/login", json=body)
            assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")


async def test_nobody_but_an_admin_makes_users(
    service: Service, client: httpx.AsyncClient, ada: Account, moderator: Account
) -> None:
    body = {"email": "bob@example.com", "password": PASSWORD}
    for caller in (ada, moderator):
        answer = await client.post("/users", json=body, headers=caller.headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    client.cookies.clear()
    assert (await client.post("/users", json=body)).status_code == 401
    assert await count(service, User.id) == 2
    assert len(await happened(service, "permission.denied")) == 2


async def test_a_user_that_cannot_be_made_is_refused(
    service: Service, client: httpx.AsyncClient, admin: Account
) -> None:
    await register(client, "ada@example.com", username="ada")
    for body, status, code in (
        ({"email": "ADA@example.com"}, 409, "email_taken"),
        ({"email": "b@example.com", "username": "ADA"}, 409, "username_taken"),
        ({"email": "b@example.com", "password": "password"}, 422, "weak_password"),
        ({"email": "b@example.com", "password": "b@example.com"}, 422, "weak_password"),
        ({"email": "b@example.com", "password": ""}, 422, "weak_password"),
        ({"email": "b"}, 422, "validation_error"),
        ({"email": "b@example.com", "role": "root"}, 422, "validation_error"),
        ({"email": "b@example.com", "role": None}, 422, "validation_error"),
        ({"email": "b@example.com", "is_admin": True}, 422, "validation_error"),
        ({}, 422, "validation_error"),
    ):
        answer = await client.post("/users", json=body, headers=admin.headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code), body
    assert await count(service, User.id) == 2


# One user.


async def test_one_user_is_seen_by_themselves_moderators_and_admins(
    client: httpx.AsyncClient, ada: Account, moderator: Account, admin: Account
) -> None:
    me = await read_me(client, ada)

    for caller in (ada, moderator, admin):
        answer = await client.get(f"/users/{ada.id}", headers=caller.headers)
        assert (answer.status_code, answer.json()) == (200, me)


async def test_whether_there_is_somebody_else_is_not_told(
    client: httpx.AsyncClient, ada: Account, admin: Account
) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        there, nobody = [
            await client.request(
                method, f"/users/{user_id}", headers=ada.headers, json={"full_name": "x"}
            )
            for user_id in (admin.id, admin.id + 1000)
        ]
        assert (there.status_code, there.json()["code"]) == (403, "permission_denied")
        assert there.json() | {"request_id": ""} == nobody.json() | {"request_id": ""}


async def test_who_is_not_there_is_not_found(client: httpx.AsyncClient, admin: Account) -> None:
    for method, body in (
        ("GET", None),
        ("DELETE", None),
        ("PATCH", {}),
        ("PATCH", {"full_name": "x"}),
        ("PATCH", {"role": "user"}),
        ("PATCH", {"role": "admin"}),
        ("PATCH", {"is_active": False}),
        ("PATCH", {"is_active": True}),
    ):
        for user_id in (admin.id + 1000, 2**63 - 1):
            answer = await client.request(
                method, f"/users/{user_id}", headers=admin.headers, json=body
            )
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), body


async def test_an_id_that_cannot_be_is_refused(client: httpx.AsyncClient, admin: Account) -> None:
    for user_id in ("0", "-1", str(2**63), "9" * 400, "x", "1.5", "%00", "%F0", "1%20OR%201=1"):
        for method in ("GET", "PATCH", "DELETE"):
            answer = await client.request(
                method, f"/users/{user_id}", headers=admin.headers, json={}
            )
            assert refused_fields(answer) == [["path", "user_id"]]


# What admins do.


async def test_an_admin_changes_anybody(
    service: Service, client: httpx.AsyncClient, ada: Account, admin: Account
) -> None:
    answer = await patch(
        client,
        admin,
        ada.id,
        full_name="Countess",
        username="countess",
        email="countess@example.com",
        role="moderator",
    )

    assert answer.status_code == 200
    assert answer.json() == await read_me(client, ada)
    assert answer.json()["role"] == "moderator"
    assert answer.json()["email"] == "countess@example.com"
    assert await happened(service, "user.updated") == [
        (ada.id, admin.id, {"fields": ["email", "full_name", "username"]})
    ]
    assert (ada.id, admin.id, {"from": "user", "to": "moderator"}) in await happened(
        service, "user.role_changed"
    )


async def test_a_user_changes_their_own_names_by_id(
    client: httpx.AsyncClient, ada: Account
) -> None:
    answer = await patch(client, ada, ada.id, full_name="Countess")

    assert (answer.status_code, answer.json()["full_name"]) == (200, "Countess")
    for changes in ({"email": "new@example.com"}, {"role": "user"}, {"is_active": True}):
        refused = await patch(client, ada, ada.id, full_name="Smuggler", **changes)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert (await read_me(client, ada))["full_name"] == "Countess"


async def test_a_moderator_changes_nobody_else(
    client: httpx.AsyncClient, ada: Account, moderator: Account
) -> None:
    for changes in ({"full_name": "x"}, {"role": "moderator"}, {"is_active": False}, {}):
        assert (await patch(client, moderator, ada.id, **changes)).status_code == 403
    assert (await patch(client, moderator, moderator.id, role="admin")).status_code == 403
    deleted = await client.delete(f"/users/{ada.id}", headers=moderator.headers)
    assert deleted.status_code == 403
    assert (await read_me(client, ada))["full_name"] == "Ada"


async def test_what_is_no_change_is_refused(
    client: httpx.AsyncClient, ada: Account, admin: Account
) -> None:
    before = await read_me(client, ada)
    for name, value in (
        ("role", "root"),
        ("role", "ADMIN"),
        ("role", None),
        ("role", ["admin"]),
        ("is_active", None),
        ("is_active", "false"),
        ("is_active", 0),
        ("is_active", "no"),
        ("email", None),
        ("email", "nonsense"),
        ("username", "x"),
        ("password", NEW_PASSWORD),
        ("email_verified", True),
        ("id", 7),
    ):
        answer = await patch(client, admin, ada.id, **{name: value})
        assert refused_fields(answer) == [["body", name]], (name, value)
    assert await read_me(client, ada) == before


async def test_a_change_that_fails_in_part_changes_nothing(
    client: httpx.AsyncClient, ada: Account, admin: Account
) -> None:
    before = await read_me(client, ada)

    answer = await patch(client, admin, ada.id, role="admin", email=admin.email)

    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")
    assert await read_me(client, ada) == before


async def test_a_role_counts_from_the_next_request_of_an_old_token(
    client: httpx.AsyncClient, ada: Account, admin: Account
) -> None:
    for role, status in (("moderator", 200), ("user", 403), ("admin", 200), ("user", 403)):
        assert (await patch(client, admin, ada.id, role=role)).json()["role"] == role
        assert (await client.get("/users", headers=ada.headers)).status_code == status
        refreshed = await log_in(client)
        answer = await client.get("/users", headers=bearer(refreshed["access_token"]))
        assert answer.status_code == status


async def test_a_disabled_user_is_out_at_once(
    service: Service, client: httpx.AsyncClient, ada: Account, admin: Account
) -> None:
    answer = await patch(client, admin, ada.id, is_active=False)

    assert (answer.status_code, answer.json()["is_active"]) == (200, False)
    assert await status_of(client, ada.access_token) == 401
    refresh = await client.post("/auth/refresh", json={"refresh_token": ada.refresh_token})
    login = await client.post("/auth/login", json={"email": ada.email, "password": PASSWORD})
    code = await client.post("/users/code", json={"email": ada.email, "password": PASSWORD})
    assert (refresh.status_code, login.status_code, code.status_code) == (401, 401, 401)
    assert await happened(service, "user.disabled") == [(ada.id, admin.id, {})]

    assert (await patch(client, admin, ada.id, is_active=True)).json()["is_active"] is True
    assert await status_of(client, ada.access_token) == 401
    assert (await log_in(client))["access_token"]
    assert await happened(service, "user.enabled") == [(ada.id, admin.id, {})]


async def test_a_deleted_user_is_gone_with_all_that_is_theirs(
    service: Service, client: httpx.AsyncClient, ada: Account, admin: Account
) -> None:
    await client.post("/items/", json={"title": "Mine"}, headers=ada.headers)
    assert (await count(service, Session.id), await count(service, Item.id)) == (2, 1)

    answer = await client.delete(f"/users/{ada.id}", headers=admin.headers)

    assert (answer.status_code, answer.content) == (204, b"")
    assert await status_of(client, ada.access_token) == 401
    refresh = await client.post("/auth/refresh", json={"refresh_token": ada.refresh_token})
    login = await client.post("/auth/login", json={"email": ada.email, "password": PASSWORD})
    assert (refresh.status_code, login.status_code) == (401, 401)
    assert (await count(service, Session.id), await count(service, Item.id)) == (1, 0)
    assert await happened(service, "user.deleted") == [(ada.id, admin.id, {})]
    again = await client.delete(f"/users/{ada.id}", headers=admin.headers)
    assert again.status_code == 404


async def test_a_deleted_users_id_address_and_name_are_not_their_tokens(
    client: httpx.AsyncClient, ada: Account, admin: Account
) -> None:
    await client.delete(f"/users/{ada.id}", headers=admin.headers)

    heir = await register(client, ada.email, username="ada")

    assert heir["id"] > admin.id
    assert await status_of(client, ada.access_token) == 401


# The last admin.

LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
    "demoted": ("PATCH", {"json": {"role": "user"}}),
    "disabled": ("PATCH", {"json": {"is_active": False}}),
    "deleted": ("DELETE", {}),
}


async def lose(
    client: httpx.AsyncClient, caller: Account, user_id: int, loss: str
) -> httpx.Response:
    method, body = LOSSES[loss]
    return await client.request(method, f"/users/{user_id}", headers=caller.headers, **body)


async def active_admins(service: Service) -> list[int]:
    async with service.work() as work:
        query = select(User.id).where(User.role == "admin", User.is_active).order_by(User.id)
        return list(await work.db.scalars(query))


@pytest.mark.parametrize("loss", LOSSES)
async def test_the_last_active_admin_stays(
    service: Service, client: httpx.AsyncClient, admin: Account, loss: str
) -> None:
    disabled = await sign_up_as(service, client, "admin", "disabled@example.com")
    assert (await lose(client, admin, disabled.id, "disabled")).status_code == 200

    answer = await lose(client, admin, admin.id, loss)

    assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    assert await active_admins(service) == [admin.id]
    assert await status_of(client, admin.access_token) == 200
    kept = await patch(client, admin, admin.id, role="admin", is_active=True, full_name="Boss")
    assert kept.status_code == 200


async def test_the_last_admin_cannot_leave_by_the_short_path(
    client: httpx.AsyncClient, admin: Account
) -> None:
    answer = await client.delete("/delete", headers=admin.headers)

    assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("loss", LOSSES)
async def test_an_admin_who_is_not_the_last_may_go(
    service: Service, client: httpx.AsyncClient, admin: Account, loss: str
) -> None:
    other = await sign_up_as(service, client, "admin", "other@example.com")

    assert (await lose(client, other, admin.id, loss)).is_success
    assert await active_admins(service) == [other.id]


@pytest.mark.every_database
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("themselves", [False, True])
async def test_of_two_admins_who_go_at_once_one_stays(
    service: Service, client: httpx.AsyncClient, loss: str, themselves: bool
) -> None:
    for round_ in range(4):
        pair = [
            await sign_up_as(service, client, "admin", f"a{round_}-{n}@example.com")
            for n in range(2)
        ]
        targets = pair if themselves else pair[::-1]
        answers = await asyncio.gather(
            *(lose(client, a, b.id, loss) for a, b in zip(pair, targets, strict=True))
        )
        assert len(await active_admins(service)) == 1
        outcomes = Counter(answer.is_success for answer in answers)
        assert outcomes == {True: 1, False: 1}
        # Who lost their role or session first is refused for that, and the last one for being it.
        assert {answer.status_code for answer in answers if answer.is_error} <= {401, 403, 409}
        async with service.work() as work:
            for user in await work.db.scalars(select(User)):
                await work.db.delete(user)


@pytest.mark.every_database
async def test_changes_of_one_user_at_once_all_hold(
    service: Service, client: httpx.AsyncClient, ada: Account, admin: Account
) -> None:
    """Locks taken in different orders would wait for each other."""
    other = await sign_up_as(service, client, "admin", "other@example.com")
    changes: list[dict[str, Any]] = [
        {"role": "admin", "is_active": True},
        {"is_active": False, "role": "admin"},
        {"role": "user", "full_name": "x"},
        {"is_active": True},
    ]

    for _ in range(3):
        answers = await asyncio.gather(
            *(
                patch(client, caller, ada.id, **each)
                for each in changes
                for caller in (admin, other)
            )
        )
        assert {answer.status_code for answer in answers} == {200}


@pytest.mark.every_database
async def test_a_search_lists_by_what_begins_so_and_everybody_once(
    client: httpx.AsyncClient, admin: Account
) -> None:
    for email, username in (
        ("zoe@example.com", "sam"),
        ("sam2@example.com", None),
        ("sam1@example.com", "sam1"),
        ("sa@example.com", "zed"),
        ("other@example.com", "sammy"),
        ("nobody@example.com", "nosam"),
    ):
        await register(client, email, **({"username": username} if username else {}))
    found = ["zoe@example.com", "sam1@example.com", "sam2@example.com", "other@example.com"]
    assert await walk(client, admin, "/users?q=sam") == [found]
    assert await walk(client, admin, "/users?q=SAM&limit=1") == [[email] for email in found]
    assert await walk(client, admin, "/users?q=sam&limit=3&role=user") == [found[:3], found[3:]]
    assert await walk(client, admin, "/users?q=sam&role=moderator") == [[]]
    assert await walk(client, admin, "/users?q=sam1%40") == [["sam1@example.com"]]


@pytest.mark.every_database
async def test_a_search_goes_on_behind_what_was_shown_and_never_beside_it(
    client: httpx.AsyncClient, admin: Account
) -> None:
    for name in ("ada", "bob", "bea", "cid"):
        await register(client, f"{name}@example.com")
    first = await client.get("/users?q=a&limit=1", headers=admin.headers)
    cursor = parse_qs(urlsplit(first.links["next"]["url"]).query)["cursor"][0]
    # Of another search: it begins there anew, or ends.
    assert await walk(client, admin, f"/users?q=b&cursor={cursor}") == [
        ["bea@example.com", "bob@example.com"]
    ]
    later = await client.get("/users?q=b&limit=1", headers=admin.headers)
    cursor = parse_qs(urlsplit(later.links["next"]["url"]).query)["cursor"][0]
    assert await walk(client, admin, f"/users?q=a&cursor={cursor}") == [[]]


@pytest.mark.every_database
async def test_the_cursor_of_a_list_is_none_of_a_search(
    client: httpx.AsyncClient, admin: Account
) -> None:
    for n in range(3):
        await register(client, f"u{n}@example.com")
    cursors = []
    for query in ("limit=1", "limit=1&q=u"):
        page = await client.get(f"/users?{query}", headers=admin.headers)
        cursors.append(parse_qs(urlsplit(page.links["next"]["url"]).query)["cursor"][0])
    for query in (f"q=u&cursor={cursors[0]}", f"cursor={cursors[1]}", "q=u&cursor=ZnJvbTo"):
        answer = await client.get(f"/users?{query}", headers=admin.headers)
        assert refused_fields(answer) == [["query", "cursor"]], query
