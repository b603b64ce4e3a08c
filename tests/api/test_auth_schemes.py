"""Clients may send the access token by another scheme than Bearer, where it is said."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gatepost import CurrentUser, OptionalUser, Settings, SettingsError, install
from tests.api.conftest import MakeService
from tests.support.hosts import ADA, running, settings_for
from tests.support.service import SECRET, sign_up

pytestmark = pytest.mark.anyio

ROUTES = ("/api/v1/users/me", "/users/me", "/api/v1/auth/sessions", "/api/v1/items")


async def ask(client: httpx.AsyncClient, path: str, value: str) -> httpx.Response:
    return await client.get(path, headers={"Authorization": value})


def expect(answer: httpx.Response, code: str, challenge: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == challenge


@asynccontextmanager
async def signed_up(
    make_service: MakeService, *schemes: str
) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    async with make_service(auth_schemes=schemes) as service, service.open_client() as client:
        yield client, (await sign_up(client)).access_token


async def test_a_token_may_come_by_each_scheme_that_is_named(make_service: MakeService) -> None:
    invalid = 'Bearer error="invalid_token", Token error="invalid_token"'
    async with signed_up(make_service, "Bearer", "Token") as (client, token):
        for path in ROUTES:
            for scheme in ("Bearer", "bearer", "Token", "token", "TOKEN"):
                assert (await ask(client, path, f"{scheme} {token}")).status_code == 200
            unnamed = await ask(client, path, f"JWT {token}")
            expect(unnamed, "not_authenticated", "Bearer, Token")
            expect(await ask(client, path, "Token a.b.c"), "invalid_token", invalid)
        wrong = {"email": ADA, "password": "not the one"}
        answer = await client.post("/api/v1/auth/login", json=wrong)
        assert answer.headers["www-authenticate"] == "Bearer, Token"
        headers = {"Authorization": f"Token {token}"}
        assert (await client.post("/api/v1/auth/logout", headers=headers)).status_code == 200
        expect(await ask(client, ROUTES[0], f"Bearer {token}"), "invalid_token", invalid)


async def test_bearer_is_refused_where_it_is_not_named(make_service: MakeService) -> None:
    async with signed_up(make_service, "Token") as (client, token):
        for _ in range(2):  # once more, when the caller is remembered
            for path in ROUTES:
                assert (await ask(client, path, f"Token {token}")).status_code == 200
                expect(await ask(client, path, f"Bearer {token}"), "not_authenticated", "Token")


async def test_the_routes_of_a_host_take_the_same_schemes(tmp_path: Path) -> None:
    app = FastAPI()
    url = f"sqlite:///{tmp_path}/host.db"
    gatepost = install(app, settings_for(url, auth_schemes=("Bearer", "Token")))

    @app.get("/hello")
    async def hello(user: CurrentUser) -> str:
        return user.email

    @app.get("/maybe")
    async def maybe(user: OptionalUser) -> str:
        return user.email if user else "nobody"

    async with running(app, gatepost) as host:
        token = (await host.sign_up())["Authorization"].removeprefix("Bearer ")
        for path in ("/hello", "/maybe"):
            assert (await ask(host.client, path, f"Token {token}")).json() == ADA
            answer = await ask(host.client, path, "Token a")
            invalid = 'Bearer error="invalid_token", Token error="invalid_token"'
            expect(answer, "invalid_token", invalid)
        assert (await ask(host.client, "/maybe", "JWT a")).json() == "nobody"
        expect(await ask(host.client, "/hello", "JWT a"), "not_authenticated", "Bearer, Token")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Bearer,Token", ("Bearer", "Token")),
        (" token , TOKEN,Bearer ", ("token", "Bearer")),
        ('["JWT"]', ("JWT",)),
        ("", ("Bearer",)),
    ],
)
def test_schemes_are_a_list(written: str, read: tuple[str, ...]) -> None:
    environ = {"SECRET_KEY": SECRET, "AUTH_SCHEMES": written}
    assert Settings.from_environment(environ, env_file=None).transports.auth_schemes == read


@pytest.mark.parametrize(
    "wrong", ["Bea rer", "Bearer;", "Bearer=", "Bearer:", "Bëarer", ",", "[]", "Basic", "DPoP", "1"]
)
def test_what_is_no_scheme_of_a_token_is_told_at_start(wrong: str) -> None:
    environ = {"SECRET_KEY": SECRET, "AUTH_SCHEMES": wrong}
    with pytest.raises(SettingsError, match="AUTH_SCHEMES"):
        Settings.from_environment(environ, env_file=None)


@pytest.mark.parametrize("wrong", [(), "", [1], 7, None, {"a": 1}])
def test_schemes_from_code_are_judged_alike(wrong: Any) -> None:
    with pytest.raises(SettingsError, match="AUTH_SCHEMES"):
        Settings(secret_key=SECRET, auth_schemes=wrong)
