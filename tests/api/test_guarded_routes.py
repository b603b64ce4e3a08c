"""Who may call what: every route there is, by anonymous callers, users, moderators and admins."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support.routes import routes_of
from tests.support.service import Account, Service, log_in, sign_up, sign_up_as

pytestmark = pytest.mark.anyio

CALLERS = ("anonymous", "user", "moderator", "admin")
PREFIX = "/api/v1"

Statuses = tuple[int, int, int, int]

OPEN_BUT_EMPTY: Statuses = (422, 422, 422, 422)
OPEN: Statuses = (200, 200, 200, 200)
USERS: Statuses = (401, 200, 200, 200)
MODERATORS: Statuses = (401, 403, 200, 200)
ADMINS: Statuses = (401, 403, 403, 200)

# What each caller is answered, in the order of `CALLERS`. `{user_id}` is somebody else, and there
# is nothing under any other id: who gets past the guard finds that out, by a 404.
API: dict[str, Statuses] = {
    "POST /auth/register": OPEN_BUT_EMPTY,
    "POST /auth/register/bulk": OPEN_BUT_EMPTY,
    "POST /auth/login": OPEN_BUT_EMPTY,
    "POST /auth/refresh": (401, 401, 401, 401),  # takes a refresh token, not a role
    "POST /auth/logout": USERS,
    "POST /auth/logout-all": USERS,
    "GET /auth/sessions": USERS,
    "DELETE /auth/sessions/{session_id}": (401, 404, 404, 404),
    "GET /auth/me": USERS,
    "GET /users/me": USERS,
    "PATCH /users/me": USERS,
    "POST /users/me/password": (401, 422, 422, 422),
    "GET /users/me/activity": USERS,
    "GET /users": MODERATORS,
    "POST /users": (401, 403, 403, 422),
    "GET /users/{user_id}": MODERATORS,
    "PATCH /users/{user_id}": ADMINS,
    "POST /users/{user_id}/unlock": ADMINS,
    "DELETE /users/{user_id}": (401, 403, 403, 204),
    "GET /audit": ADMINS,
    "GET /items": USERS,
    "GET /items/": USERS,
    "POST /items": (401, 422, 422, 422),
    "POST /items/": (401, 422, 422, 422),
    "GET /items/{item_id}": (401, 404, 404, 404),
    "PUT /items/{item_id}": (401, 404, 404, 404),
    "PATCH /items/{item_id}": (401, 404, 404, 404),
    "DELETE /items/{item_id}": (401, 404, 404, 404),
}

ROOT: dict[str, Statuses] = {
    f"GET {PREFIX}/openapi.json": OPEN,
    "GET /openapi.json": OPEN,
    "GET /": OPEN,
    "GET /docs": OPEN,
    "GET /redoc": OPEN,
    "GET /static/{digest}/{name}": (404, 404, 404, 404),
    "GET /health": OPEN,
    "GET /health/live": OPEN,
    "GET /health/ready": OPEN,
    "GET /metrics": (403, 403, 403, 403),  # for addresses and a secret of its own
    "GET /.well-known/jwks.json": OPEN,
    "POST /register": OPEN_BUT_EMPTY,
    "POST /login": OPEN_BUT_EMPTY,
    "POST /users/code": OPEN_BUT_EMPTY,
    "PUT /update": USERS,
    "DELETE /delete": (401, 200, 200, 409),  # the only admin stays
}

TABLE = {
    **ROOT,
    **API,
    **{route.replace(" ", f" {PREFIX}", 1): statuses for route, statuses in API.items()},
}
ENDS_SESSIONS = ("POST /auth/logout", "POST /auth/logout-all", "DELETE /delete")


def operations_of(app: FastAPI) -> Iterator[str]:
    """Every route, those of nested routers and those outside the OpenAPI document included."""
    for route in routes_of(app):
        for method in route.methods or ():
            yield f"{method} {route.path_format}"


async def test_the_table_names_every_route_that_there_is(service: Service) -> None:
    there_are = list(operations_of(service.app))

    assert set(there_are) - TABLE.keys() == set(), "name each route here, with who may call it"
    assert TABLE.keys() - set(there_are) == set(), "there is no such route"
    assert len(there_are) == len(TABLE), "a route stands behind another of the same path"


async def test_no_document_has_an_operation_that_the_table_lacks(client: httpx.AsyncClient) -> None:
    document = (await client.get(f"{PREFIX}/openapi.json")).json()

    described = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }
    assert described <= TABLE.keys()
    assert not {route for route in described if route in API}


async def call(
    client: httpx.AsyncClient, route: str, victim: Account, headers: dict[str, str]
) -> httpx.Response:
    method, path = route.split(" ")
    nothing: dict[str, Any] = {
        "session_id": 2**62,
        "item_id": 2**62,
        "digest": "0",
        "name": "none.css",
    }
    body: dict[str, Any] = {} if method == "GET" else {"json": {}}
    return await client.request(
        method, path.format(user_id=victim.id, **nothing), headers=headers, **body
    )


@pytest.mark.parametrize("prefix", [PREFIX, ""])
@pytest.mark.parametrize("caller", CALLERS)
async def test_each_caller_is_answered_as_the_table_says(
    service: Service, client: httpx.AsyncClient, caller: str, prefix: str
) -> None:
    victim = await sign_up(client, "victim@example.com")
    account = None if caller == "anonymous" else await sign_up_as(service, client, caller)
    if caller != "admin":
        await sign_up_as(service, client, "admin")
    headers = {} if account is None else account.headers
    table = API if prefix else {**API, **ROOT}
    expected = {route: statuses[CALLERS.index(caller)] for route, statuses in table.items()}

    seen = {}
    for route in expected:
        answer = await call(client, route.replace(" ", f" {prefix}", 1), victim, headers)
        seen[route] = answer.status_code
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer")
        if account is not None and route in ENDS_SESSIONS[:2]:
            headers = {
                "Authorization": f"Bearer {(await log_in(client, account.email))['access_token']}"
            }

    assert seen == expected


async def test_a_dead_token_opens_nothing_that_none_would_not(
    client: httpx.AsyncClient,
) -> None:
    victim = await sign_up(client, "victim@example.com")
    dead = await sign_up(client, "dead@example.com")
    await client.post("/auth/logout", headers=dead.headers)

    for route, (anonymous, *_) in {**API, **ROOT}.items():
        if anonymous == 401 and route != "POST /auth/refresh":
            answer = await call(client, route, victim, dead.headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), route
