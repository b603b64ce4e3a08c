"""Making accounts over HTTP: what a user is, who is the same user, and which passwords will do."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from gatepost.features.accounts import passwords
from gatepost.features.accounts.models import User
from gatepost.features.audit.models import AuditEvent
from gatepost.features.callers.roles import Role
from tests.api.conftest import MakeService
from tests.support.hashing import held_up, until
from tests.support.hostile_text import HOSTILE_TEXTS
from tests.support.service import (
    PASSWORD,
    Account,
    Service,
    bearer,
    log_in,
    register,
    sign_up_as,
)

pytestmark = pytest.mark.anyio

FIELDS = {
    "id",
    "email",
    "username",
    "full_name",
    "role",
    "is_active",
    "email_verified",
    "created_at",
    "updated_at",
}


async def post(client: httpx.AsyncClient, path: str = "/auth/register", **body: Any) -> Any:
    return await client.post(path, json=body)


async def try_email(client: httpx.AsyncClient, email: object, **fields: Any) -> httpx.Response:
    body = {"email": email, "password": PASSWORD, **fields}
    return await client.post("/auth/register", json=body)


async def count_users(service: Service) -> int:
    async with service.work() as work:
        return await work.db.scalar(select(func.count(User.id))) or 0


def is_refusal_of(answer: httpx.Response, name: str) -> bool:
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "validation_error"
    return [error["loc"] for error in answer.json()["errors"]] == [["body", name]]


def weaknesses(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "weak_password"
    assert all(error["loc"] == ["body", "password"] for error in answer.json()["errors"])
    return [error["type"] for error in answer.json()["errors"]]


# What a user is.


async def test_a_new_account_is_an_active_user_of_the_lowest_role(
    client: httpx.AsyncClient,
) -> None:
    answer = await try_email(client, "ada@example.com")

    assert answer.status_code == 201
    user = answer.json()
    assert user.keys() == FIELDS
    assert isinstance(user["id"], int)
    assert user["created_at"] == user["updated_at"] == "2026-01-15T12:00:00.123456Z"
    assert user | {"id": 0, "created_at": "", "updated_at": ""} == {
        "id": 0,
        "email": "ada@example.com",
        "username": None,
        "full_name": None,
        "role": "user",
        "is_active": True,
        "email_verified": False,
        "created_at": "",
        "updated_at": "",
    }


async def test_an_account_may_have_a_name_and_a_username(client: httpx.AsyncClient) -> None:
    user = await register(client, full_name="  Ada <b>Lovelace</b> ", username="Ada.L")

    assert (user["full_name"], user["username"]) == ("Ada Lovelace", "Ada.L")


async def test_no_answer_holds_a_password_or_a_hash(
    service: Service, client: httpx.AsyncClient
) -> None:
    answer = await try_email(client, "ada@example.com")

    async with service.work() as work:
        hashed = await work.db.scalar(select(User.password_hash))
    assert hashed is not None
    assert hashed.startswith("$argon2id$")
    assert PASSWORD not in hashed
    assert hashed not in answer.text
    assert PASSWORD not in answer.text


async def test_two_accounts_with_one_password_have_different_hashes(
    service: Service, client: httpx.AsyncClient
) -> None:
    for email in ("ada@example.com", "bob@example.com"):
        await register(client, email)

    async with service.work() as work:
        hashes = (await work.db.scalars(select(User.password_hash))).all()
    assert len(set(hashes)) == 2


SMUGGLED = {
    "role": "admin",
    "is_active": True,
    "email_verified": True,
    "id": 1,
    "password_hash": "$argon2id$",
    "is_superuser": True,
    "created_at": "2020-01-01T00:00:00Z",
}


@pytest.mark.parametrize("path", ["/auth/register", "/api/v1/auth/register", "/register"])
async def test_a_field_that_is_not_the_callers_to_set_is_refused(
    service: Service, client: httpx.AsyncClient, path: str
) -> None:
    for name, value in SMUGGLED.items():
        body = {"email": "ada@example.com", "password": PASSWORD, name: value}
        assert is_refusal_of(await client.post(path, json=body), name)
    assert await count_users(service) == 0


async def test_a_new_account_is_remembered_in_the_audit_log(
    service: Service, client: httpx.AsyncClient
) -> None:
    user = await register(client)

    async with service.work() as work:
        event = await work.db.scalar(select(AuditEvent).where(AuditEvent.event == "user.created"))
    assert event is not None
    assert (event.user_id, event.outcome, event.address) == (user["id"], "success", "192.0.2.7")


# Who is who.


@pytest.mark.every_database
@pytest.mark.parametrize(
    "again",
    [
        "ada@example.com",
        "ADA@EXAMPLE.COM",
        " Ada@Example.Com ",
        "ada@EXAMPLE.com",
    ],
)
async def test_an_address_is_taken_in_any_case(client: httpx.AsyncClient, again: str) -> None:
    await register(client, "Ada@example.com")

    answer = await try_email(client, again)

    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


@pytest.mark.every_database
@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("andr\u00e9@example.com", "andre\u0301@example.com"),
        ("ANDRE\u0301@example.com", "andr\u00e9@example.com"),
        ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example"),
        ("ada@bu\u0308cher.example", "ada@B\u00dcCHER.example"),
        ("\u212aate@example.com", "kate@example.com"),
        ("\u01f0@example.com", "J\u030c@example.com"),
    ],
)
async def test_an_address_is_taken_in_any_normal_form(
    client: httpx.AsyncClient, first: str, again: str
) -> None:
    await register(client, first)

    answer = await try_email(client, again)

    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


async def test_addresses_that_a_database_may_call_equal_are_different_people(
    client: httpx.AsyncClient,
) -> None:
    different = (
        "mike@example.com",
        "m\u0131ke@example.com",
        "mik\u00e9@example.com",
        "m\u00efke@example.com",
        "stra\u00dfe@example.com",
        "strasse@example.com",
        "\u00e6@example.com",
        "ae@example.com",
        "\u03c3@example.com",
        "\u03c2@example.com",
        "\U0001d4b6da@example.com",
        "ada@example.com",
    )
    ids = [(await register(client, email))["id"] for email in different]

    assert len(set(ids)) == len(different)
    for email, user_id in zip(different, ids, strict=True):
        answer = await post(client, "/users/code", email=email, password=PASSWORD)
        assert (answer.status_code, answer.json().get("id")) == (200, user_id), email


async def test_an_address_is_kept_as_mail_is_to_be_sent_to_it(client: httpx.AsyncClient) -> None:
    user = await register(client, "  Ada.Lovelace+Gatepost@EXAMPLE.Com ")

    assert user["email"] == "Ada.Lovelace+Gatepost@example.com"


NO_ADDRESSES: list[object] = [
    "",
    "ada",
    "ada@",
    "@example.com",
    "ada@example",
    "ada@@example.com",
    "ada@example.com, bob@example.com",
    "Ada <ada@example.com>",
    "ada@exa mple.com",
    "ada@-example.com",
    "ada@example..com",
    ".ada@example.com",
    "ada@[127.0.0.1]",
    "ada\n@example.com",
    "ada@example.com\r\nBcc: eve@example.com",
    "a" * 65 + "@example.com",
    "ada@" + "a" * 250 + ".com",
    "ada\u202e@example.com",
    "ada\u200b@example.com",
    None,
    7,
    True,
    ["ada@example.com"],
    {"$ne": ""},
]


async def test_what_is_no_address_is_refused(client: httpx.AsyncClient) -> None:
    for email in NO_ADDRESSES:
        assert is_refusal_of(await try_email(client, email), "email"), email


@pytest.mark.parametrize("username", ["ada", "A-1", "0.o", "x" * 32, " ada "])
async def test_a_username_is_letters_digits_dots_hyphens_and_underscores(
    client: httpx.AsyncClient, username: str
) -> None:
    user = await register(client, username=username)

    assert user["username"] == username.strip()


NO_USERNAMES: list[object] = [
    "",
    "ab",
    "x" * 33,
    "_ada",
    "-ada",
    ".ada",
    "a da",
    "ada@example.com",
    "ad\u00e0",
    "ad\u0131",
    "\u0430da",
    "a\nda",
    "a/../b",
    "<b>ada</b>",
    7,
    False,
    ["ada"],
]


async def test_what_is_no_username_is_refused(client: httpx.AsyncClient) -> None:
    for username in NO_USERNAMES:
        answer = await try_email(client, "ada@example.com", username=username)
        assert is_refusal_of(answer, "username"), username


@pytest.mark.every_database
async def test_a_username_is_taken_in_any_case(client: httpx.AsyncClient) -> None:
    await register(client, "ada@example.com", username="Ada")

    answer = await try_email(client, "bob@example.com", username="aDA")

    assert (answer.status_code, answer.json()["code"]) == (409, "username_taken")


@pytest.mark.every_database
async def test_a_taken_address_is_told_before_a_taken_username(client: httpx.AsyncClient) -> None:
    await register(client, "ada@example.com", username="ada")

    answer = await try_email(client, "ada@example.com", username="ada")

    assert answer.json()["code"] == "email_taken"


async def test_many_accounts_may_have_no_username(client: httpx.AsyncClient) -> None:
    for n in range(3):
        assert (await try_email(client, f"u{n}@example.com")).status_code == 201


# Passwords.


WEAK_PASSWORDS = [
    ("Zq7!xw", ["password_too_short"]),
    ("x" * 7, ["password_too_short"]),
    ("Tr0ub4dor" * 29, ["password_too_long"]),
    ("password123", ["password_too_common"]),
    ("PassWord123", ["password_too_common"]),
    ("ada\t", ["password_too_short", "password_forbidden_character"]),
    ("augusta", ["password_too_short", "password_too_similar"]),
    ("ada.lovelace", ["password_too_similar"]),
    ("Ada.Lovelace1", ["password_too_similar"]),
    ("ada.lovelace@example.com", ["password_too_similar"]),
    ("countess1", ["password_too_similar"]),
    ("gatepost!", ["password_too_similar"]),
    ("nul\0in the middle", ["password_forbidden_character"]),
    ("a tab\tin the middle", ["password_forbidden_character"]),
]


async def test_a_weak_password_is_told_every_rule_that_it_breaks(
    client: httpx.AsyncClient,
) -> None:
    for password, rules in WEAK_PASSWORDS:
        answer = await post(
            client,
            email="ada.lovelace@example.com",
            username="countess",
            full_name="Augusta King",
            password=password,
        )
        assert weaknesses(answer) == rules, password
        assert password not in answer.text


async def test_required_kinds_of_characters_are_each_told(make_service: MakeService) -> None:
    async with (
        make_service(password_require="upper,lower,digit,special") as service,
        service.open_client() as client,
    ):
        answer = await post(
            client, email="ada@example.com", password="\u5929\u5730\u7384\u9ec4" * 3
        )
        assert weaknesses(answer) == [
            "password_missing_upper",
            "password_missing_lower",
            "password_missing_digit",
            "password_missing_special",
        ]
        assert (await post(client, email="ada@example.com", password="Zq7!xwPm")).status_code == 201


GOOD_PASSWORDS = [
    "8 letter",
    "\U0001f600\U0001f601\U0001f602\U0001f603\U0001f604\U0001f605\U0001f606\U0001f607",
    " leading and trailing ",
    "no classes at all but long",
    "7391846205173",
    "it may hold the word password",
    "x" * 5 + "yz" * 120,
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
    "' OR 1=1; -- {{7*7}} %s",
]


async def test_a_password_of_any_composition_will_do(client: httpx.AsyncClient) -> None:
    for n, password in enumerate(GOOD_PASSWORDS):
        await register(client, f"u{n}@example.com", password=password)
        assert (await log_in(client, f"u{n}@example.com", password))["access_token"]


async def test_what_is_no_password_is_refused(client: httpx.AsyncClient) -> None:
    for password in (None, 7, True, ["x" * 10], {"a": "b"}, "x" * 4097):
        answer = await client.post(
            "/auth/register", json={"email": "ada@example.com", "password": password}
        )
        assert is_refusal_of(answer, "password")
        assert "x" * 10 not in answer.text


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (r"half \ud83d of a pair", 422),
        (r"\udc00\ud800 the wrong way", 422),
        (r"nul \u0000 byte", 422),
        (r"a whole \ud83d\ude00 pair", 201),
    ],
)
async def test_a_password_is_text_that_can_be_encoded(
    client: httpx.AsyncClient, sent: str, status: int
) -> None:
    answer = await client.post(
        "/auth/register",
        content=f'{{"email": "ada@example.com", "password": "{sent}"}}',
        headers={"content-type": "application/json"},
    )

    assert answer.status_code == status, answer.text


async def test_bcrypt_takes_72_bytes_and_no_more(make_service: MakeService) -> None:
    async with (
        make_service(password_hasher="bcrypt", bcrypt_cost=4) as service,
        service.open_client() as client,
    ):
        longest = "\u00e9" * 35 + "xy"
        assert len(longest.encode()) == 72
        await register(client, password=longest)
        refused = await post(client, email="bob@example.com", password=longest + "z")
        assert weaknesses(refused) == ["password_too_many_bytes"]
        assert (await log_in(client, password=longest))["access_token"]
        wrong = await post(client, "/auth/login", email="ada@example.com", password=longest[:-1])
        assert wrong.status_code == 401


async def test_72_bytes_are_counted_in_form_c(make_service: MakeService) -> None:
    async with (
        make_service(password_hasher="bcrypt", bcrypt_cost=4) as service,
        service.open_client() as client,
    ):
        decomposed = "e\u0301" * 36
        await register(client, password=decomposed)
        assert (await log_in(client, password="\u00e9" * 36))["access_token"]


# Text and bodies that break things.


async def test_a_full_name_of_hostile_text_is_kept_or_refused(client: httpx.AsyncClient) -> None:
    for n, hostile in enumerate(HOSTILE_TEXTS):
        answer = await post_raw(
            client,
            f'"email": "u{n}@example.com"',
            f'"password": "{PASSWORD}"',
            hostile.as_json_member("full_name"),
        )
        if hostile.name.startswith("very long"):
            assert answer.status_code == 413, hostile.name  # a body with a password is a short one
        elif hostile.on_one_line is None:
            assert is_refusal_of(answer, "full_name"), hostile.name
        else:
            assert answer.status_code == 201, hostile.name
            assert answer.json()["full_name"] == hostile.on_one_line


@pytest.mark.every_database
@pytest.mark.parametrize("name", ["email", "username", "password"])
async def test_hostile_text_in_no_field_is_an_error_of_ours(
    client: httpx.AsyncClient, name: str
) -> None:
    for n, hostile in enumerate(HOSTILE_TEXTS):
        fields = {"email": f'"email": "u{n}@a.example"', "password": f'"password": "{PASSWORD}"'}
        fields[name] = hostile.as_json_member(name)
        answer = await post_raw(client, *fields.values())
        assert answer.status_code in {201, 413, 422}, hostile.name
        if answer.status_code == 422:
            assert {tuple(error["loc"]) for error in answer.json()["errors"]} == {("body", name)}


async def post_raw(client: httpx.AsyncClient, *members: str) -> httpx.Response:
    """Register with JSON that no encoder would make."""
    return await client.post(
        "/auth/register",
        content=f"{{{', '.join(members)}}}".encode(),
        headers={"content-type": "application/json"},
    )


NO_BODIES = [
    b"",
    b"null",
    b"[]",
    b'"ada"',
    b"{",
    b'{"users": null}',
    b'{"users": {"0": {}}}',
    b'{"email": NaN, "password": Infinity}',
    b'{"email": ' + b"9" * 5000 + b"}",
    b"\xff\xfe{}",
    b'{"email": "\xed\xa0\x80"}',
    b"[" * 8000,
    b'{"email":' * 900,
]


@pytest.mark.parametrize("path", ["/auth/register", "/auth/register/bulk"])
async def test_a_body_that_is_no_registration_is_refused(
    client: httpx.AsyncClient, path: str
) -> None:
    for body in NO_BODIES:
        answer = await client.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in {400, 422}, body[:24]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_form_is_no_registration(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/auth/register", data={"email": "ada@example.com", "password": PASSWORD}
    )

    assert answer.status_code in {415, 422}


@asynccontextmanager
async def closed_service(
    make_service: MakeService,
) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    """A service where nobody may register, and a client of it."""
    async with (
        make_service(registration_open=False) as service,
        service.open_client() as client,
    ):
        yield service, client


@pytest.mark.parametrize("path", ["/auth/register", "/auth/register/bulk", "/register"])
async def test_where_registration_is_closed_nobody_registers(
    make_service: MakeService, path: str
) -> None:
    async with closed_service(make_service) as (service, client):
        row = {"email": "ada@example.com", "password": PASSWORD}
        body = {"users": [row]} if path.endswith("bulk") else row
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "registration_closed")
        assert await count_users(service) == 0
        assert service.runtime.hash_pool.begun == 0


ROUTES = (
    *("/auth/register", "/api/v1/auth/register", "/register"),
    *("/auth/register/bulk", "/api/v1/auth/register/bulk"),
)


def body_for(path: str, email: str) -> dict[str, Any]:
    row = {"email": email, "password": PASSWORD}
    return {"users": [row]} if path.endswith("bulk") else row


async def insider(service: Service, client: httpx.AsyncClient, role: Role) -> Account:
    """Somebody with an account, where nobody may register."""
    email = f"{role}@example.com"
    async with service.work() as work:
        wanted = passwords.NewAccount(email, PASSWORD, role=role)
        user = await passwords.create(work, wanted)
    tokens = await log_in(client, email)
    return Account(user.id, email, PASSWORD, tokens["access_token"], tokens["refresh_token"])


@pytest.mark.parametrize("path", ROUTES)
async def test_where_registration_is_closed_admins_register_others(
    make_service: MakeService, path: str
) -> None:
    async with closed_service(make_service) as (service, client):
        admin = await insider(service, client, Role.ADMIN)
        key = {"Idempotency-Key": "once"}
        body = body_for(path, "bob@example.com")
        for _ in range(2):
            answer = await client.post(path, json=body, headers=admin.headers | key)
            assert answer.status_code == 201, answer.text
        assert answer.headers["idempotency-replayed"] == "true"
        created = answer.json()["created"][0] if path.endswith("bulk") else answer.json()
        assert (created["role"], await count_users(service)) == ("user", 2)
        assert (await log_in(client, "bob@example.com"))["access_token"]
        async with service.work() as work:
            made = select(AuditEvent).where(AuditEvent.user_id == created["id"])
            event = await work.db.scalar(made.where(AuditEvent.event == "user.created"))
            assert event is not None
            assert event.actor_id == admin.id


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("path", ROUTES)
async def test_where_registration_is_closed_nobody_else_is_told_more(
    make_service: MakeService, path: str
) -> None:
    """Neither the answer that an admin got under the same key, nor what is wrong with the body."""
    async with closed_service(make_service) as (service, client):
        admin = await insider(service, client, Role.ADMIN)
        user = await insider(service, client, Role.USER)
        key, body = {"Idempotency-Key": "once"}, body_for(path, "bob@example.com")
        answer = await client.post(path, json=body, headers=admin.headers | key)
        assert answer.status_code == 201
        for headers in (key, user.headers | key, user.headers, {}):
            for sent in (body, {"no": "body"}):
                answer = await client.post(path, json=sent, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (403, "registration_closed")
        answer = await client.post(path, json=body, headers=bearer("junk") | key)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
        answer = await client.post(path, json={"no": "body"}, headers=admin.headers)
        assert answer.status_code == 422


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("path", ROUTES)
async def test_where_registration_is_closed_nobody_else_does(
    make_service: MakeService, path: str
) -> None:
    async with (
        closed_service(make_service) as (service, client),
        service.open_client() as browser,
    ):
        users = [await insider(service, client, role) for role in Role]
        client.cookies.clear()
        body = body_for(path, "bob@example.com")
        for user, role in zip(users, Role, strict=True):
            if role is not Role.ADMIN:
                answer = await client.post(path, json=body, headers=user.headers)
                assert (answer.status_code, answer.json()["code"]) == (403, "registration_closed")
        for headers in ({}, {"Authorization": "Basic eDp5"}):
            answer = await client.post(path, json=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "registration_closed")
        # Who has a token is told that it is no good, and refreshes it.
        answer = await client.post(path, json=body, headers=bearer("junk"))
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
        login = {"email": "admin@example.com", "password": PASSWORD}
        assert (await browser.post("/auth/login", json=login)).status_code == 200
        foreign = {"Origin": "https://evil.example.net", "Sec-Fetch-Site": "cross-site"}
        answer = await browser.post(path, json=body, headers=foreign)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_rejected")
        assert await count_users(service) == 3
        assert (await browser.post(path, json=body)).status_code == 201


@pytest.mark.databases("sqlite")
async def test_where_registration_is_open_nobody_looks_at_a_token(
    client: httpx.AsyncClient,
) -> None:
    for number, path in enumerate(ROUTES):
        body = body_for(path, f"u{number}@example.com")
        answer = await client.post(path, json=body, headers=bearer("junk"))
        assert answer.status_code == 201


# Many at once, each of which may fail alone.


def row(n: int, **fields: Any) -> dict[str, Any]:
    return {"email": f"user{n:03}@example.com", "password": PASSWORD, **fields}


async def post_rows(client: httpx.AsyncClient, *rows: object) -> tuple[list[Any], list[Any]]:
    answer = await client.post("/auth/register/bulk", json={"users": rows})
    assert answer.status_code == 201, answer.text
    assert answer.json().keys() == {"created", "failed"}
    return answer.json()["created"], answer.json()["failed"]


async def test_a_hundred_rows_become_a_hundred_accounts_in_their_order(
    service: Service, client: httpx.AsyncClient
) -> None:
    rows = [row(n) for n in reversed(range(100))]

    created, failed = await post_rows(client, *rows)

    assert failed == []
    assert [user["email"] for user in created] == [each["email"] for each in rows]
    assert all(user.keys() == FIELDS for user in created)
    assert await count_users(service) == 100
    assert (await log_in(client, "user042@example.com"))["access_token"]


@pytest.mark.parametrize("rows", [0, 101])
async def test_a_bulk_is_one_to_a_hundred_rows(
    service: Service, client: httpx.AsyncClient, rows: int
) -> None:
    body = {"users": [row(n) for n in range(rows)]}

    assert is_refusal_of(await client.post("/auth/register/bulk", json=body), "users")
    assert await count_users(service) == 0


async def test_a_bad_row_fails_alone(client: httpx.AsyncClient) -> None:
    await register(client, "taken@example.com", username="taken")

    created, failed = await post_rows(
        client,
        row(0),
        row(1, email="taken@example.com"),
        row(2, username="TAKEN"),
        row(3, password="x"),
        row(4, role="admin"),
        row(5, email="nonsense"),
        row(6, username="fine"),
    )

    assert [user["email"] for user in created] == ["user000@example.com", "user006@example.com"]
    assert [(each["index"], each["email"], each["code"]) for each in failed] == [
        (1, "taken@example.com", "email_taken"),
        (2, "user002@example.com", "username_taken"),
        (3, "user003@example.com", "weak_password"),
        (4, "user004@example.com", "validation_error"),
        (5, "nonsense", "validation_error"),
    ]
    assert all(each.keys() == {"index", "email", "code", "detail"} for each in failed)
    assert all(each["detail"] for each in failed)
    assert {user["role"] for user in created} == {"user"}


async def test_a_weak_row_is_told_every_rule_that_it_breaks(client: httpx.AsyncClient) -> None:
    _, failed = await post_rows(client, row(0, password="augusta", full_name="Augusta"))

    assert "at least 8 characters" in failed[0]["detail"]
    assert "less like your email" in failed[0]["detail"]


async def test_a_row_that_is_nothing_like_one_fails_alone(client: httpx.AsyncClient) -> None:
    bad: list[object] = [
        None,
        7,
        "ada@a.example",
        [],
        {},
        {"email": ["x"]},
        {"email": "a\x00b"},
        [[[]]],
    ]

    created, failed = await post_rows(client, row(0), *bad, row(1))

    assert len(created) == 2
    assert [(each["index"], each["email"], each["code"]) for each in failed] == [
        (n, None, "validation_error") for n in range(1, 9)
    ]


async def test_of_rows_that_want_the_same_the_first_gets_it(client: httpx.AsyncClient) -> None:
    created, failed = await post_rows(
        client,
        row(9, username="ada"),
        row(9, full_name="Another"),
        row(1, username="ADA"),
        row(9, email="USER009@example.com"),
        row(2),
    )

    assert [user["email"] for user in created] == ["user009@example.com", "user002@example.com"]
    assert [(each["index"], each["code"]) for each in failed] == [
        (1, "email_taken"),
        (2, "username_taken"),
        (3, "email_taken"),
    ]


@pytest.mark.every_database
async def test_a_bulk_with_rows_in_any_order_never_fails_another(
    service: Service, client: httpx.AsyncClient
) -> None:
    """Two transactions that take the same keys in different orders would wait for each other."""
    rows = [row(n) for n in range(12)]

    outcomes = await asyncio.gather(
        *(post_rows(client, *(rows if n % 2 else rows[::-1])) for n in range(6))
    )

    made = Counter(user["email"] for created, _ in outcomes for user in created)
    assert made == Counter(each["email"] for each in rows)
    assert await count_users(service) == 12


# At once.


async def test_of_twenty_with_one_address_one_gets_it(
    service: Service, client: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(*(try_email(client, "ada@example.com") for _ in range(20)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    assert await count_users(service) == 1


async def test_of_twenty_with_one_username_one_gets_it(
    service: Service, client: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(
        *(try_email(client, f"u{n}@example.com", username="ada") for n in range(20))
    )

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    assert await count_users(service) == 1


@pytest.mark.parametrize("bulk", [False, True])
async def test_nothing_is_held_while_passwords_are_hashed(
    make_service: MakeService, bulk: bool
) -> None:
    async with make_service(database_pool_size=1) as service, service.open_client() as client:
        pool = service.runtime.hash_pool
        async with held_up(pool):
            jobs = [
                asyncio.create_task(
                    client.post("/auth/register/bulk", json={"users": [row(n)]})
                    if bulk
                    else try_email(client, f"u{n}@example.com")
                )
                for n in range(30)
            ]
            await until(lambda: pool.depth == 30)
            assert (await client.get("/health")).status_code == 200
        answers = await asyncio.gather(*jobs)
        assert {answer.status_code for answer in answers} == {201}
        assert await count_users(service) == 30


@pytest.mark.every_database
async def test_a_full_hash_queue_refuses_at_once_and_serves_the_others(
    make_service: MakeService,
) -> None:
    async with make_service(hash_queue_limit=2) as service, service.open_client() as client:
        pool = service.runtime.hash_pool
        async with held_up(pool):
            waiting = [
                asyncio.create_task(try_email(client, f"u{n}@example.com")) for n in range(2)
            ]
            await until(lambda: pool.depth == 2)
            busy = await try_email(client, "u2@example.com")
        assert (busy.status_code, busy.json()["code"]) == (503, "server_busy")
        assert int(busy.headers["retry-after"]) >= 1
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [201, 201]
        assert (await try_email(client, "u2@example.com")).status_code == 201


async def test_a_bulk_that_finds_the_hash_queue_full_makes_nobody(
    make_service: MakeService,
) -> None:
    async with make_service(hash_queue_limit=0) as service, service.open_client() as client:
        async with held_up(service.runtime.hash_pool):
            busy = await client.post("/auth/register/bulk", json={"users": [row(0), row(1)]})
        assert (busy.status_code, busy.json()["code"]) == (503, "server_busy")
        assert int(busy.headers["retry-after"]) >= 1
        assert await count_users(service) == 0


async def test_an_admin_registers_others_like_anybody_else(
    service: Service, client: httpx.AsyncClient
) -> None:
    admin = await sign_up_as(service, client, "admin")

    answer = await client.post(
        "/auth/register",
        content=json.dumps({"email": "bob@example.com", "password": PASSWORD}),
        headers={**admin.headers, "content-type": "application/json"},
    )

    assert (answer.status_code, answer.json()["role"]) == (201, "user")
