"""CORS: listed origins read our answers, with cookies; nobody else does."""

import httpx
import pytest

from tests.api.conftest import MakeService
from tests.support.service import Service, sign_up

pytestmark = pytest.mark.anyio

LISTED = "https://app.example.com"
ALSO_LISTED = "http://localhost:3000"
SHARING = {
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "access-control-max-age",
}
UNLISTED = (
    "https://evil.example",
    "null",
    "",
    "*",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://evil-app.example.com",
    "https://evilapp.example.com",
    "https://sub.app.example.com",
    "https://app.example.com/",
    "https://APP.example.com",
    "https://app.example.com, https://evil.example",
    "https://app.example.com@evil.example",
    "http://localhost:3001",
    "http://[",
)


@pytest.fixture
def listing(make_service: MakeService) -> MakeService:
    def make(**settings: object) -> object:
        return make_service(allowed_origins=f"{LISTED},{ALSO_LISTED}", **settings)

    return make  # type: ignore[return-value] # it is called as the fixture it wraps


def varies_by_origin(answer: httpx.Response) -> bool:
    return "origin" in {name.strip().lower() for name in answer.headers.get("vary", "").split(",")}


def preflight(origin: str, method: str = "POST", wanted: str | None = None) -> dict[str, str]:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return headers | ({} if wanted is None else {"Access-Control-Request-Headers": wanted})


async def test_listed_origins_read_our_answers_with_cookies(listing: MakeService) -> None:
    async with listing() as service, service.open_client() as client:
        for origin in (LISTED, ALSO_LISTED):
            for path in ("/", "/users/me", "/no/such", "/health"):
                answer = await client.get(path, headers={"Origin": origin})

                assert answer.headers["access-control-allow-origin"] == origin
                assert answer.headers["access-control-allow-credentials"] == "true"
                assert varies_by_origin(answer)
                exposed = answer.headers["access-control-expose-headers"].split(", ")
                assert {"Link", "Retry-After", "X-Request-ID"} <= set(exposed)


async def test_nobody_else_reads_them(listing: MakeService) -> None:
    async with listing() as service, service.open_client() as client:
        for origin in UNLISTED:
            for headers in ({"Origin": origin}, preflight(origin)):
                method = "OPTIONS" if len(headers) > 1 else "GET"
                answer = await client.request(method, "/users/me", headers=headers)

                assert not SHARING & answer.headers.keys(), origin
                assert varies_by_origin(answer), origin


async def test_two_origins_are_none(listing: MakeService) -> None:
    async with listing() as service, service.open_client() as client:
        origins = [("Origin", LISTED), ("Origin", "https://evil.example")]
        for headers in (origins, origins[::-1]):
            answer = await client.get("/", headers=headers)

            assert not SHARING & answer.headers.keys()


async def test_an_answer_to_nobody_tells_caches_that_others_differ(listing: MakeService) -> None:
    async with listing() as service, service.open_client() as client:
        answer = await client.get("/.well-known/jwks.json")

        assert varies_by_origin(answer)
        assert not SHARING & answer.headers.keys()


async def test_a_preflight_of_a_listed_origin_is_answered_without_a_body(
    listing: MakeService,
) -> None:
    async with listing() as service, service.open_client() as client:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            asked = preflight(LISTED, method, "Authorization, content-type,IDEMPOTENCY-KEY")
            answer = await client.options("/api/v1/items/1", headers=asked)

            assert (answer.status_code, answer.content) == (204, b"")
            assert answer.headers["access-control-allow-origin"] == LISTED
            assert answer.headers["access-control-allow-credentials"] == "true"
            assert method in answer.headers["access-control-allow-methods"].split(", ")
            allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
            assert {"authorization", "content-type", "idempotency-key"} <= set(allowed)
            assert "*" not in "".join(
                answer.headers[name] for name in SHARING & answer.headers.keys()
            )
            assert int(answer.headers["access-control-max-age"]) <= 7200


