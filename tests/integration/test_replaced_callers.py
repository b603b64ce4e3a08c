"""A host's tests put somebody in the caller's place by one `dependency_overrides`."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from starlette.requests import HTTPConnection

from gatepost import (
    CurrentPrincipal,
    CurrentUser,
    Gatepost,
    OptionalPrincipal,
    OptionalUser,
    Principal,
    User,
    install,
    require_role,
)
from gatepost.embedding import (
    current_principal,
    current_user,
    optional_principal,
    optional_user,
)
from tests.support.asgi import open_websocket
from tests.support.hosts import ADA, Host, running, settings_for

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def principal(user_id: int = 1, role: str = "admin") -> Principal:
    return Principal(user_id=user_id, session_id=7, role=role, auth_time=NOON)


def user(user_id: int = 1, role: str = "admin") -> User:
    return User(
        id=user_id,
        email="grace@example.com",
        username=None,
        full_name=None,
        role=role,
        is_active=True,
        email_verified=True,
        created_at=NOON,
        updated_at=NOON,
    )


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    app = FastAPI()
    add_routes(app, install(app, settings_for(f"sqlite:///{tmp_path}/host.db")))
    return app


@pytest.fixture
async def host(app: FastAPI) -> AsyncIterator[Host]:
    async with running(app, app.state.gatepost_installed) as host:
        yield host


def add_routes(app: FastAPI, gatepost: Gatepost) -> None:
    @app.get("/callers")
    async def read_callers(
        a: CurrentPrincipal,
        b: Annotated[Principal, Depends(gatepost.principal)],
        c: OptionalPrincipal,
        d: Annotated[Principal, Depends(require_role("admin"))],
        e: Annotated[Principal, Depends(gatepost.require_role("admin"))],
    ) -> set[int]:
        return {a.user_id, b.user_id, c.user_id if c else 0, d.user_id, e.user_id}

    @app.get("/users")
    async def read_users(
        a: CurrentUser, b: Annotated[User, Depends(gatepost.user)], c: OptionalUser
    ) -> set[str]:
        return {a.email, b.email, c.email if c else ""}

    @app.websocket("/live")
    async def live(socket: WebSocket, user: CurrentUser) -> None:
        await socket.accept()
        await socket.send_text(user.email)


@pytest.mark.parametrize(
    "key",
    [
        current_principal,
        optional_principal,
        lambda gatepost: gatepost.principal,
        lambda gatepost: gatepost.optional_principal,
    ],
)
async def test_one_principal_stands_in_everywhere(host: Host, key: Any) -> None:
    await host.sign_up()
    sub = FastAPI()
    add_routes(sub, host.gatepost)
    host.app.mount("/sub", sub)
    if key not in (current_principal, optional_principal):
        key = key(host.gatepost)
    host.app.dependency_overrides[key] = principal
    for at in ("", "/sub"):
        assert (await host.client.get(f"{at}/callers")).json() == [1]
        assert (await host.client.get(f"{at}/users")).json() == [ADA]
        said = await open_websocket(host.app, f"{at}/live")
        assert said[1]["text"] == ADA
    host.app.dependency_overrides = {}
    assert (await host.client.get("/callers")).status_code == 401


async def test_the_services_own_routes_know_who_stands_in(host: Host) -> None:
    await host.sign_up()
    bob = await host.sign_up("bob@example.com")
    host.app.dependency_overrides[current_principal] = principal
    made = await host.client.post("/auth/items/", json={"title": "Milk"})
    assert (made.status_code, made.json()["owner_id"]) == (201, 1), made.text
    for headers in ({}, bob):
        for path in ("/auth/users/me", "/auth/me", "/auth/api/v1/auth/me"):
            assert (await host.client.get(path, headers=headers)).json()["email"] == ADA, path
    assert (await host.client.get("/auth/users")).status_code == 200  # as the admin they stand for
    host.app.dependency_overrides.clear()
    assert (await host.client.get("/auth/me", headers=bob)).json()["email"] == "bob@example.com"
    assert (await host.client.get("/auth/me")).status_code == 401


@pytest.mark.parametrize("key", [current_user, optional_user])
async def test_one_user_stands_in_everywhere(host: Host, key: Any) -> None:
    host.app.dependency_overrides[key] = lambda: user(9)
    assert (await host.client.get("/callers")).json() == [9]
    assert (await host.client.get("/users")).json() == ["grace@example.com"]
    assert (await host.client.get("/auth/me")).json()["email"] == "grace@example.com"
    said = await open_websocket(host.app, "/live")
    assert said[1]["text"] == "grace@example.com"


async def test_a_principal_whom_the_database_does_not_know_has_a_user_made_up(host: Host) -> None:
    host.app.dependency_overrides[current_principal] = lambda: principal(42)
    assert (await host.client.get("/users")).json() == ["user-42@example.com"]
    for path in ("/auth/me", "/auth/users/me", "/auth/api/v1/users/me"):
        assert (await host.client.get(path)).json()["email"] == "user-42@example.com"


async def test_a_test_needs_no_running_host(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://host.test") as client:
        app.dependency_overrides[current_principal] = principal
        assert (await client.get("/callers")).json() == [1]
        assert (await client.get("/users")).json() == ["user-1@example.com"]
        app.dependency_overrides[current_principal] = lambda: principal(role="user")
        assert (await client.get("/callers")).json()["code"] == "permission_denied"


async def test_who_stands_in_has_their_own_role(host: Host) -> None:
    host.app.dependency_overrides[current_user] = lambda: user(role="user")
    refused = await host.client.get("/callers")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


async def test_both_may_be_replaced(host: Host) -> None:
    host.app.dependency_overrides[current_principal] = lambda: principal(3)
    host.app.dependency_overrides[current_user] = lambda: user(4)
    assert (await host.client.get("/callers")).json() == [3]
    assert (await host.client.get("/users")).json() == ["grace@example.com"]


async def test_nobody_may_stand_in(host: Host) -> None:
    headers = await host.sign_up()
    host.app.dependency_overrides[optional_user] = lambda: None
    host.app.dependency_overrides[optional_principal] = lambda: None
    for path in ("/callers", "/users", "/auth/me"):
        answer = await host.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


async def from_database() -> AsyncIterator[int]:
    yield 5


class Stranger:
    def __init__(self, user_id: int) -> None:
        self.user_id = user_id

    async def __call__(self) -> Principal:
        return principal(self.user_id)


async def asks_for_a_request(request: Request) -> Principal:
    return principal(int(request.headers.get("x-user", "5")))


async def asks_for_a_connection(connection: HTTPConnection) -> Principal:
    return principal(int(connection.query_params.get("user", "5")))


async def asks_for_more(user_id: Annotated[int, Depends(from_database)]) -> Principal:
    return principal(user_id)


async def asks_for_the_query(user: int = 5) -> Principal:
    return principal(user)


def yields() -> Iterator[Principal]:
    yield principal(5)


@pytest.mark.parametrize(
    "override",
    [
        asks_for_a_request,
        asks_for_a_connection,
        asks_for_more,
        asks_for_the_query,
        yields,
        functools.partial(principal, 5, "admin"),
        Stranger(5),
    ],
)
async def test_a_replacement_may_ask_for_what_any_dependency_may(
    host: Host, override: Callable[..., Any]
) -> None:
    host.app.dependency_overrides[current_principal] = override
    assert (await host.client.get("/callers")).json() == [5]
    assert (await host.client.get("/users")).json() == ["user-5@example.com"]


async def test_a_replacement_may_ask_for_the_real_caller(host: Host) -> None:
    headers = await host.sign_up()

    async def as_admin(real: CurrentPrincipal) -> User:
        return user(real.user_id + 10)

    host.app.dependency_overrides[current_user] = as_admin
    assert (await host.client.get("/callers", headers=headers)).json() == [11]
    assert (await host.client.get("/callers")).status_code == 401


async def test_a_replacement_may_refuse(host: Host) -> None:
    async def refuse() -> Principal:
        raise HTTPException(402, "not paid")

    host.app.dependency_overrides[current_principal] = refuse
    for path in ("/callers", "/users"):
        answer = await host.client.get(path)
        assert (answer.status_code, answer.json()) == (402, {"detail": "not paid"})


@pytest.mark.parametrize(
    ("status", "code"), [(401, "not_authenticated"), (403, "permission_denied")]
)
async def test_a_replacement_refuses_in_the_services_own_routes_too(
    host: Host, status: int, code: str
) -> None:
    async def refuse() -> Principal:
        raise HTTPException(status)

    host.app.dependency_overrides[current_principal] = refuse
    for path in ("/auth/me", "/auth/users", "/auth/items/"):
        answer = await host.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_other_overrides_replace_nobody(host: Host) -> None:
    host.app.dependency_overrides[from_database] = lambda: 1
    assert (await host.client.get("/callers")).status_code == 401
    headers = await host.sign_up()
    assert (await host.client.get("/users", headers=headers)).json() == [ADA]
    assert (await host.client.get("/auth/me", headers=headers)).json()["email"] == ADA


async def test_the_caller_of_one_instance_is_not_that_of_another(tmp_path: Path) -> None:
    app = FastAPI()
    first = install(app, settings_for(f"sqlite:///{tmp_path}/a.db"), "/a")
    second = install(app, settings_for(f"sqlite:///{tmp_path}/b.db"), "/b")

    @app.get("/first")
    async def of_first(user: Annotated[User, Depends(first.user)]) -> int:
        return user.id

    @app.get("/second")
    async def of_second(user: Annotated[User, Depends(second.user)]) -> int:
        return user.id

    async with running(app, first) as host:
        app.dependency_overrides[current_principal] = lambda: principal(1)
        assert (await host.client.get("/first")).json() == 1
        assert (await host.client.get("/second")).status_code == 401
        app.dependency_overrides[second.principal] = lambda: principal(2)
        assert (await host.client.get("/second")).json() == 2
        assert (await host.client.get("/first")).json() == 1
