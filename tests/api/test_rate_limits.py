"""Limits for each client: how many pass, what answers tell of it, whom they count."""

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import httpx
import pytest

from gatepost import Settings
from tests.api.conftest import MakeService
from tests.support.service import Service, make_settings, register, sign_up

pytestmark = pytest.mark.anyio

REFUSED = 429


async def statuses(client: httpx.AsyncClient, count: int, path: str = "/") -> list[int]:
    return [(await client.get(path)).status_code for _ in range(count)]


def from_address(service: Service, address: str, **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=service.app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="https://gatepost.test", **options)


def fresh_address() -> str:
    """One that no test before has left in Redis."""
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


async def test_past_the_limit_a_client_waits_for_the_window(make_service: MakeService) -> None:
    async with make_service(rate_limit_requests=5) as service, service.open_client() as client:
        assert await statuses(client, 7) == [200] * 5 + [REFUSED] * 2
        service.clock.advance(timedelta(seconds=59))
        refused = await client.get("/")
        assert refused.status_code == REFUSED
        assert refused.headers["Retry-After"] == "1"
        service.clock.advance(timedelta(seconds=1))
        assert await statuses(client, 1) == [200]


async def test_a_refusal_is_a_problem_that_says_when_to_come_back(
    make_service: MakeService,
) -> None:
    async with make_service(rate_limit_requests=1) as service, service.open_client() as client:
        await client.get("/")
        refused = await client.get("/")
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.json()["code"] == "rate_limited"
        assert refused.json()["request_id"] == refused.headers["X-Request-ID"]
        assert refused.headers["Retry-After"] == "60"
        assert refused.headers["Strict-Transport-Security"]
        assert refused.headers["Cache-Control"] == "no-store"


async def test_every_answer_tells_what_is_left(make_service: MakeService) -> None:
    async with make_service(rate_limit_requests=3) as service, service.open_client() as client:
        told = []
        for path in ("/", "/no/such", "/api/v1/users/me", "/"):
            headers = (await client.get(path)).headers
            assert headers["RateLimit-Policy"] == '"default";q=3;w=60'
            assert headers["X-RateLimit-Limit"] == "3"
            told.append((headers["RateLimit"], headers["X-RateLimit-Remaining"]))
        assert told == [
            ('"default";r=2;t=60', "2"),
            ('"default";r=1;t=60', "1"),
            ('"default";r=0;t=60', "0"),
            ('"default";r=0;t=60', "0"),
        ]


async def test_retry_after_is_never_earlier_than_the_reset(make_service: MakeService) -> None:
    async with make_service(rate_limit_requests=4) as service, service.open_client() as client:
        for seconds in (0, 13.3, 20, 31.7, 5, 44.4, 0.1):
            service.clock.advance(timedelta(seconds=seconds))
            while (answer := await client.get("/")).status_code == 200:
                pass
            reset = int(answer.headers["RateLimit"].rpartition("t=")[2])
            assert int(answer.headers["Retry-After"]) >= reset
            service.clock.advance(timedelta(seconds=int(answer.headers["Retry-After"])))
            assert (await client.get("/")).status_code == 200


async def test_of_a_thousand_at_once_the_limit_passes(make_service: MakeService) -> None:
    async with make_service(rate_limit_requests=100) as service, service.open_client() as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(1000)))
        assert [answer.status_code for answer in answers].count(200) == 100


@pytest.mark.every_database
async def test_of_a_thousand_at_once_the_limit_passes_with_the_database(
    make_service: MakeService,
) -> None:
    settings = {"rate_limit_requests": 100, "store": "database"}
    async with make_service(**settings) as service, service.open_client() as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(1000)))
        assert [answer.status_code for answer in answers].count(200) == 100
        assert not service.runtime.rate_limits.unchecked


@pytest.mark.slow
async def test_of_a_thousand_at_once_the_limit_passes_with_redis(
    make_service: MakeService, redis_url: str
) -> None:
    settings = {"rate_limit_requests": 100, "redis_url": redis_url}
    async with (
        make_service(**settings) as service,
        from_address(service, fresh_address()) as client,
    ):
        answers = await asyncio.gather(*(client.get("/") for _ in range(1000)))
        assert [answer.status_code for answer in answers].count(200) == 100
        assert not service.runtime.rate_limits.unchecked


@pytest.mark.parametrize(
    "path", ["/health", "/health/live", "/health/ready", "/static/x/y", "/metrics"]
)
async def test_monitors_and_static_files_are_not_counted(
    make_service: MakeService, path: str
) -> None:
    async with make_service(rate_limit_requests=2) as service, service.open_client() as client:
        for _ in range(5):
            answer = await client.get(path)
            assert answer.status_code != REFUSED
            assert "RateLimit" not in answer.headers
        assert await statuses(client, 3) == [200, 200, REFUSED]


@pytest.mark.parametrize("path", ["/healthy", "/api/v1/health", "//health", "/Health", "/statics"])
async def test_what_only_looks_exempt_is_counted(make_service: MakeService, path: str) -> None:
    async with make_service(rate_limit_requests=2) as service, service.open_client() as client:
        answered = await statuses(client, 3, f"https://gatepost.test{path}")
        assert answered[2] == REFUSED