async def test_a_preflight_for_more_than_is_allowed_is_refused(listing: MakeService) -> None:
    async with listing() as service, service.open_client() as client:
        for asked in (
            preflight(LISTED, "TRACE"),
            preflight(LISTED, "post"),
            preflight(LISTED, ""),
            preflight(LISTED, "POST", "X-Evil"),
            preflight(LISTED, "POST", "authorization, cookie"),
            preflight(LISTED, "POST", "*"),
            preflight("https://evil.example"),
        ):
            answer = await client.options("/auth/login", headers=asked)

            assert answer.status_code == 403, asked
            assert answer.json()["code"] == "cors_rejected"
            assert answer.json()["request_id"] == answer.headers["x-request-id"] != ""
            assert "access-control-allow-methods" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "http://tauri.localhost",
        "https://tauri.localhost",
        "app://.",
        "app://com.example.notes",
        "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
    ],
)
async def test_an_app_that_is_listed_works_with_cookies(
    make_service: MakeService, origin: str
) -> None:
    async with make_service(allowed_origins=origin) as service, service.open_client() as client:
        account = await sign_up(client)
        cookie = {"Cookie": f"access_token={account.access_token}", "Sec-Fetch-Site": "cross-site"}
        asked = await client.options("/items/", headers=preflight(origin, "POST", "content-type"))
        assert asked.status_code == 204
        for sender, status in ((origin, 201), (f"{origin}.evil", 403), ("null", 403)):
            headers = {**cookie, "Origin": sender}
            answer = await client.post("/items/", json={"title": "x"}, headers=headers)
            assert answer.status_code == status, sender
            allowed = answer.headers.get("access-control-allow-origin")
            assert allowed == (origin if status == 201 else None)


@pytest.mark.parametrize(
    "named",
    [
        "baggage",
        "sentry-trace",
        "traceparent,tracestate",
        "x-requested-with",
        "x-csrf-token",
        "authorization,baggage,content-type,sentry-trace,traceparent,tracestate,x-requested-with",
        "x-datadog-trace-id, x-xsrf-token, b3",
    ],
)
async def test_headers_that_libraries_add_pass_a_preflight(
    listing: MakeService, named: str
) -> None:
    async with listing() as service, service.open_client() as client:
        answer = await client.options("/auth/login", headers=preflight(LISTED, "POST", named))
    assert answer.status_code == 204
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert {each.strip() for each in named.split(",")} <= set(allowed)


async def test_more_headers_pass_if_they_are_named(listing: MakeService) -> None:
    asked = preflight(LISTED, "POST", "x-client-version")
    async with listing() as service, service.open_client() as client:
        assert (await client.options("/auth/login", headers=asked)).status_code == 403
    async with (
        listing(cors_allowed_headers="X-Client-Version") as service,
        service.open_client() as client,
    ):
        answer = await client.options("/auth/login", headers=asked)
        assert answer.status_code == 204
        assert "x-client-version" in answer.headers["access-control-allow-headers"]
        lines = [*asked.items(), ("Access-Control-Request-Headers", "x-evil")]
        assert (await client.options("/auth/login", headers=lines)).status_code == 403


async def test_of_two_origins_none_is_trusted(listing: MakeService) -> None:
    async with listing() as service, service.open_client() as client:
        account = await sign_up(client)
        for origins in ((LISTED, "https://evil.example"), ("https://evil.example", LISTED)):
            headers = [
                ("Cookie", f"access_token={account.access_token}"),
                *(("Origin", each) for each in origins),
            ]
            answer = await client.post("/items/", json={"title": "x"}, headers=headers)
            assert answer.json()["code"] == "csrf_rejected"


async def test_a_preflight_comes_before_everything(listing: MakeService) -> None:
    """It carries no token, and its address need not be there."""
    async with listing() as service, service.open_client() as client:
        for path in ("/users/me", "/items/", "/no/such"):
            assert (await client.options(path, headers=preflight(LISTED))).status_code == 204


async def test_without_listed_origins_nothing_is_shared(service: Service) -> None:
    async with service.open_client() as client:
        for origin in (LISTED, "null", "https://gatepost.test"):
            answer = await client.get("/", headers={"Origin": origin})
            asked = await client.options("/", headers=preflight(origin))

            assert asked.status_code == 403
            assert not SHARING & (answer.headers.keys() | asked.headers.keys())


async def test_a_page_of_a_listed_origin_works_with_cookies(listing: MakeService) -> None:
    async with listing() as service, service.open_client() as client:
        account = await sign_up(client)
        headers = {
            "Origin": LISTED,
            "Sec-Fetch-Site": "cross-site",
            "Cookie": f"access_token={account.access_token}",
        }

        answer = await client.post("/items/", json={"title": "x"}, headers=headers)

        assert answer.status_code == 201
        assert answer.headers["access-control-allow-origin"] == LISTED


async def test_refusals_and_crashes_can_be_read_too(listing: MakeService) -> None:
    async with listing() as service:

        async def crash() -> None:
            raise RuntimeError

        service.app.add_api_route("/crash", crash)
        async with service.open_client(headers={"Origin": LISTED}) as client:
            for answer, status in (
                (await client.get("/crash"), 500),
                (await client.post("/items/", content=b"x" * 1_100_000), 413),
                (await client.post("/items/", content=b"x"), 415),
                (await client.post("/items/", json={}), 401),
                (await client.delete("/health"), 405),
            ):
                assert answer.status_code == status
                assert answer.headers["access-control-allow-origin"] == LISTED
                assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
