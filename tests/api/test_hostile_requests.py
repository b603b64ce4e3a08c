"""Addresses, queries, headers and bodies that break things: refused at every route, never a 500.

One test a database, which walks through all routes: what is asked is the same everywhere.
"""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from gatepost.features.audit.models import AuditEvent
from gatepost.features.sessions.models import Session
from tests.support.asgi import chunk, speak
from tests.support.hostile_text import HOSTILE_TEXTS
from tests.support.routes import routes_of
from tests.support.service import PASSWORD, Account, Service, log_in, sign_up

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

JSON = {"content-type": "application/json"}

# As they stand in an address: percent-encoded, well or badly.
HOSTILE_WORDS = {
    "nul": "%00",
    "nul within": "1%00",
    "line ends": "%0d%0aX-Injected:%201",
    "control characters": "%01%1b%7f",
    "c1 control": "%c2%9b31m",
    "right-to-left override": "%e2%80%ae1",
    "isolate": "%e2%81%a6",
    "byte that is no utf-8": "%ff",
    "utf-8 cut short": "%e2%82",
    "overlong": "%c0%80",
    "surrogate": "%ed%a0%80",
    "beyond unicode": "%f4%90%80%80",
    "percent alone": "%",
    "percent and no digits": "%zz",
    "encoded slash": "..%2f..%2fetc%2fpasswd",
    "encoded twice": "%2500",
    "quote": "1'%20OR%20'1'='1",
    "markup": "%3Cscript%3Ealert(1)%3C/script%3E",
    "braces": "%7b%7d%25s",
    "full-width digit": "%ef%bc%91",
    "huge number": "9" * 5000,
    "below zero": "-1",
    "with a sign": "%2b99999",
    "underscored": "1_0",
    "float": "1e3",
    "infinite": "inf",
}

NO_JSON = {
    "utf-16": '{"email": "ada@example.com"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "no utf-8": b'{"email": "\xff"}',
    "deep": b"[" * 8000,
    "deep objects": b'{"a":' * 1600,
    "huge integer": b'{"email": ' + b"1" * 5000 + b"}",
    "huge exponent": b'{"email": 1e999}',
    "not a number": b'{"email": NaN}',
    "infinity": b'{"email": -Infinity}',
    "twice": b'{"email": "a@example.com", "email": "b@example.com"}',
    "twice in depth": b'{"users": [{"email": 1, "email": 2}]}',
    "nul": b"\x00",
}