async def test_clients_are_counted_apart(make_service: MakeService) -> None:
    async with make_service(rate_limit_requests=2) as service:
        for address in ("192.0.2.1", "192.0.2.2"):
            async with from_address(service, address) as client:
                assert await statuses(client, 3) == [200, 200, REFUSED]


async def test_the_addresses_of_an_ipv6_64_are_one_client(make_service: MakeService) -> None:
    async with make_service(rate_limit_requests=3) as service:
        answered: list[int] = []
        for number in range(5):
            async with from_address(service, f"2001:db8:1:2:{number}::{number}") as client:
                answered += await statuses(client, 1)
        assert answered == [200] * 3 + [REFUSED] * 2
        async with from_address(service, "2001:db8:1:3::1") as client:
            assert await statuses(client, 1) == [200]


async def test_a_forged_header_makes_nobody_somebody_else(make_service: MakeService) -> None:
    async with make_service(rate_limit_requests=3, trusted_proxies="10.0.0.0/8") as service:
        answered: list[int] = []
        for number in range(5):
            forged = {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": f"203.0.113.{number}"}
            async with from_address(service, "192.0.2.7", headers=forged) as client:
                answered += await statuses(client, 1)
        assert answered == [200] * 3 + [REFUSED] * 2


async def test_behind_a_proxy_clients_are_those_it_names(make_service: MakeService) -> None:
    async with make_service(rate_limit_requests=2, trusted_proxies="10.0.0.0/8") as service:
        for client_of_proxy in ("203.0.113.1", "203.0.113.2"):
            answered: list[int] = []
            for forged in ("1.1.1.1, ", "2.2.2.2, ", ""):
                headers = {"X-Forwarded-For": f"{forged}{client_of_proxy}"}
                async with from_address(service, "10.0.0.1", headers=headers) as client:
                    answered += await statuses(client, 1)
            assert answered == [200, 200, REFUSED]


async def test_logins_have_a_limit_of_their_own(make_service: MakeService) -> None:
    settings = {"rate_limit_login": "3/60", "rate_limit_requests": 1000}
    async with make_service(**settings) as service, service.open_client() as client:
        await register(client)
        answered: list[int] = []
        for path in ("/login", "/api/v1/auth/login", "/users/code", "/auth/login"):
            body = {"email": f"{len(answered)}@example.com", "password": "wrong password"}
            answer = await client.post(path, json=body)
            answered.append(answer.status_code)
        assert answered == [401, 401, 401, REFUSED]
        assert answer.json()["code"] == "rate_limited"
        assert answer.headers["RateLimit-Policy"] == '"default";q=1000;w=60, "login";q=3;w=60'
        assert '"login";r=0;t=60' in answer.headers["RateLimit"]
        assert answer.headers["X-RateLimit-Limit"] == "3"
        assert await statuses(client, 1) == [200]


async def test_refreshing_has_a_limit_of_its_own(make_service: MakeService) -> None:
    async with make_service(rate_limit_refresh="2/60") as service, service.open_client() as client:
        account = await sign_up(client)
        client.cookies.clear()
        body = {"refresh_token": account.refresh_token}
        answered = [
            (await client.post("/api/v1/auth/refresh", json=body)).status_code for _ in range(3)
        ]
        assert answered == [200, 200, REFUSED]


async def test_each_row_of_a_bulk_registration_counts(make_service: MakeService) -> None:
    settings = {"rate_limit_registration": "5/3600"}
    async with make_service(**settings) as service, service.open_client() as client:
        await register(client, "first@example.com")

        async def bulk(count: int, name: str) -> int:
            rows = [
                {"email": f"{name}{number}@example.com", "password": "correct horse battery"}
                for number in range(count)
            ]
            answer = await client.post("/api/v1/auth/register/bulk", json={"users": rows})
            return answer.status_code

        assert await bulk(5, "a") == REFUSED
        assert await bulk(3, "b") == 201
        assert await bulk(2, "c") == REFUSED
        body = {"email": "last@example.com", "password": "correct horse battery"}
        assert (await client.post("/register", json=body)).status_code == 201
        assert (await client.post("/auth/register", json=body)).status_code == REFUSED


async def test_the_stricter_limits_follow_the_general_one(migrated_url: str) -> None:
    def amounts(settings: Settings) -> dict[str, int]:
        return {name: quota.amount for name, quota in settings.quotas.items()}

    default = make_settings(migrated_url, rate_limit_requests=100)
    assert amounts(default) == {
        "default": 100,
        "login": 30,
        "refresh": 60,
        "registration": 100,
    }
    assert amounts(make_settings(migrated_url, rate_limit_requests=1))["login"] == 1
    assert default.quotas["registration"].window == timedelta(hours=1)


async def test_a_preflight_costs_nothing(make_service: MakeService) -> None:
    origins = "https://app.example.com"
    async with (
        make_service(rate_limit_requests=1, allowed_origins=origins) as service,
        service.open_client() as client,
    ):
        ask = {"Origin": origins, "Access-Control-Request-Method": "POST"}
        for _ in range(3):
            answer = await client.options("/api/v1/auth/login", headers=ask)
            assert answer.status_code < 300
        answer = await client.get("/", headers={"Origin": origins})
        exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)
