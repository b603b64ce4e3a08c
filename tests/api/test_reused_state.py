"""A server may give all requests of a connection one `state`: none sees what is another's."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from gatepost import CurrentUser, install
from tests.api.conftest import MakeService
from tests.support.service import BASE_URL, PASSWORD, bearer, make_settings, sign_up

pytestmark = [pytest.mark.anyio, pytest.mark.every_database]

CREDENTIALS = {"email": "ada@example.com", "password": PASSWORD}
PROXY = ("10.0.0.1", 4711)


class OneConnection:
    """A server that reuses the state, as hypercorn does before 0.18 while a connection lasts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.state: dict[str, Any] = {"of": "the lifespan"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "client": PROXY, "state": self.state}, receive, send)

    def open_client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self)
        return httpx.AsyncClient(transport=transport, base_url=BASE_URL)


async def test_each_request_of_a_connection_has_its_own_address_and_limits(
    make_service: MakeService,
) -> None:
    async with make_service(trusted_proxies="10.0.0.0/8", rate_limit_requests=3) as service:
        connection = OneConnection(service.app)
        async with connection.open_client() as client:
            for address in ("203.0.113.1", "203.0.113.2"):
                forwarded = {"X-Forwarded-For": address}
                for left in (2, 1, 0):
                    answer = await client.get("/", headers=forwarded)
                    assert answer.status_code == 200
                    assert answer.headers["x-ratelimit-remaining"] == str(left)
                    assert answer.headers["ratelimit"].count("r=") == 1
                assert (await client.get("/", headers=forwarded)).status_code == 429
    assert connection.state == {"of": "the lifespan"}


async def test_each_login_of_a_connection_is_a_device_at_its_own_address(
    make_service: MakeService,
) -> None:
    async with make_service(trusted_proxies="10.0.0.0/8") as service:
        async with service.open_client() as client:
            account = await sign_up(client)
        connection = OneConnection(service.app)
        async with connection.open_client() as client:
            for address in ("203.0.113.1", "203.0.113.2"):
                answer = await client.post(
                    "/auth/login",
                    json={"email": account.email, "password": PASSWORD, "transport": "bearer"},
                    headers={"X-Forwarded-For": address},
                )
                assert answer.status_code == 200
            devices = (await client.get("/auth/sessions", headers=account.headers)).json()
    assert [each["address"] for each in devices] == ["192.0.2.7", "203.0.113.1", "203.0.113.2"]
    assert connection.state == {"of": "the lifespan"}


async def test_each_request_of_a_connection_has_its_own_id_in_a_host_too(
    fresh_database_url: str,
) -> None:
    host = FastAPI()
    install(host, make_settings(fresh_database_url, migrate_on_start=True))

    @host.get("/hello")
    async def hello(user: CurrentUser) -> str:
        return user.email

    async with host.router.lifespan_context(host):
        connection = OneConnection(host)
        async with connection.open_client() as client:
            body = CREDENTIALS | {"transport": "bearer"}
            await client.post("/auth/register", json=CREDENTIALS)
            token = (await client.post("/auth/login", json=body)).json()["access_token"]
            assert (await client.get("/hello", headers=bearer(token))).status_code == 200
            refused = [(await client.get("/hello")).json()["request_id"] for _ in range(2)]
    assert refused[0] != refused[1]
    assert connection.state == {"of": "the lifespan"}
