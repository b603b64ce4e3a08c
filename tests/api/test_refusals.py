"""What is asked of the wrong address, or in the wrong way, is refused as a problem document."""

import httpx
import pytest

# Nothing here depends on the database.
pytestmark = [pytest.mark.anyio, pytest.mark.databases("sqlite")]

UNKNOWN = [
    "/nothing",
    "/api/v1",
    "/api/v1/nothing",
    "/api/v2/users/me",
    "/api/v1/users/me/",
    "/users/me/unlock",
    "/api/v1/openapi.json/",
    "/health/",
    "/docs/",
    "/%00",
    "/%ff%fe",
    "/health%20",
    "/../etc/passwd",
    "/.env",
    "/static/",
    "/favicon.ico/../../app.py",
]


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["code"] == code
    assert document["type"] == f"urn:gatepost:problem:{code}"
    assert document["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "TRACE"])
@pytest.mark.parametrize("path", UNKNOWN)
async def test_an_unknown_address_is_not_found(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path)
    assert_problem(answer, 404, "not_found")
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/health", "GET, HEAD"),
        ("PUT", "/", "GET, HEAD"),
        ("DELETE", "/docs", "GET, HEAD"),
        ("GET", "/api/v1/auth/login", "POST"),
        ("HEAD", "/api/v1/auth/login", "POST"),
        ("PUT", "/api/v1/users/me/password", "POST"),
        ("POST", "/api/v1/users/1", "GET, HEAD, PATCH, DELETE"),
        ("POST", "/users/1", "GET, HEAD, PATCH, DELETE"),
        ("DELETE", "/users/me", "GET, HEAD, PATCH"),
        ("PUT", "/api/v1/users/me", "GET, HEAD, PATCH"),
        ("POST", "/api/v1/items/1", "GET, HEAD, PUT, PATCH, DELETE"),
        ("DELETE", "/api/v1/items/", "GET, HEAD, POST"),
        ("PATCH", "/api/v1/auth/sessions", "GET, HEAD"),
        ("TRACE", "/api/v1/items/1", "GET, HEAD, PUT, PATCH, DELETE"),
        ("OPTIONS", "/api/v1/items/", "GET, HEAD, POST"),
        ("QUERY", "/api/v1/items/", "GET, HEAD, POST"),
        ("get", "/health", "GET, HEAD"),
        ("N0NSENSE", "/health", "GET, HEAD"),
    ],
)
async def test_another_method_is_told_every_method_there_is(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    request = client.build_request("GET", path)
    request.method = method  # the client would write it in capitals
    answer = await client.send(request)
    assert answer.headers["allow"] == allowed
    assert answer.status_code == 405
    if method != "HEAD":
        assert_problem(answer, 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/", "/health", "/docs", "/api/v1/openapi.json"])
async def test_head_gives_the_headers_of_get_and_no_body(
    client: httpx.AsyncClient, path: str
) -> None:
    head, get = await client.head(path), await client.get(path)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-type", "content-length", "content-security-policy", "cache-control"):
        assert head.headers[name] == get.headers[name]


async def test_head_is_refused_where_get_is(client: httpx.AsyncClient) -> None:
    answer = await client.head("/api/v1/users/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.content == b""


async def test_a_refusal_does_not_repeat_what_was_asked(client: httpx.AsyncClient) -> None:
    answer = await client.get("/s3cr3t-in-a-path?token=s3cr3t")
    assert "s3cr3t" not in answer.text
    assert "s3cr3t" not in str(answer.headers)
