"""A query says what its address takes, or is refused; pages and probes take any."""

import httpx
import pytest

from tests.support.service import PASSWORD, Account

pytestmark = pytest.mark.anyio

READ = (
    *("/users", "/users/me", "/users/1", "/users/me/activity", "/auth/me", "/auth/sessions"),
    *("/items", "/items/", "/items/1", "/audit"),
)
UNKNOWN = (
    *("external_id=x", "rol=admin", "Limit=1", "limit[]=1", "q[]=x", "offset=1", "page=2", "_=17"),
    *("access_token=x", "=x", "x", "%00=1", "\u00fc=1", "limit=1&rol=admin", "limit%20=1"),
)


def refusal(answer: httpx.Response) -> list[tuple[str, str]]:
    """Each refused parameter, and the rule that it broke."""
    assert answer.status_code == 422, answer.text
    document = answer.json()
    assert document["code"] == "validation_error"
    assert all(error["loc"][0] == "query" for error in document["errors"])
    return [(error["loc"][1], error["type"]) for error in document["errors"]]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("prefix", ["", "/api/v1"])
@pytest.mark.parametrize("path", READ)
async def test_a_query_name_that_an_address_does_not_know_is_refused(
    client: httpx.AsyncClient, admin: Account, path: str, prefix: str
) -> None:
    for query in UNKNOWN:
        answer = await client.get(f"{prefix}{path}?{query}", headers=admin.headers)
        assert ("extra_forbidden") in {kind for _, kind in refusal(answer)}, query
        assert "=x" not in answer.text
        head = await client.head(f"{prefix}{path}?{query}", headers=admin.headers)
        assert head.status_code == 422


@pytest.mark.databases("sqlite")
async def test_what_changes_something_by_its_address_takes_no_unknown_query_either(
    client: httpx.AsyncClient, admin: Account
) -> None:
    for method, path, body in (
        ("PATCH", "/users/me", {"full_name": "x"}),
        ("DELETE", f"/users/{admin.id}", None),
        ("DELETE", "/delete", None),
        ("PUT", "/update", {"full_name": "x"}),
    ):
        answer = await client.request(
            method, f"{path}?dry_run=true", json=body, headers=admin.headers
        )
        assert refusal(answer) == [("dry_run", "extra_forbidden")]
    assert (await client.get("/users/me", headers=admin.headers)).json()["full_name"] is None


@pytest.mark.databases("sqlite")
async def test_a_parameter_that_comes_twice_is_refused(
    client: httpx.AsyncClient, admin: Account
) -> None:
    for path, query, name in (
        ("/users", "limit=1&limit=2", "limit"),
        ("/users", "role=user&role=admin", "role"),
        ("/users", "q=a&q=a", "q"),
        ("/items/", "limit=x&limit=1", "limit"),
        ("/audit", "event=login.failed&event=login.failed", "event"),
    ):
        answer = await client.get(f"{path}?{query}", headers=admin.headers)
        assert refusal(answer) == [(name, "query_repeated")], query


@pytest.mark.databases("sqlite")
async def test_a_refusal_of_very_many_names_stays_short(
    client: httpx.AsyncClient, admin: Account
) -> None:
    query = "&".join(f"a{number}=0" for number in range(90))
    answer = await client.get(f"/users?{query}", headers=admin.headers)
    assert len(refusal(answer)) == 20
    assert len(answer.content) < 4000


@pytest.mark.databases("sqlite")
async def test_pages_probes_and_token_endpoints_take_any_query(
    client: httpx.AsyncClient, admin: Account
) -> None:
    for path in (
        *("/", "/docs", "/redoc", "/openapi.json", "/api/v1/openapi.json"),
        *("/health", "/health/live", "/health/ready", "/metrics", "/.well-known/jwks.json"),
    ):
        for query in ("ts=1&ts=2", "utm_source=x&utm_medium=y", "_", "limit=0"):
            plain, asked = await client.get(path), await client.get(f"{path}?{query}")
            assert asked.status_code == plain.status_code in {200, 403}, path
    body = {"email": admin.email, "password": PASSWORD}
    for path in ("/auth/login", "/login", "/users/code"):
        assert (await client.post(f"{path}?audience=x&resource=y", json=body)).status_code == 200


@pytest.mark.databases("sqlite")
async def test_an_address_that_there_is_not_is_404_and_a_method_405_whatever_is_sent(
    client: httpx.AsyncClient, admin: Account
) -> None:
    kinds = (
        *("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"),
        *("application/json; charset=utf-16", "application/json", "x"),
    )
    for kind in kinds:
        headers = admin.headers | {"content-type": kind}
        for method, path, status in (
            *(("POST", path, 404) for path in ("/nowhere", "/items/1/2", "/api/v1/nowhere/login")),
            *(("DELETE", "/nowhere", 404), ("PATCH", "/api/v1", 404), ("PUT", "/auth/", 404)),
            *(("POST", path, 405) for path in ("/users/me", "/", "/docs", "/health", "/metrics")),
            *(("PUT", "/auth/login", 405), ("PATCH", "/items/", 405), ("DELETE", "/users", 405)),
        ):
            answer = await client.request(method, path, content=b"a=b", headers=headers)
            assert answer.status_code == status, (kind, method, path)
            assert ("allow" in answer.headers) == (status == 405)
        if kind != "application/json":
            answer = await client.post("/items/", content=b"a=b", headers=headers)
            assert answer.status_code == 415


async def test_a_query_is_refused_once_the_caller_is_known(client: httpx.AsyncClient) -> None:
    answer = await client.get("/users?external_id=x")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
