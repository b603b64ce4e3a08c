"""Headers, cookies and queries as large as a head may be: none costs a process more than a moment.

What is counted is this thread's own time beyond that of an ordinary request, so that a busy machine
fails none of these; and of several tries the quickest, since the first may load what others find.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Annotated

import httpx
import pytest
from fastapi import Cookie, Depends, FastAPI, WebSocket
from fastapi.routing import APIRoute

from gatepost import CurrentPrincipal, CurrentUser, create_app, install
from gatepost.client import DropQuotedCookies, TokenVerifier
from gatepost.web.routing import BoundedRoute
from gatepost.web.static_files import static_address
from tests.api.conftest import MakeService
from tests.support.asgi import Exchange, chunk, open_websocket, speak
from tests.support.service import Service, make_settings, sign_up

# Nothing of this depends on the database.
pytestmark = [pytest.mark.anyio, pytest.mark.databases("sqlite")]

Header = tuple[bytes, bytes]

SIZE = 64_000
SECONDS = 0.005
ORDINARY: Header = (b"x-ordinary", b"a")
TRIES = 5

PIECES = {
    "semicolons": b";",
    "commas": b",",
    "spaces": b" ",
    "backslashes": b"\\",
    "quotes": b'"',
    "escapes": b'\\"',
    "equals": b"=",
    "colons": b":",
    "digits": b"9",
    "letters": b"a",
    "bytes": b"\xff",
    "escaped": b"%41",
    "pairs": b"a=b; ",
    "parameters": b"a;q=1, ",
    "separated": b" ;",
    "listed": b" ,",
    "addresses": b"10.0.0.1, ",
    "ranges": b"0-1,",
    "tokens": b"; access_token=a",
}

FIELDS: dict[bytes, tuple[bytes, ...]] = {
    b"content-type": (
        b"",
        b'application/json; a="',
        b"application/json; charset=",
        b"application/json",
        b"application/x-www-form-urlencoded; a=",
        b"multipart/form-data; boundary=",
    ),
    b"authorization": (b"", b"Bearer ", b"Bearer a.b.", b"Basic "),
    b"cookie": (
        b"",
        b"access_token=",
        b'access_token="',
        b"access_token",
        b'refresh_token="',
        b"a=b; access_token=a; ",
    ),
    b"idempotency-key": (b"", b'"'),
    b"x-forwarded-for": (b"", b"10.0.0.1, "),
    b"forwarded": (b"for=",),
    b"via": (b"",),
    b"x-real-ip": (b"",),
    b"origin": (b"", b"https://"),
    b"sec-fetch-site": (b"",),
    b"x-request-id": (b"", b"12345678"),
    b"traceparent": (b"", b"00-"),
    b"tracestate": (b"", b"a=b,"),
    b"baggage": (b"", b"a=b"),
    b"accept": (b"", b"text/html;"),
    b"if-none-match": (b'"',),
    b"if-range": (b'"',),
    b"range": (b"", b"bytes=", b"bytes=0-"),
    b"host": (b"", b"host.test:"),
    b"user-agent": (b"",),
    b"access-control-request-method": (b"",),
    b"access-control-request-headers": (b"", b"authorization,"),
    b"content-length": (b"",),
    b"transfer-encoding": (b"",),
}


def hostile_fields() -> Iterator[tuple[str, Header]]:
    for name, beginnings in FIELDS.items():
        for beginning in beginnings:
            for about, piece in PIECES.items():
                value = beginning + piece * ((SIZE - len(beginning) - 1) // len(piece))
                yield f"{name!r} {beginning!r} {about}", (name, value + b'"')


async def cost_of(ask: Callable[[], Awaitable[object]], at_most: float = SECONDS) -> float:
    """The least of several tries in seconds of this thread; one that is cheap ends them."""
    best = float("inf")
    for _ in range(TRIES):
        began = time.thread_time()
        await ask()
        best = min(best, time.thread_time() - began)
        if best <= at_most:
            break
    return best


@pytest.fixture
async def traced(make_service: MakeService) -> AsyncIterator[Service]:
    """A service that reads as many headers as it can: it traces, trusts a proxy and has origins."""
    async with make_service(
        tracing_enabled=find_spec("fastapi.telemetry") is not None,
        log_requests=False,
        trusted_proxies="192.0.2.7,10.0.0.0/8",
        allowed_origins="https://app.example.com",
    ) as service:
        yield service


ROUTES = (
    ("GET", "/", b""),
    ("GET", "/users/me", b""),
    ("GET", static_address("", "icon.svg"), b""),
    ("POST", "/nowhere", b"{}"),
    ("POST", "/auth/login", b"{}"),
    ("POST", "/auth/refresh", b"{}"),
    ("OPTIONS", "/auth/login", b""),
)


def around(hostile: Header, body: bytes) -> Iterator[Header]:
    """The hostile field, and those of a request that gets as far as it can."""
    yield hostile
    usual = {b"origin": b"https://app.example.com", b"access-control-request-method": b"POST"}
    if body:
        usual |= {b"content-type": b"application/json", b"content-length": b"%d" % len(body)}
    yield from ((name, value) for name, value in usual.items() if name != hostile[0])


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_no_header_stalls_a_process(
    traced: Service, method: str, path: str, body: bytes
) -> None:
    answers: list[Exchange] = []

    async def ask(field: Header = ORDINARY) -> None:
        fields = [*around(field, body)]
        answers.append(await speak(traced.app, method, path, [chunk(body, more=False)], fields))

    allowed = await cost_of(ask, 0) + SECONDS
    for about, hostile in hostile_fields():
        assert await cost_of(partial(ask, hostile), allowed) < allowed, about
        assert answers[-1].status is not None
        assert answers[-1].status < 500, (about, answers[-1].body)


@pytest.mark.parametrize("version", ["2", "3"])
async def test_a_body_that_is_not_announced_has_its_kind_looked_at(
    service: Service, version: str
) -> None:
    async def ask(path: str, kind: bytes | None, body: bytes) -> Exchange:
        fields = [] if kind is None else [(b"content-type", kind)]
        parts = [chunk(body, more=False)]
        return await speak(service.app, "POST", path, parts, fields, http_version=version)

    async def ask_in_a_hostile_way() -> None:
        kind = b'application/json; a="' + b";" * SIZE
        assert (await ask("/auth/register", kind, b"{}")).status == 415

    assert await cost_of(ask_in_a_hostile_way) < SECONDS
    assert (await ask("/auth/login", b"text/plain", b"{}")).status == 415
    assert (await ask("/auth/login", b"application/json", b"{}")).status == 422
    assert (await ask("/auth/logout", None, b"")).status == 401


async def test_no_header_beside_a_good_token_stalls_a_process(traced: Service) -> None:
    async with traced.open_client() as client:
        account = await sign_up(client)
    token = (b"authorization", b"Bearer " + account.access_token.encode())

    async def ask(field: Header = ORDINARY) -> None:
        for path in ("/users/me", "/items/"):
            assert (await speak(traced.app, "GET", path, (), [token, field])).status == 200

    allowed = await cost_of(ask, 0) + 2 * SECONDS
    for about, hostile in hostile_fields():
        if hostile[0] != b"authorization":
            assert await cost_of(partial(ask, hostile), allowed) < allowed, about


@pytest.mark.parametrize("tail", ["", "=1", "=%41", "=+", "%3D"])
async def test_no_query_stalls_a_process(service: Service, tail: str) -> None:
    query = "&".join([f"a{tail}"] * (60_000 // (2 + len(tail)))).encode()
    for path in ("/users/me/activity", "/items/", "/health/live", "/auth/sessions", "/"):

        async def ask(path: str = path) -> None:
            answer = await speak(service.app, "GET", path, query=query)
            assert answer.status == 422, answer.body
            assert b"query_too_" in answer.body

        assert await cost_of(ask) < SECONDS


async def test_a_query_has_room_for_all_that_a_route_asks_for(client: httpx.AsyncClient) -> None:
    account = await sign_up(client)
    few = "&".join(f"a{number}" for number in range(100))
    answer = await client.get(f"/items/?{few}", headers=account.headers)
    assert answer.json()["errors"][0]["type"] == "extra_forbidden"
    answer = await client.get(f"/items/?{few}&limit=1", headers=account.headers)
    assert answer.json()["errors"][0]["type"] == "query_too_many"
    answer = await client.get(f"/items/?q={'a' * 9000}", headers=account.headers)
    assert answer.json()["errors"][0]["type"] == "query_too_long"


async def test_the_rate_limit_stands_before_whatever_is_parsed(make_service: MakeService) -> None:
    async with make_service(rate_limit_requests=1) as service, service.open_client() as client:
        await client.get("/users/me")
        for fields in (
            {"Content-Type": "text/xml"},
            {"Content-Type": 'application/json; a="' + ";" * SIZE},
            {"Content-Type": "application/json", "Content-Length": "9" * 17},
        ):
            answer = await client.post("/nowhere", content=b"x", headers=fields)
            assert answer.status_code == 429, answer.text


BACKSLASHES = [
    (b"cookie", name + b'="' + b"\\" * 60_000 + b'"')
    for name in (b"access_token", b"refresh_token", b"other")
] + [(b"cookie", b"; ".join([b'a="' + b'\\"' * 200 + b'"'] * 100))]


@pytest.fixture
async def host(migrated_url: str) -> AsyncIterator[FastAPI]:
    """A host that asks in each way who is calling; and a resource server, which is no host."""
    app = FastAPI()
    install(app, make_settings(migrated_url))
    verifier = TokenVerifier(issuer="http://localhost", audience="gatepost", secret="s" * 32)

    @app.get("/principal")
    async def principal(principal: CurrentPrincipal) -> int:
        return principal.user_id

    @app.get("/user")
    async def user(user: CurrentUser) -> int:
        return user.id

    @app.get("/verified", dependencies=[Depends(verifier)])
    async def verified() -> None:
        return None

    @app.websocket("/ws")
    async def ws(websocket: WebSocket, principal: CurrentPrincipal) -> None:
        await websocket.accept()
        await websocket.send_text(str(principal.user_id))

    async with app.router.lifespan_context(app):
        yield app


@pytest.mark.parametrize("field", BACKSLASHES)
async def test_no_cookie_stalls_a_host(host: FastAPI, field: Header) -> None:
    async def ask() -> None:
        for path in ("/principal", "/user", "/verified", "/auth/users/me"):
            assert (await speak(host, "GET", path, (), [field])).status == 401
        assert (await open_websocket(host, "/ws", [field]))[0]["type"] != "websocket.accept"

    assert await cost_of(ask, 4 * SECONDS) < 4 * SECONDS


async def test_the_cookies_beside_a_hostile_one_are_left(app: FastAPI) -> None:
    few, many = b'"a\\054b"', b'"' + b"\\" * 200 + b'"'

    answer = await speak(app, "GET", "/theme", (), [(b"cookie", b"other=1; theme=" + few)])
    assert answer.body == b'"a,b"'
    for pairs in (b"theme=dark; other=" + many, b"other=" + many + b"; theme=dark"):
        assert (await speak(app, "GET", "/theme", (), [(b"cookie", pairs)])).body == b'"dark"'
    answer = await speak(app, "GET", "/theme", (), [(b"cookie", b"theme=" + many)])
    assert answer.body == b"null"


@pytest.fixture
def app() -> FastAPI:
    """A resource server that reads a cookie of its own."""
    app = FastAPI()
    app.add_middleware(DropQuotedCookies)

    @app.get("/theme")
    async def theme(theme: Annotated[str | None, Cookie()] = None) -> str | None:
        return theme

    return app


def test_every_route_reads_cookies_and_queries_by_our_own_readers(migrated_url: str) -> None:
    app = create_app(make_settings(migrated_url))
    routes = [each for each in app.routes if isinstance(each, APIRoute)]
    assert len(routes) > 40
    assert [each.path for each in routes if not isinstance(each, BoundedRoute)] == []
