"""Every answer: its headers, its request id, and refusals that tell nothing they should not."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost import Settings
from gatepost.app import assemble, authenticators
from gatepost.runtime import start_runtime
from gatepost.security import tokens
from tests.api.conftest import MakeService
from tests.support import patience
from tests.support.asgi import DISCONNECT, chunk, speak
from tests.support.service import BASE_URL, PASSWORD, Service, bearer, make_settings, sign_up

pytestmark = pytest.mark.anyio

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-xss-protection": "1; mode=block",
    "strict-transport-security": "max-age=31536000",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
JSON = {"Content-Type": "application/json"}
LIMIT = 1_048_576


def assert_has_headers(answer: httpx.Response) -> None:
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers.get_list(name) == [value], (answer.request.url, name)
    assert len(answer.headers.get_list("x-request-id")) == 1


def assert_is_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document.keys() >= {"type", "title", "status", "detail", "code", "request_id"}
    assert (document["status"], document["code"]) == (status, code)
    assert document["request_id"] == answer.headers["x-request-id"]
    return document


def chunks(size: int, of: bytes = b"x" * 65_536) -> Iterator[bytes]:
    for _ in range(size // len(of)):
        yield of


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    for part in chunks(size):
        yield part


def add_crash(service: Service) -> None:
    async def crash() -> None:
        raise RuntimeError("the secret reason")

    service.app.add_api_route("/crash", crash, methods=["GET", "POST"])


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({"hsts_seconds": 0}, []),
        ({"hsts_include_subdomains": True}, ["max-age=31536000; includeSubDomains"]),
    ],
)
async def test_how_long_browsers_insist_on_https_is_set(
    make_service: MakeService, settings: dict[str, Any], sent: list[str]
) -> None:
    async with make_service(**settings) as service, service.open_client() as client:
        add_crash(service)
        for path in ("/health/live", "/nowhere", "/crash"):
            answer = await client.get(path)
            assert answer.headers.get_list("strict-transport-security") == sent


async def test_every_kind_of_answer_has_the_headers(
    client: httpx.AsyncClient, service: Service
) -> None:
    add_crash(service)
    account = await sign_up(client)
    item = (await client.post("/items/", json={"title": "x"}, headers=account.headers)).json()
    cross_site = {"Cookie": f"access_token={account.access_token}", "Sec-Fetch-Site": "cross-site"}
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    requests: list[tuple[int, str, str, dict[str, Any]]] = [
        (200, "GET", "/health/live", {}),
        (200, "GET", "/", {}),
        (200, "HEAD", "/health", {}),
        (200, "GET", "/users/me", {"headers": account.headers}),
        (204, "DELETE", f"/items/{item['id']}", {"headers": account.headers}),
        (401, "GET", "/users/me", {}),
        (403, "GET", "/users", {"headers": account.headers}),
        (403, "POST", "/items/", {"headers": cross_site, "json": {"title": "x"}}),
        (403, "OPTIONS", "/items/", {"headers": preflight}),
        (404, "GET", "/no/such", {}),
        (404, "GET", "/items/999999", {"headers": account.headers}),
        (405, "DELETE", "/health", {}),
        (405, "TRACE", "/", {}),
        (409, "POST", "/auth/register", {"json": {"email": account.email, "password": PASSWORD}}),
        (413, "POST", "/auth/login", {"content": b"x" * (LIMIT + 1), "headers": JSON}),
        (415, "POST", "/auth/login", {"content": b"<a/>", "headers": {"Content-Type": "text/xml"}}),
        (422, "POST", "/auth/login", {"json": {}}),
        (422, "GET", "/items/?limit=0", {"headers": account.headers}),
        (500, "GET", "/crash", {}),
    ]
    for status, method, path, options in requests:
        answer = await client.request(method, path, **options)

        assert answer.status_code == status, (method, path, answer.text)
        assert_has_headers(answer)
        if status >= 400:
            assert_is_problem(answer, status, answer.json()["code"])


async def test_a_sane_request_id_is_kept(client: httpx.AsyncClient) -> None:
    for sane in ("01234567", "6f1c2b9e-6d3c-4b7a-9a51-0c2f6a2a1d11", "a.b_c-D.8", "x" * 128):
        answer = await client.get("/no/such", headers={"X-Request-ID": sane})

        assert answer.headers.get_list("x-request-id") == [sane]
        assert answer.json()["request_id"] == sane


async def test_any_other_request_id_is_replaced(client: httpx.AsyncClient) -> None:
    odd = ["", "short", "x" * 129, "a b c d e f", "<script>alert(1)", "12345678\t", "é" * 8]
    odd += ["a,b,c,d,e,f", '"quoted-id"', "${jndi:ldap://x}", "id\u2028id id"]
    for value in odd:
        answer = await client.get("/no/such", headers=[(b"X-Request-ID", value.encode())])

        given = answer.headers["x-request-id"]
        assert given != value
        assert len(given) == 32
        assert answer.json()["request_id"] == given


async def test_every_request_has_an_id_of_its_own(client: httpx.AsyncClient) -> None:
    ids = {(await client.get("/health/live")).headers["x-request-id"] for _ in range(20)}

    assert len(ids) == 20


async def test_a_crash_tells_the_request_id_and_nothing_else(
    client: httpx.AsyncClient, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    add_crash(service)

    with caplog.at_level(logging.ERROR):
        answer = await client.get("/crash", headers={"X-Request-ID": "the-crash-s-id"})

    document = assert_is_problem(answer, 500, "internal_error")
    assert document["request_id"] == "the-crash-s-id"
    assert_has_headers(answer)
    for told in ("secret", "Runtime", "Traceback", ".py"):
        assert told not in answer.text
    (record,) = (r for r in caplog.records if r.exc_info)
    assert "the secret reason" in str(record.exc_info)
    assert getattr(record, "request_id", None) == "the-crash-s-id"


async def test_a_crash_after_the_answer_began_is_not_answered_twice(service: Service) -> None:
    async def breaks_off(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - ASGI's
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("half-way")

    service.app.mount("/breaks", breaks_off)

    with pytest.raises(RuntimeError, match="half-way"):
        await speak(service.app, "GET", "/breaks/off")


async def test_a_body_that_says_it_is_too_large_is_refused_unread(service: Service) -> None:
    for length in (b"1048577", b"9" * 18, b"9" * 5000):
        for path in ("/auth/login", "/items/", "/no/such", "/auth/refresh"):
            headers = [(b"content-type", b"application/json"), (b"content-length", length)]
            exchange = await speak(service.app, "POST", path, headers=headers)

            assert exchange.received == 0
            assert (exchange.status, exchange.is_complete) == (413, True)
            assert json.loads(exchange.body)["code"] == "payload_too_large"
            assert exchange.headers["connection"] == "close"


async def test_a_body_in_chunks_is_counted(client: httpx.AsyncClient) -> None:
    account = await sign_up(client)
    for path in ("/auth/login", "/items/", "/auth/register", "/auth/refresh", "/login"):
        answer = await client.post(
            path, content=in_chunks(LIMIT + 65_536), headers=JSON | account.headers
        )

        assert_is_problem(answer, 413, "payload_too_large")
        assert_has_headers(answer)


async def test_a_form_in_chunks_is_counted(client: httpx.AsyncClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/auth/login", "/users/code"):
        answer = await client.post(path, content=in_chunks(LIMIT + 65_536), headers=form)

        assert_is_problem(answer, 413, "payload_too_large")


async def test_a_body_that_lies_about_its_length_is_counted(service: Service) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"10")]

    exchange = await speak(
        service.app, "POST", "/auth/register", map(chunk, chunks(LIMIT + 65_536)), headers
    )

    assert exchange.status == 413


async def test_the_limit_is_a_setting_and_exact(make_service: MakeService) -> None:
    async with (
        make_service(max_request_body_size=2048) as service,
        service.open_client() as client,
    ):
        start = b'{"email":"ada@example.com","password":"no","x":"'
        fits = start + b"x" * (2048 - len(start) - 2) + b'"}'
        for body, status in ((fits, 422), (fits + b" ", 413)):
            for path in ("/auth/login", "/auth/register"):
                answer = await client.post(path, content=body, headers=JSON)
                assert answer.status_code == status, answer.text

                async def slowly(body: bytes = body) -> AsyncIterator[bytes]:
                    for place in range(0, len(body), 100):
                        yield body[place : place + 100]

                answer = await client.post(path, content=slowly(), headers=JSON)
                assert answer.status_code == status, answer.text


async def test_only_json_in_utf_8_is_taken(client: httpx.AsyncClient) -> None:
    account = await sign_up(client)
    accepted = [
        "application/json",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "Application/JSON",
        "application/json; charset=utf8",
    ]
    refused = [
        "",
        "text/plain",
        "text/plain; application/json",
        "text/xml",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/json; charset=",
        "application/json; charset*=utf-8''utf-16",
        "application/json, text/plain",
        "application/json-seq",
        "application/vnd.api+json",
        "json",
        "*/*",
        "\xff",
    ]
    for kinds, statuses in ((accepted, {201}), (refused, {415})):
        for kind in kinds:
            headers = [(b"Content-Type", kind.encode("latin-1"))]
            headers += [(k.encode(), v.encode()) for k, v in account.headers.items()]
            answer = await client.post("/items/", content=b'{"title":"x"}', headers=headers)

            assert answer.status_code in statuses, kind
    for method, path in (("PUT", "/items/1"), ("PATCH", "/users/me"), ("DELETE", "/items/1")):
        answer = await client.request(
            method, path, content=b"x", headers=account.headers | {"Content-Type": "text/plain"}
        )
        assert_is_problem(answer, 415, "unsupported_media_type")


async def test_a_body_without_a_type_is_refused(client: httpx.AsyncClient) -> None:
    account = await sign_up(client)

    answer = await client.post("/items/", content=b'{"title":"x"}', headers=account.headers)

    assert_is_problem(answer, 415, "unsupported_media_type")


async def test_a_form_is_taken_where_a_login_is(client: httpx.AsyncClient) -> None:
    await sign_up(client)
    form = {"username": "ada@example.com", "password": PASSWORD}
    for path in ("/api/v1/auth/login", "/auth/login", "/login", "/users/code"):
        assert (await client.post(path, data=form)).status_code == 200, path
    for path in ("/auth/register", "/auth/refresh", "/register", "/items/", "/auth/logout"):
        assert_is_problem(await client.post(path, data=form), 415, "unsupported_media_type")


async def test_a_request_without_a_body_needs_no_type(client: httpx.AsyncClient) -> None:
    account = await sign_up(client)

    assert (await client.post("/auth/logout", headers=account.headers)).status_code == 200


async def test_head_is_answered_as_get_without_a_body(client: httpx.AsyncClient) -> None:
    account = await sign_up(client)
    for path in (
        "/users/me",
        "/health",
        "/items/",
        "/api/v1/openapi.json",
        "/.well-known/jwks.json",
    ):
        get = await client.get(path, headers=account.headers)
        head = await client.head(path, headers=account.headers)

        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers["content-length"] == get.headers["content-length"]
    refused = await client.head("/users/me")
    assert (refused.status_code, refused.content) == (401, b"")
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_a_method_that_is_not_there_is_refused_with_those_that_are(
    client: httpx.AsyncClient,
) -> None:
    for method, path, allowed in (
        ("OPTIONS", "/health", "GET, HEAD"),
        ("TRACE", "/auth/me", "GET, HEAD"),
        ("GET", "/auth/login", "POST"),
        ("HEAD", "/auth/login", "POST"),
        ("PUT", "/auth/sessions", "GET, HEAD"),
        ("FROBNICATE", "/", "GET, HEAD"),
    ):
        answer = await client.request(method, path, headers={"Cookie": "access_token=echo-me"})

        assert answer.status_code == 405, (method, path)
        assert answer.headers["allow"] == allowed
        assert "echo-me" not in answer.text
        assert_has_headers(answer)


async def test_a_client_that_leaves_mid_body_is_no_crash(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"100")]
    form = [(b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"100")]
    with caplog.at_level(logging.INFO):
        for path in ("/auth/login", "/auth/register", "/auth/refresh", "/login", "/items/"):
            for kind in (headers, form):
                for sent in ([], [chunk(b"{")], [chunk(b"{"), chunk(b'"email"')]):
                    exchange = await speak(service.app, "POST", path, [*sent, DISCONNECT], kind)

                    assert exchange.status in {None, 400, 401, 415}
                    assert exchange.is_complete == (exchange.status is not None)
    assert not [record for record in caplog.records if record.exc_info]
    await assert_nothing_is_held(service.runtime.engine)


async def test_a_client_that_leaves_before_the_answer_is_no_crash(service: Service) -> None:
    class GoneError(OSError):
        """What a server raises to who sends to nobody (ASGI 2.4)."""

    async def send(_message: object) -> None:
        raise GoneError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.support.asgi.Exchange.send", lambda _self, message: send(message))
        for path in ("/health/live", "/no/such", "/users/me"):
            await speak(service.app, "GET", path)
    await assert_nothing_is_held(service.runtime.engine)


async def assert_nothing_is_held(engine: AsyncEngine) -> None:
    """Every connection comes back, those of work in the background too."""
    async with asyncio.timeout(patience.SECONDS):
        pool: Any = engine.pool
        while pool.checkedout():  # noqa: ASYNC110 - a pool tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody:nothing@127.0.0.1:1/gatepost",
        "postgresql://nobody:nothing@nowhere.invalid/gatepost",
        "postgresql://nobody:nothing@/gatepost?host=/nonexistent/folder",
        "mysql://nobody:nothing@127.0.0.1:1/gatepost",
        "mysql://nobody:nothing@nowhere.invalid/gatepost",
        "sqlite:////nonexistent/folder/gatepost.db",
    ],
)
async def test_without_its_database_the_service_asks_to_come_back(url: str) -> None:
    async with unprepared(url) as client:
        login = {"email": "ada@example.com", "password": PASSWORD}
        for answer in (
            await client.post("/auth/login", json=login),
            await client.post("/auth/register", json=login),
            await client.get("/users/me", headers=bearer(well_signed(make_settings(url)))),
        ):
            assert_is_problem(answer, 503, "database_unavailable")
            assert int(answer.headers["retry-after"]) > 0
            assert_has_headers(answer)
            assert "nobody" not in answer.text
            assert "127.0.0.1" not in answer.text
        assert (await client.get("/health/live")).status_code == 200


async def test_a_pool_that_is_exhausted_asks_to_come_back(make_service: MakeService) -> None:
    async with make_service(database_pool_size=1) as service, service.open_client() as client:
        account = await sign_up(client)
        pool = service.runtime.engine.pool
        async with service.runtime.engine.connect():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(pool, "_timeout", 0.05)  # the setting's least is a second
                answers = await asyncio.gather(
                    *(client.get("/users/me", headers=account.headers) for _ in range(3))
                )

        for answer in answers:
            assert_is_problem(answer, 503, "database_unavailable")
            assert int(answer.headers["retry-after"]) > 0
        assert (await client.get("/users/me", headers=account.headers)).status_code == 200


READ_ONLY = {
    "postgresql": "SET default_transaction_read_only = on",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
}


async def test_a_connection_that_may_only_read_is_given_up_for_another(
    make_service: MakeService,
) -> None:
    """A server that was demoted keeps its connections, and would refuse all that is written."""
    async with make_service(database_pool_size=1) as service, service.open_client() as client:
        account = await sign_up(client)
        engine = service.runtime.engine
        async with engine.connect() as connection:
            await connection.execute(text(READ_ONLY[engine.dialect.name]))
            await connection.commit()

        async def write() -> httpx.Response:
            return await client.patch("/users/me", json={"full_name": "x"}, headers=account.headers)

        assert (await client.get("/items/", headers=account.headers)).status_code == 200
        refused = await write()
        assert_is_problem(refused, 503, "database_unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert (await write()).status_code == 200


@asynccontextmanager
async def unprepared(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service whose database was never there."""
    settings = make_settings(url)
    app = assemble(settings)
    async with start_runtime(settings, authenticators=authenticators()) as runtime:
        app.state.gatepost = runtime
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
            yield client


def well_signed(settings: Settings) -> str:
    """A token so good that only the database can tell whether its session is."""
    now = int(datetime.now(UTC).timestamp())
    claims: dict[str, str | int]
    claims = {"iss": settings.tokens.issuer, "aud": settings.tokens.audience, "sub": "1", "sid": 1}
    key = tokens.secret_key("HS256", settings.tokens.secret_key)
    return tokens.encode(tokens.ACCESS, {**claims, "iat": now, "exp": now + 900}, key)
