"""Logging in over HTTP: as whom, with what, how the tokens travel, and what a refusal tells."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from gatepost.features.accounts import passwords
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.models import User
from gatepost.work import Work
from tests.api.conftest import MakeService
from tests.support.connections import break_every_connection
from tests.support.hashing import held_up, until
from tests.support.service import PASSWORD, Service, bearer, events_of, log_in, register
from tests.support.tokens import claims_of

pytestmark = pytest.mark.anyio

FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}
EMAIL = "ada@example.com"
FORM = "application/x-www-form-urlencoded"
PATHS = ["/api/v1/auth/login", "/auth/login", "/login", "/users/code"]


@pytest.fixture
async def patient(make_service: MakeService) -> AsyncIterator[Service]:
    """A service that locks nobody out so soon."""
    async with make_service(
        lockout_failures_per_address=100, lockout_failures_per_account=100
    ) as service:
        yield service


async def login(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/auth/login", json=body)


async def send(
    client: httpx.AsyncClient, content: bytes, media: str = "application/json"
) -> httpx.Response:
    return await client.post("/auth/login", content=content, headers={"content-type": media})


def is_wrong(answer: httpx.Response) -> bool:
    assert answer.status_code == 401, answer.text
    return bool(answer.json()["code"] == "invalid_credentials")


async def stored_hash(service: Service) -> str:
    async with service.work() as work:
        return await work.db.scalar(select(User.password_hash)) or ""


async def events(service: Service) -> list[tuple[str, str, int | None]]:
    return [(each.event, each.outcome, each.user_id) for each in await events_of(service)]


# As whom.


@pytest.mark.parametrize("path", PATHS[:3])
async def test_json_names_the_account_by_address_or_username(
    client: httpx.AsyncClient, path: str
) -> None:
    user = await register(client, EMAIL, username="Ada")

    for name in (
        {"email": EMAIL},
        {"email": " ADA@Example.COM "},
        {"username": "ada"},
        {"username": EMAIL},
    ):
        answer = await client.post(path, json={**name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        assert tokens.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
        assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 900)
        me = await client.get("/users/me", headers=bearer(tokens["access_token"]))
        assert me.json() == user


@pytest.mark.parametrize("path", PATHS)
async def test_the_password_form_names_the_account_by_address_or_username(
    client: httpx.AsyncClient, path: str
) -> None:
    await register(client, EMAIL, username="Ada")

    for name in (EMAIL, "ada", "ADA"):
        answer = await client.post(path, data={"username": name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text


async def test_what_swagger_ui_adds_to_the_form_is_taken(client: httpx.AsyncClient) -> None:
    await register(client, EMAIL)

    answer = await client.post(
        "/auth/login",
        data={
            "grant_type": "password",
            "username": EMAIL,
            "password": PASSWORD,
            "scope": "",
            "client_id": "string",
            "client_secret": "",
        },
    )

    assert answer.status_code == 200, answer.text


async def test_the_documentations_login_sets_no_cookies(client: httpx.AsyncClient) -> None:
    await register(client, EMAIL)
    form = {"grant_type": "password", "username": EMAIL, "password": PASSWORD, "scope": ""}
    for path in ("/api/v1/auth/login", "/auth/login", "/login"):
        answer = await client.post(path, data=form)
        assert answer.status_code == 200
        assert answer.json().keys() >= {"access_token", "refresh_token"}
        assert "set-cookie" not in answer.headers
    asked = await client.post("/auth/login", data=form | {"transport": "cookie"})
    assert {"access_token", "refresh_token"} <= client.cookies.keys()
    assert asked.json() == {"token_type": "cookie", "expires_in": 900}


async def test_a_form_ignores_parameters_that_it_does_not_know(client: httpx.AsyncClient) -> None:
    await register(client, EMAIL)
    form: dict[str, str | list[str]] = {
        "grant_type": "password",
        "username": EMAIL,
        "password": PASSWORD,
        "audience": "https://api.example",
        "resource": ["https://api.example", "https://files.example"],
        "client_assertion": "a.b.c",
        "client_assertion_type": "urn:x",
        "role": "admin",
        "email": "",
        "transport": "",
    }
    for path in PATHS:
        assert (await client.post(path, data=form)).status_code == 200, path
        twice = await client.post(path, content=b"x=1&x=1&username=a&password=b", headers=FORM_TYPE)
        assert (twice.status_code, twice.json()["errors"][0]["type"]) == (422, "form_repeated")
        body = {"username": EMAIL, "password": PASSWORD, "audience": "x"}
        assert (await client.post(path, json=body)).status_code == 422, path


async def test_a_username_that_is_anothers_address_would_not_be_one(
    client: httpx.AsyncClient,
) -> None:
    await register(client, EMAIL)

    answer = await client.post(
        "/auth/register",
        json={"email": "eve@example.com", "password": PASSWORD, "username": EMAIL},
    )

    assert answer.status_code == 422


@pytest.mark.parametrize("path", PATHS)
async def test_credentials_are_one_name_and_one_password(
    client: httpx.AsyncClient, path: str
) -> None:
    await register(client, EMAIL, username="ada")
    bodies: list[dict[str, Any]] = [
        {},
        {"password": PASSWORD},
        {"email": EMAIL},
        {"email": EMAIL, "username": "ada", "password": PASSWORD},
        {"email": None, "username": None, "password": PASSWORD},
        {"email": "", "password": PASSWORD},
        {"email": EMAIL, "password": None},
        {"email": [EMAIL], "password": PASSWORD},
        {"email": {"$ne": ""}, "password": {"$ne": ""}},
        {"email": EMAIL, "password": 7},
        {"email": True, "password": PASSWORD},
        {"email": EMAIL, "password": PASSWORD, "role": "admin"},
        {"email": EMAIL, "password": PASSWORD, "remember": "yes"},
        {"email": "x" * 321, "password": PASSWORD},
        {"email": EMAIL, "password": "x" * 4097},
    ]
    for body in bodies:
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_error"), body
        assert all(error["loc"][0] == "body" for error in answer.json()["errors"])
        assert PASSWORD not in answer.text


async def test_a_null_beside_the_name_is_no_second_name(client: httpx.AsyncClient) -> None:
    await register(client, EMAIL)

    assert (await login(client, email=EMAIL, username=None, password=PASSWORD)).status_code == 200


# What a refusal tells: nothing.


WRONG_CREDENTIALS = (
    {"email": EMAIL, "password": "not the right one"},
    {"username": "ada", "password": "not the right one"},
    {"email": EMAIL, "password": "nul \0 byte"},
    {"email": EMAIL, "password": ""},
    {"email": EMAIL, "password": "\U0001f600" * 2000},
    {"email": EMAIL, "password": "p" + "\u0301" * 2000},
    {"email": "nobody@example.com", "password": PASSWORD},
    {"username": "nobody", "password": PASSWORD},
    {"username": "' OR 1=1; --", "password": PASSWORD},
    {"email": "no address at all", "password": PASSWORD},
    {"username": "\U0001f600" * 320, "password": PASSWORD},
    {"email": "disabled@example.com", "password": PASSWORD},
    {"email": "disabled@example.com", "password": "not the right one"},
)


def told_by(answer: httpx.Response) -> tuple[object, ...]:
    """All of an answer but what differs from one request to the next."""
    body = answer.content.replace(answer.json()["request_id"].encode(), b"")
    counted = ("x-request-id", "ratelimit", "x-ratelimit")
    return body, *sorted(h for h in answer.headers.items() if not h[0].startswith(counted))


@pytest.mark.parametrize("path", PATHS)
async def test_unknown_wrong_and_disabled_are_one_answer_after_one_hash(
    patient: Service, path: str
) -> None:
    async with patient.open_client() as client:
        await register(client, EMAIL, username="ada")
        disabled = await register(client, "disabled@example.com")
        async with patient.work() as work:
            await accounts.disable(work, disabled["id"])
        seen = set()
        for body in WRONG_CREDENTIALS:
            begun = patient.runtime.hash_pool.begun
            answer = await client.post(path, json=body)
            assert is_wrong(answer), body
            assert patient.runtime.hash_pool.begun == begun + 1, body
            assert "set-cookie" not in answer.headers
            seen.add(told_by(answer))
        assert len(seen) == 1


async def test_logins_are_remembered_whether_they_succeed_or_not(
    service: Service, client: httpx.AsyncClient
) -> None:
    user = await register(client, EMAIL)
    await login(client, email=EMAIL, password="not the right one")
    await login(client, email="nobody@example.com", password=PASSWORD)
    await login(client, email=EMAIL, password=PASSWORD)

    assert (await events(service))[1:] == [
        ("login.failed", "failure", user["id"]),
        ("login.failed", "failure", None),
        ("session.started", "success", user["id"]),
        ("login.succeeded", "success", user["id"]),
    ]


# The password, exactly as typed.


async def test_a_password_that_differs_at_all_is_wrong(patient: Service) -> None:
    async with patient.open_client() as client:
        await register(client, EMAIL, password="Pass word... X")

        for typed in (
            "Pass word...",
            "Pass word... ",
            " Pass word... X",
            "Pass word... X ",
            "Pass  word... X",
            "pass word... x",
            "PASS WORD... X",
            "\uff30ass word... X",
            "Pass word... X\0",
        ):
            assert is_wrong(await login(client, email=EMAIL, password=typed)), typed


async def test_outer_spaces_belong_to_the_password(client: httpx.AsyncClient) -> None:
    await register(client, EMAIL, password="  spaces around  ")

    assert is_wrong(await login(client, email=EMAIL, password="spaces around"))
    for path in PATHS:
        form = await client.post(path, data={"username": EMAIL, "password": "  spaces around  "})
        assert form.status_code == 200


@pytest.mark.parametrize("registered", ["caf\u00e9 au lait", "cafe\u0301 au lait"])
async def test_both_normal_forms_are_one_password(
    client: httpx.AsyncClient, registered: str
) -> None:
    await register(client, EMAIL, password=registered)

    for typed in ("caf\u00e9 au lait", "cafe\u0301 au lait"):
        assert (await login(client, email=EMAIL, password=typed)).status_code == 200
        form = await client.post("/auth/login", data={"username": EMAIL, "password": typed})
        assert form.status_code == 200


async def test_a_long_password_is_compared_to_its_end(client: httpx.AsyncClient) -> None:
    password = "0123456789abcdef" * 16
    await register(client, EMAIL, password=password)

    assert is_wrong(await login(client, email=EMAIL, password=password[:-1]))
    assert is_wrong(await login(client, email=EMAIL, password=password[:72]))
    assert is_wrong(await login(client, email=EMAIL, password=password + "0"))
    assert (await login(client, email=EMAIL, password=password)).status_code == 200


# Bodies that break things.


NO_JSON_LOGINS = [
    b"",
    b"null",
    b"true",
    b"7",
    b"[]",
    b'"ada"',
    b"{",
    b'{"email": "ada@example.com", "password": "x"} trailing',
    b"{'email': 'ada@example.com'}",
    b'{"email": NaN, "password": Infinity}',
    b'{"email": ' + b"9" * 5000 + b', "password": "x"}',
    b'{"email": 1e999, "password": "x"}',
    b'{"email": "\\ud800@example.com", "password": "x"}',
    b'{"email": "ada@example.com", "password": "\\udc00"}',
    b'{"\\ud800": 1}',
    b'{"email": "\xed\xa0\x80", "password": "x"}',
    b'{"email": "\xff", "password": "x"}',
    b'\xef\xbb\xbf{"email": "ada@example.com", "password": "x"}',
    '{"email": "ada@example.com", "password": "x"}'.encode("utf-16"),
    b"[" * 8000,
    b"[" * 4000 + b"]" * 4000,
    b'{"email":' * 900,
]


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_is_no_login_is_refused(client: httpx.AsyncClient, path: str) -> None:
    for body in NO_JSON_LOGINS:
        answer = await client.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in {400, 422}, body[:40]
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "form",
    [
        "",
        "username=ada%40example.com",
        "password=correct+horse+battery+staple",
        "username=eve&username=ada%40example.com&password=correct+horse+battery+staple",
        "username=ada%40example.com&password=x&password=correct+horse+battery+staple",
        "username=ada%40example.com&email=ada%40example.com&password=correct+horse+battery+staple",
        "username=ada%40example.com&password=",
        "grant_type=password&audience=a&audience=b&username=ada%40example.com&password=battery",
        "grant_type=client_credentials&username=ada%40example.com&password=correct+horse",
        "username=ada%40example.com&password=%ff",
        "username=ada%40example.com&password=%ed%a0%80",
        "username=%c0%af&password=x",
        "%ff=1",
        "&".join(f"a{n}" for n in range(1000)),
        '{"email": "ada@example.com", "password": "correct horse battery staple"}',
    ],
    ids=lambda form: form[:40],
)
async def test_a_form_that_is_no_login_is_refused(client: httpx.AsyncClient, form: str) -> None:
    await register(client, EMAIL)

    answer = await send(client, form.encode(), FORM)

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert "battery" not in answer.text


async def test_bytes_that_are_no_text_are_never_a_password(client: httpx.AsyncClient) -> None:
    """Were they replaced, any such bytes would do in the place of any others."""
    await register(client, EMAIL, password="\ufffd\ufffd very odd")

    assert (
        await send(client, b"username=ada%40example.com&password=%fe%ff+very+odd", FORM)
    ).is_error
    assert (await login(client, email=EMAIL, password="\ufffd\ufffd very odd")).status_code == 200


@pytest.mark.parametrize(
    "media",
    [
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "",
        "application/json; charset=utf-16",
    ],
)
async def test_a_login_is_json_or_a_form(client: httpx.AsyncClient, media: str) -> None:
    body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()

    answer = await send(client, body, media)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


# How the tokens travel.


def cookies_of(answer: httpx.Response) -> set[str]:
    return {header.split("=")[0] for header in answer.headers.get_list("set-cookie")}


@pytest.mark.parametrize(
    ("offered", "asked", "in_body", "in_cookies"),
    [
        ("bearer,cookie", None, True, True),
        ("bearer,cookie", "bearer", True, False),
        ("bearer,cookie", "cookie", False, True),
        ("bearer", None, True, False),
        ("bearer", "bearer", True, False),
        ("cookie", None, False, True),
        ("cookie", "cookie", False, True),
    ],
)
async def test_tokens_travel_as_asked(
    make_service: MakeService, offered: str, asked: str | None, in_body: bool, in_cookies: bool
) -> None:
    async with (
        make_service(auth_transports=offered) as service,
        service.open_client() as client,
    ):
        await register(client, EMAIL)
        bodies: list[dict[str, Any]] = [
            {"json": {"email": EMAIL, "password": PASSWORD, "transport": asked}},
            {"data": {"username": EMAIL, "password": PASSWORD} | _field("transport", asked)},
        ]
        for body in bodies:
            answer = await client.post("/auth/login", **body)
            assert answer.status_code == 200, answer.text
            assert ({"access_token", "refresh_token"} <= answer.json().keys()) == in_body
            assert answer.json()["token_type"] == ("bearer" if in_body else "cookie")
            assert answer.json()["expires_in"] == 900
            expected = {"access_token", "refresh_token"} if in_cookies else set()
            assert cookies_of(answer) == expected
            assert in_body or "eyJ" not in answer.text


def _field(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}


@pytest.mark.parametrize(("offered", "asked"), [("bearer", "cookie"), ("cookie", "bearer")])
async def test_a_transport_that_is_not_offered_is_refused(
    make_service: MakeService, offered: str, asked: str
) -> None:
    async with (
        make_service(auth_transports=offered) as service,
        service.open_client() as client,
    ):
        await register(client, EMAIL)
        begun = service.runtime.hash_pool.begun
        answer = await login(client, email=EMAIL, password=PASSWORD, transport=asked)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["loc"] == ["body", "transport"]
        assert cookies_of(answer) == set()
        assert service.runtime.hash_pool.begun == begun


async def test_a_transport_that_there_is_not_is_refused(client: httpx.AsyncClient) -> None:
    for transport in ("pigeon", 7, ["cookie"]):
        answer = await login(client, email=EMAIL, password=PASSWORD, transport=transport)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["loc"] == ["body", "transport"]


async def test_each_transport_opens_only_its_own_door(make_service: MakeService) -> None:
    for offered, other in (("bearer", "cookie"), ("cookie", "bearer")):
        async with make_service() as both, both.open_client() as client:
            await register(client, EMAIL)
            token = (await log_in(client, EMAIL))["access_token"]
            headers = {
                "bearer": bearer(token),
                "cookie": {"cookie": f"access_token={token}"},
            }
            async with make_service(auth_transports=offered) as one, one.open_client() as guest:
                allowed = await guest.get("/users/me", headers=headers[offered])
                refused = await guest.get("/users/me", headers=headers[other])
            assert (allowed.status_code, refused.status_code) == (200, 401)


async def test_a_login_from_another_site_is_refused(client: httpx.AsyncClient) -> None:
    await register(client, EMAIL)

    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        for path in PATHS:
            answer = await client.post(
                path, data={"username": EMAIL, "password": PASSWORD}, headers=headers
            )
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf_rejected")
            assert cookies_of(answer) == set()


# Today's algorithm and cost.


@pytest.mark.parametrize(
    ("before", "today", "made", "remade"),
    [
        ({}, {"argon2_memory_kib": 16}, "$argon2id$v=19$m=8,", "$argon2id$v=19$m=16,"),
        ({}, {"argon2_time_cost": 2}, "$argon2id$v=19$m=8,t=1,", "$argon2id$v=19$m=8,t=2,"),
        ({}, {"password_hasher": "bcrypt", "bcrypt_cost": 4}, "$argon2id$", "$2b$04$"),
        ({"password_hasher": "bcrypt", "bcrypt_cost": 4}, {}, "$2b$04$", "$argon2id$"),
        (
            {"password_hasher": "bcrypt", "bcrypt_cost": 5},
            {"password_hasher": "bcrypt", "bcrypt_cost": 4},
            "$2b$05$",
            "$2b$04$",
        ),
    ],
)
async def test_a_login_brings_its_hash_up_to_date(
    make_service: MakeService,
    before: dict[str, Any],
    today: dict[str, Any],
    made: str,
    remade: str,
) -> None:
    async with make_service(**before) as old, old.open_client() as client:
        user = await register(client, EMAIL)
        assert (await stored_hash(old)).startswith(made)
        async with make_service(**today) as new, new.open_client() as guest:
            assert is_wrong(await login(guest, email=EMAIL, password="not the right one"))
            assert (await stored_hash(new)).startswith(made)
            token = (await log_in(guest, EMAIL))["access_token"]
            rehashed = await stored_hash(new)
            assert rehashed.startswith(remade)
            me = await guest.get("/users/me", headers=bearer(token))
            assert me.json() == user
            await log_in(guest, EMAIL)
            assert await stored_hash(new) == rehashed


async def test_a_password_that_bcrypt_cannot_hold_keeps_its_hash(
    make_service: MakeService,
) -> None:
    async with make_service() as old, old.open_client() as client:
        await register(client, EMAIL, password="0123456789" * 10)
        kept = await stored_hash(old)
        async with (
            make_service(password_hasher="bcrypt", bcrypt_cost=4) as new,
            new.open_client() as guest,
        ):
            assert (await log_in(guest, EMAIL, "0123456789" * 10))["access_token"]
            assert await stored_hash(new) == kept


@pytest.mark.every_database
async def test_logins_that_rehash_at_once_all_succeed(make_service: MakeService) -> None:
    async with make_service() as old, old.open_client() as client:
        await register(client, EMAIL)
        async with (
            make_service(argon2_memory_kib=16) as new,
            new.open_client() as guest,
        ):
            answers = await asyncio.gather(
                *(login(guest, email=EMAIL, password=PASSWORD) for _ in range(8))
            )
            assert {answer.status_code for answer in answers} == {200}


# While the password is hashed.


async def test_a_full_hash_queue_refuses_at_once_and_serves_the_others(
    make_service: MakeService,
) -> None:
    async with (
        make_service(hash_queue_limit=2, database_pool_size=1) as service,
        service.open_client() as client,
    ):
        await register(client, EMAIL)
        pool = service.runtime.hash_pool
        async with held_up(pool):
            waiting = [
                asyncio.create_task(login(client, email=EMAIL, password=PASSWORD)) for _ in range(2)
            ]
            await until(lambda: pool.depth == 2)
            for body in ({"email": EMAIL}, {"email": "nobody@example.com"}):
                busy = await login(client, **body, password=PASSWORD)
                assert (busy.status_code, busy.json()["code"]) == (503, "server_busy")
                assert int(busy.headers["retry-after"]) >= 1
            assert (await client.get("/health")).status_code == 200
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200, 200]


async def _disable(work: Work, user_id: int) -> None:
    await accounts.disable(work, user_id)


async def _delete(work: Work, user_id: int) -> None:
    await accounts.delete(work, user_id)


async def _change_password(work: Work, user_id: int) -> None:
    other = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$" + "A" * 43
    await accounts.store_new_password(work, user_id, other)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("change", [_disable, _delete, _change_password])
async def test_what_changes_while_a_login_is_hashed_counts(
    service: Service,
    client: httpx.AsyncClient,
    path: str,
    change: Callable[[Work, int], Awaitable[None]],
) -> None:
    user = await register(client, EMAIL)
    pool = service.runtime.hash_pool
    async with held_up(pool):
        attempt = asyncio.create_task(
            client.post(path, json={"email": EMAIL, "password": PASSWORD})
        )
        await until(lambda: pool.depth == 1)
        async with service.work() as work:
            await change(work, user["id"])

    answer = await attempt

    assert is_wrong(answer)
    assert "set-cookie" not in answer.headers
    assert ("login.failed", "failure", user["id"]) in await events(service)


async def test_a_role_that_changes_while_a_login_is_hashed_is_the_session_s(
    service: Service, client: httpx.AsyncClient
) -> None:
    user = await register(client, EMAIL)
    pool = service.runtime.hash_pool
    async with held_up(pool):
        attempt = asyncio.create_task(login(client, email=EMAIL, password=PASSWORD))
        await until(lambda: pool.depth == 1)
        await service.give_role(user["id"], "moderator")

    token = (await attempt).json()["access_token"]

    assert claims_of(token)["role"] == "moderator"
    assert (await client.get("/users", headers=bearer(token))).status_code == 200
    kept = [event for event, _, user_id in await events(service) if user_id == user["id"]]
    assert kept[-2:] == ["session.started", "login.succeeded"]


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("connections", [1, 10])
async def test_connections_that_break_while_a_login_is_hashed_cost_it_nothing(
    make_service: MakeService, connections: int
) -> None:
    async with (
        make_service(database_pool_size=connections) as service,
        service.open_client() as client,
    ):
        await register(client, EMAIL)
        pool = service.runtime.hash_pool
        async with held_up(pool):
            attempt = asyncio.create_task(login(client, email=EMAIL, password=PASSWORD))
            await until(lambda: pool.depth == 1)
            await break_every_connection(service)

        answer = await attempt

        assert answer.status_code == 200, answer.text
        devices = await client.get("/auth/sessions", headers=bearer(answer.json()["access_token"]))
        assert len(devices.json()) == 1


async def test_an_account_without_a_password_cannot_log_in_by_one(
    service: Service, client: httpx.AsyncClient
) -> None:
    await register(client, EMAIL)
    async with service.work() as work:
        await work.db.execute(update(User).values(password_hash=None))

    for password in ("", "None", PASSWORD):
        begun = service.runtime.hash_pool.begun
        assert is_wrong(await login(client, email=EMAIL, password=password))
        assert service.runtime.hash_pool.begun == begun + 1


async def test_a_password_that_was_reset_is_the_only_one(
    service: Service, client: httpx.AsyncClient
) -> None:
    user = await register(client, EMAIL)
    token = (await log_in(client, EMAIL))["access_token"]
    async with service.work() as work:
        await passwords.reset(work, user["id"], "another long enough one")

    assert is_wrong(await login(client, email=EMAIL, password=PASSWORD))
    assert (await log_in(client, EMAIL, "another long enough one"))["access_token"]
    assert (await client.get("/users/me", headers=bearer(token))).status_code == 401