def addresses_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every route of ours outside of the prefix: method and path."""
    for route in routes_of(app):
        if not route.path_format.startswith("/api/v1"):
            for method in sorted(route.methods or ()):
                yield method, route.path_format


def bodied_addresses_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in routes_of(app):
        path = route.path_format
        reads_login = "login" in path or path == "/users/code"
        if route.body_field or reads_login:
            for method in sorted(route.methods or ()):
                yield method, path.format(user_id=1, item_id=1)


async def ask(
    client: httpx.AsyncClient, method: str, path: str, caller: Account, **options: Any
) -> httpx.Response:
    body: dict[str, Any] = {} if method in {"GET", "HEAD", "DELETE"} else {"json": {}}
    return await client.request(method, path, headers=caller.headers, **(body | options))


async def test_no_hostile_word_in_a_path_breaks_a_route(
    service: Service, client: httpx.AsyncClient, admin: Account
) -> None:
    with_words = [each for each in addresses_of(service.app) if "{" in each[1]]
    assert len(with_words) >= 8
    for method, path in with_words:
        for name, word in HOSTILE_WORDS.items():
            blanks = dict.fromkeys(("user_id", "item_id", "session_id", "digest", "name"), word)
            answer = await ask(client, method, path.format(**blanks), admin)
            assert answer.status_code in {404, 405, 422}, (method, path, name, answer.text)
            assert "x-injected" not in answer.headers


async def test_no_hostile_word_after_a_path_breaks_a_route(
    service: Service, client: httpx.AsyncClient, admin: Account
) -> None:
    paths = {
        path.format(user_id=1, item_id=1, session_id=1, digest=0, name="x")
        for _, path in addresses_of(service.app)
    }
    for path in sorted(paths):
        for name, word in HOSTILE_WORDS.items():
            answer = await ask(client, "GET", f"{path.rstrip('/')}/{word}", admin)
            assert 400 <= answer.status_code < 500, (path, name, answer.text)


async def test_no_hostile_word_in_a_query_breaks_a_route(
    service: Service, client: httpx.AsyncClient, admin: Account
) -> None:
    named = await queries_of(client)
    assert {"/users", "/items/", "/audit", "/users/me/activity"} <= named.keys()
    for path in sorted({path for method, path in addresses_of(service.app) if method == "GET"}):
        names = named.get(path, set())
        path = path.format(user_id=admin.id, item_id=1, digest=0, name="x")  # noqa: PLW2901 - filled in
        for about, word in HOSTILE_WORDS.items():
            everywhere = "&".join(f"{each}={word}" for each in (*names, word, "other"))
            for query in (everywhere, *(f"{each}={word}" for each in names)):
                answer = await ask(client, "GET", f"{path}?{query}", admin)
                told = (path, about, query[:80], answer.text)
                assert answer.status_code in {200, 403, 404, 422}, told
                assert "x-injected" not in answer.headers


async def queries_of(client: httpx.AsyncClient) -> dict[str, set[str]]:
    """What each route may be asked for after the question mark, by its path without the prefix."""
    document = (await client.get("/api/v1/openapi.json")).json()
    return {
        path.removeprefix("/api/v1"): {
            each["name"] for each in item["get"].get("parameters", ()) if each["in"] == "query"
        }
        for path, item in document["paths"].items()
        if "get" in item
    }


async def test_a_search_for_text_that_is_not_for_reading_is_refused_by_name(
    client: httpx.AsyncClient, admin: Account
) -> None:
    for name in ("nul", "control characters", "c1 control", "right-to-left override", "isolate"):
        answer = await ask(client, "GET", f"/users?q={HOSTILE_WORDS[name]}", admin)

        assert answer.status_code == 422, name
        assert [error["loc"] for error in answer.json()["errors"]] == [["query", "q"]]


async def test_no_body_that_is_not_strictly_json_is_read_by_any_route(
    service: Service, client: httpx.AsyncClient, admin: Account
) -> None:
    addresses = list(bodied_addresses_of(service.app))
    assert len(addresses) >= 24
    for method, path in addresses:
        for name, body in NO_JSON.items():
            answer = await client.request(
                method, path, content=body, headers={**admin.headers, **JSON}
            )
            assert answer.status_code == 422, (method, path, name, answer.text)
            assert answer.json()["code"] == "validation_error", (method, path, name)
            [error] = answer.json()["errors"]
            assert error["type"].startswith("json_"), (method, path, name)


async def test_no_hostile_text_in_any_field_breaks_a_route(
    service: Service, client: httpx.AsyncClient, admin: Account
) -> None:
    """What is kept and what is refused, fields say elsewhere: here nothing may fail."""
    fields = (
        "email",
        "username",
        "full_name",
        "password",
        "title",
        "description",
        "role",
        "refresh_token",
        "current_password",
        "new_password",
        "transport",
        "users",
    )
    for method, path in bodied_addresses_of(service.app):
        if path.startswith("/api/v1"):
            continue  # the same routes
        for hostile in HOSTILE_TEXTS:
            body = "{" + ", ".join(hostile.as_json_member(name) for name in fields) + "}"
            answer = await client.request(
                method, path, content=body.encode(), headers={**admin.headers, **JSON}
            )
            assert answer.status_code in {401, 413, 422}, (method, path, hostile.name, answer.text)


@pytest.mark.parametrize("path", ["/auth/login", "/login", "/users/code"])
async def test_no_login_is_tried_for_a_name_that_nobody_can_have(
    client: httpx.AsyncClient, path: str
) -> None:
    for field in ("email", "username"):
        for name in ("ada@example.com\0", "a\x1b[31m", "\u202eada", "ada\nadmin"):
            body = {field: name, "password": PASSWORD}
            answers = [await client.post(path, json=body), await client.post(path, data=body)]
            for answer in answers:
                assert answer.status_code == 422, (field, name, answer.text)
                [error] = answer.json()["errors"]
                assert error["loc"] == ["body", field]


async def test_a_search_for_what_is_no_utf_8_finds_nothing_and_says_why(
    client: httpx.AsyncClient, admin: Account
) -> None:
    for word in ("%ed%a0%80", "%ff", "a%c0%80", "%e2%82"):
        answer = await ask(client, "GET", f"/users?q={word}", admin)
        assert answer.status_code == 422, (word, answer.text)
        [error] = answer.json()["errors"]
        assert (error["loc"], error["type"]) == (["query", "q"], "text_not_utf8")


CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")

HOSTILE_BYTES = (
    b"\x00",
    b"a\x00b",
    b"\x01\x1b[31m",
    b"\x7f\x80\x9b31m\xff",
    "\u202e".encode(),
    b"\xed\xa0\x80",
    b"\t",
    b"x" * 10_000,
    b"",
)


async def test_no_hostile_header_breaks_a_route_or_is_stored_as_it_came(
    service: Service, client: httpx.AsyncClient
) -> None:
    ada = await sign_up(client)
    body = b'{"email": "ada@example.com", "password": "%s"}' % PASSWORD.encode()
    names = (
        b"user-agent",
        b"x-request-id",
        b"x-forwarded-for",
        b"cookie",
        b"authorization",
        b"accept",
        b"origin",
        b"referer",
        b"accept-language",
        b"idempotency-key",
        b"host",
    )
    for value in HOSTILE_BYTES:
        for name in names:
            headers = [(name, value), (b"content-type", b"application/json")]
            exchange = await speak(
                service.app, "POST", "/auth/login", [chunk(body, more=False)], headers
            )
            assert exchange.status in {200, 403}, (name, value, exchange.body)
            me = await speak(service.app, "GET", "/users/me", headers=headers)
            assert me.status == 401, (name, value)
    headers = [
        (b"user-agent", b"curl\x00/8\x1b[31m\x9b \xe9"),
        (b"content-type", b"application/json"),
    ]
    await speak(service.app, "POST", "/auth/login", [chunk(body, more=False)], headers)

    async with service.work() as work:
        agents = {agent or "" for agent in await work.db.scalars(select(Session.user_agent))}
        agents |= {agent or "" for agent in await work.db.scalars(select(AuditEvent.user_agent))}
        named = set(await work.db.scalars(select(AuditEvent.request_id)))

    assert "curl/8[31m \u00e9" in agents
    assert all(len(agent) <= 255 and not CONTROL.search(agent) for agent in agents)
    assert all(request_id.isascii() and request_id.isprintable() for request_id in named)
    assert (await log_in(client, ada.email))["access_token"]
