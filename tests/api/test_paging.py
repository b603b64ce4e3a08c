"""Every list is walked by its own links to the end, whatever its rows are called."""

import json
import random
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import insert

from gatepost.features.accounts.models import User
from tests.support.asgi import chunk, speak
from tests.support.clock import NOON
from tests.support.service import Account, Service, register, sign_up, sign_up_as

pytestmark = [pytest.mark.anyio, pytest.mark.every_database]

ALPHABETS = (
    "ab",
    "aé",
    "annü\u00df",
    "a'\"%_\\;&=#?+/ <>",
    "\u4e2d\u6587\u3042",
    "\U0001f600\U0001f469\u200d",
    "\ud7ff\ue000\uffff\U0010ffff",
    "\u05d0\u05d1\u0301",
)


@pytest.fixture
async def admin(service: Service, client: httpx.AsyncClient) -> Account:
    return await sign_up_as(service, client, "admin", "\u00e4dmin@example.com")


def person(email_key: str, username_key: str | None) -> dict[str, object]:
    times = dict.fromkeys(("created_at", "updated_at", "password_changed_at"), NOON)
    return {
        "email": "somebody@example.com",
        "email_key": email_key,
        "username_key": username_key,
        "role": "user",
        "is_active": True,
        "email_verified": False,
        **times,
    }


async def walk(client: httpx.AsyncClient, caller: Account, first: str) -> list[list[int]]:
    """The ids on each page, as following the links shows them; no link is refused."""
    pages, link = [], first
    while link:
        answer = await client.get(link, headers=caller.headers)
        assert answer.status_code == 200, (link, answer.text)
        pages.append([row["id"] for row in answer.json()])
        assert answer.headers.get("link", "").isascii()
        link = answer.links["next"]["url"] if answer.links else ""
    return pages


@pytest.mark.parametrize("alphabet", ALPHABETS, ids=ascii)
async def test_a_search_is_walked_to_its_end_whatever_the_keys_are_made_of(
    service: Service, client: httpx.AsyncClient, admin: Account, alphabet: str
) -> None:
    draw = random.Random(alphabet)
    prefix = draw.choice(alphabet.strip())
    keys = {prefix + "".join(draw.choices(alphabet, k=draw.choice((1, 3, 9)))) for _ in range(12)}
    keys = {key.strip() for key in keys} | {prefix + alphabet[-1].strip() * 250 + "x"}
    people = [
        person(f"{key}@", f"{key[:40]}." if number % 3 else None) for number, key in enumerate(keys)
    ]
    others = [person(f"?{number}", None) for number in range(3)]
    async with service.work() as work:
        await work.db.execute(insert(User), people + others)
    asked = f"/users?q={quote(prefix)}"
    ((*everybody,),) = await walk(client, admin, f"{asked}&limit=200")
    assert len(everybody) == len(set(everybody)) == len(people)
    for limit in (1, 2, 5):
        pages = await walk(client, admin, f"{asked}&limit={limit}")
        assert [id_ for page in pages for id_ in page] == everybody
        assert {len(page) for page in pages[:-1]} <= {limit}


async def test_a_search_finds_addresses_of_any_script_page_by_page(
    client: httpx.AsyncClient, admin: Account
) -> None:
    emails = ("anna@b\u00fccher.com", "ann\u00e9@example.com", "annika@\u4f8b\u5b50.com")
    made = [(await register(client, email))["id"] for email in emails]
    pages = await walk(client, admin, "/users?q=ann&limit=1")
    assert sorted(map(tuple, pages)) == sorted((id_,) for id_ in made)


async def test_every_other_list_is_walked_to_its_end(
    client: httpx.AsyncClient, admin: Account
) -> None:
    for number in range(4):
        await register(client, f"u{number}@example.com")
        await client.post("/items/", json={"title": "\u00fc"}, headers=admin.headers)
    for path in ("/users", "/items", "/items/", "/audit", "/users/me/activity"):
        (everything,) = await walk(client, admin, f"{path}?limit=200")
        pages = await walk(client, admin, f"{path}?limit=1")
        assert [[id_] for id_ in everything] == pages, path
        assert len(pages) > 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=\u00e9&limit=1".encode(), 0),  # read as Latin-1, and found by nobody
        (b"q=%C3%A9&limit=1", 1),
        (b"q=\xe9&limit=1", 1),
    ],
)
async def test_a_query_of_raw_bytes_is_answered_and_its_link_says_the_same(
    service: Service, client: httpx.AsyncClient, admin: Account, query: bytes, found: int
) -> None:
    for number in range(2):
        await register(client, f"\u00e9{number}@example.com")
    sent = [(name.encode(), value.encode()) for name, value in admin.headers.items()]
    headers = [(name.lower(), value) for name, value in sent]
    answer = await speak(service.app, "GET", "/users", headers=headers, query=query)
    assert answer.status == 200
    assert len(json.loads(answer.body)) == found
    assert ("q=%C3%A9&limit=1&cursor=" in answer.headers.get("link", "")) == bool(found)


@pytest.mark.parametrize("path", ["/items/", "/auth/login"])
async def test_a_query_that_is_no_text_fails_nothing(
    service: Service, client: httpx.AsyncClient, path: str
) -> None:
    ada = await sign_up(client)
    body = {"title": "x"} if path == "/items/" else {"email": ada.email, "password": ada.password}
    headers = [
        (b"authorization", ada.headers["Authorization"].encode()),
        (b"content-type", b"application/json"),
    ]
    sent = [chunk(json.dumps(body).encode(), more=False)]
    headers.append((b"content-length", b"99"))
    answer = await speak(service.app, "POST", path, sent, headers, query=b"\xff=\xfe")
    assert answer.status in {200, 201}
