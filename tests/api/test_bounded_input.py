"""What is sent is bounded before it costs anything, and no answer outgrows what it answers."""

import sys
import time
import unicodedata

import httpx
import pytest

from gatepost.normal_form import has_too_many_marks
from tests.support.service import PASSWORD, Service, register, sign_up, sign_up_as

pytestmark = [pytest.mark.anyio, pytest.mark.databases("sqlite")]

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

CREDENTIAL_ROUTES = (
    ("POST", "/auth/login"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/login"),
    ("POST", "/users/code"),
    ("POST", "/auth/register"),
    ("POST", "/register"),
    ("POST", "/auth/refresh"),
    ("POST", "/users/me/password"),
    ("PATCH", "/users/me"),
    ("PUT", "/update"),
)


def members(count: int) -> str:
    return ", ".join(f'"a{n}": 0' for n in range(count))


def types_of(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["type"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(("method", "path"), CREDENTIAL_ROUTES)
async def test_a_body_with_credentials_has_eight_kib(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    account = await sign_up(client)
    headers = JSON | account.headers
    for body in (b"{" + members(1000).encode() + b"}", b'{"password": "' + b"x" * 9000 + b'"}'):
        answer = await client.request(method, path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    answer = await client.request(method, path, content=b"{" + b" " * 8191, headers=headers)
    assert answer.status_code == 422


async def test_a_form_with_credentials_has_eight_kib(client: httpx.AsyncClient) -> None:
    for path in ("/auth/login", "/login", "/users/code"):
        answer = await client.post(path, content=b"a&" * 5000, headers=FORM)
        assert answer.status_code == 413
        answer = await client.post(path, content=b"a&" * 4000, headers=FORM)
        assert types_of(answer) == ["form_invalid"]


@pytest.mark.parametrize(("method", "path"), CREDENTIAL_ROUTES)
async def test_twenty_mistakes_are_told_and_how_many_there_are(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    account = await sign_up(client)
    body = "{" + members(100) + "}"

    answer = await client.request(method, path, content=body, headers=JSON | account.headers)

    assert set(types_of(answer)) <= {"extra_forbidden", "missing"}
    assert len(answer.json()["errors"]) == 20
    assert answer.json()["error_count"] >= 100
    few = await client.request(method, path, content='{"a": 0}', headers=JSON | account.headers)
    assert types_of(few)
    assert "error_count" not in few.json()


@pytest.mark.parametrize(
    "body",
    [
        "{" + members(101) + "}",
        '{"title": {' + members(101) + "}}",
        '{"title": [{' + members(101) + "}]}",
        '{"title": {"a": {"b": {' + members(101) + "}}}}",
        "[" + "0," * 100 + "0]",
        '{"title": [' + "0," * 100 + "0]}",
        '{"title": {"a": [[' + "0," * 100 + "0]]}}",
        "[[" + "{}," * 100 + "{}]]",
        "{" + members(60_000) + "}",
    ],
    ids=lambda body: body[:30],
)
async def test_more_than_a_hundred_members_reach_no_model(
    client: httpx.AsyncClient, body: str
) -> None:
    account = await sign_up(client)
    for method, path in (("POST", "/items/"), ("POST", "/auth/register/bulk")):
        answer = await client.request(method, path, content=body, headers=JSON | account.headers)
        assert types_of(answer) == ["json_too_many_members"]
        assert len(answer.content) < 1000


async def test_a_hundred_members_reach_the_model(client: httpx.AsyncClient) -> None:
    account = await sign_up(client)
    body = '{"title": "x", ' + members(99) + "}"
    answer = await client.post("/items/", content=body, headers=JSON | account.headers)
    assert answer.json()["error_count"] == 99


# Combining marks.


MARKS = ("\u0301", "\u0323", "\u0323\u0301", "\u05b0", "\U0001d165", "\u0344", "\u0f73")


@pytest.mark.parametrize("marks", MARKS)
async def test_thirty_combining_marks_in_a_row_are_enough(
    client: httpx.AsyncClient, marks: str
) -> None:
    account = await sign_up(client)
    enough, more = "x" + (marks * 30)[:30], "x" + (marks * 31)[:31]

    for name in ("title", "description"):
        body = {"title": "x", name: enough}
        answer = await client.post("/items/", json=body, headers=account.headers)
        assert answer.status_code == 201
        assert answer.json()[name] == unicodedata.normalize("NFC", enough)
        for text in (more, more + "y", "<b>" + more[:20] + "<i>" + more[20:]):
            body = {"title": "x", name: text}
            answer = await client.post("/items/", json=body, headers=account.headers)
            assert types_of(answer) == ["text_too_many_marks"]
    answer = await client.patch("/users/me", json={"full_name": more}, headers=account.headers)
    assert types_of(answer) == ["text_too_many_marks"]


async def test_a_search_has_at_most_thirty_combining_marks_in_a_row(
    service: Service, client: httpx.AsyncClient
) -> None:
    admin = await sign_up_as(service, client, "admin")
    for count, status in ((30, 200), (31, 422), (190, 422)):
        sought = {"q": "\u0130" + "\u0323" * count}  # which gets one more in lower case
        answer = await client.get("/users", params=sought, headers=admin.headers)
        assert answer.status_code == status, count
        if status == 422:
            assert types_of(answer) == ["text_too_many_marks"]


async def test_a_password_has_at_most_thirty_combining_marks_in_a_row(
    client: httpx.AsyncClient,
) -> None:
    more = PASSWORD + "\u0323" * 31
    answer = await client.post("/auth/register", json={"email": "a@b.example", "password": more})
    assert types_of(answer) == ["password_too_many_marks"]
    enough = PASSWORD + "\u0323\u0301" * 15
    await register(client, password=enough)
    for password, status in ((enough, 200), (more, 401), (PASSWORD, 401)):
        body = {"email": "ada@example.com", "password": password}
        assert (await client.post("/auth/login", json=body)).status_code == status
    answer = await client.post(
        "/auth/login", json={"username": "x" + "\u0323" * 300, "password": "x"}
    )
    assert answer.status_code == 401
    answer = await client.post(
        "/auth/register", json={"email": f"x{chr(0x323) * 60}@b.example", "password": PASSWORD}
    )
    assert answer.status_code in {201, 422}


async def test_no_run_of_combining_marks_costs_more_than_its_length(service: Service) -> None:
    async with service.open_client() as client:
        account = await sign_up(client)
        costs = []
        for text in ("e" * 9000, "\u0323\u0301" * 4500, "\u0f73" * 9000):
            best = 9.0
            for _ in range(5):
                began = time.thread_time()
                body = {"title": "x", "description": text}
                await client.post("/items/", json=body, headers=account.headers)
                best = min(best, time.thread_time() - began)
            costs.append(best)
    assert max(costs[1:]) < costs[0] + 0.02


def test_no_character_hides_a_combining_mark() -> None:
    characters = map(chr, range(sys.maxunicode + 1))
    for character in filter(unicodedata.decomposition, characters):
        begins = unicodedata.normalize("NFKD", character)[0]
        assert has_too_many_marks(character * 31) == (unicodedata.combining(begins) > 0), character
