"""Lockout: few wrong passwords, however they are sent, and no right one is lost for it."""

import asyncio
import secrets
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from gatepost.features.callers.roles import Role
from tests.api.conftest import MakeService
from tests.support.service import (
    PASSWORD,
    Account,
    Service,
    bearer,
    log_in,
    register,
    sign_up,
    sign_up_as,
)

pytestmark = pytest.mark.anyio

WRONG = "a wrong password"
QUARTER = timedelta(minutes=15)


def from_address(service: Service, address: str, **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=service.app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="https://gatepost.test", **options)


async def attempt(
    client: httpx.AsyncClient, password: str = WRONG, login: str = "ada@example.com"
) -> httpx.Response:
    return await client.post("/api/v1/auth/login", json={"email": login, "password": password})


async def attempts(client: httpx.AsyncClient, count: int, **how: str) -> list[int]:
    return [(await attempt(client, **how)).status_code for _ in range(count)]


async def lock(client: httpx.AsyncClient, login: str = "ada@example.com") -> None:
    assert await attempts(client, 5, login=login) == [401] * 5


async def events_of(service: Service, client: httpx.AsyncClient) -> Counter[str]:
    admin = await sign_up_as(service, client, Role.ADMIN, "auditor@example.com")
    headers = bearer((await log_in(client, admin.email))["access_token"])
    answer = await client.get("/api/v1/audit", params={"limit": 200}, headers=headers)
    return Counter(row["event"] for row in answer.json())


async def test_after_five_wrong_passwords_even_the_right_one_waits(
    service: Service, client: httpx.AsyncClient
) -> None:
    await register(client)
    assert await attempts(client, 6) == [401] * 5 + [429]
    refused = await attempt(client, PASSWORD)
    assert refused.status_code == 429
    assert refused.json()["code"] == "login_locked"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["Retry-After"] == "900"
    service.clock.advance(QUARTER - timedelta(seconds=1))
    assert (await attempt(client, PASSWORD)).headers["Retry-After"] == "1"
    service.clock.advance(timedelta(seconds=1))
    assert (await attempt(client, PASSWORD)).status_code == 200


async def test_tries_during_a_lock_do_not_make_it_longer(
    service: Service, client: httpx.AsyncClient
) -> None:
    await register(client)
    await lock(client)
    for _ in range(3):
        service.clock.advance(timedelta(minutes=5))
        last = await attempt(client, PASSWORD)
    assert last.status_code == 200


async def test_a_right_password_clears_the_count(client: httpx.AsyncClient) -> None:
    await register(client)
    for _ in range(3):
        assert await attempts(client, 4) == [401] * 4
        await log_in(client)


async def test_another_address_is_not_locked(service: Service, client: httpx.AsyncClient) -> None:
    await register(client)
    await lock(client)
    async with from_address(service, "198.51.100.1") as other:
        assert (await attempt(other, PASSWORD)).status_code == 200
    assert (await attempt(client, PASSWORD)).status_code == 429


async def test_another_account_is_not_locked(client: httpx.AsyncClient) -> None:
    await register(client)
    await register(client, "grace@example.com")
    await lock(client)
    assert (await attempt(client, PASSWORD, "grace@example.com")).status_code == 200


async def test_twenty_wrong_passwords_from_anywhere_lock_the_account(service: Service) -> None:
    answered = []
    async with from_address(service, "192.0.2.200") as client:
        await register(client)
        for number in range(21):
            async with from_address(service, f"198.51.100.{number}") as other:
                answered.append((await attempt(other)).status_code)
        assert answered == [401] * 20 + [429]
        assert (await attempt(client, PASSWORD)).status_code == 429
        service.clock.advance(QUARTER)
        assert (await attempt(client, PASSWORD)).status_code == 200


async def test_the_addresses_of_an_ipv6_64_are_one_place(service: Service) -> None:
    answered = []
    for number in range(7):
        async with from_address(service, f"2001:db8:1:2:{number}::1") as client:
            answered.append((await attempt(client)).status_code)
    assert answered == [401] * 5 + [429] * 2


async def test_a_forged_header_gives_no_more_tries(make_service: MakeService) -> None:
    async with make_service(trusted_proxies="10.0.0.0/8") as service:
        answered = []
        for number in range(7):
            forged = {"X-Forwarded-For": f"203.0.113.{number}"}
            async with from_address(service, "192.0.2.7", headers=forged) as client:
                answered.append((await attempt(client)).status_code)
        assert answered == [401] * 5 + [429] * 2


async def test_an_unknown_account_locks_alike(client: httpx.AsyncClient) -> None:
    await register(client)
    for login in ("nobody@example.com", "no-address@", "x" * 300):
        known = [await attempt(client, login="ada@example.com") for _ in range(7)]
        unknown = [await attempt(client, login=login) for _ in range(7)]
        for one, other in zip(known[-6:], unknown[-6:], strict=True):
            if one.status_code == other.status_code:
                assert {**one.json(), "request_id": ""} == {**other.json(), "request_id": ""}
        assert [answer.status_code for answer in unknown] == [401] * 5 + [429] * 2
        assert unknown[-1].headers["Retry-After"] == "900"


async def test_an_unknown_name_is_one_account_however_it_is_written(
    client: httpx.AsyncClient,
) -> None:
    spellings = [
        "nobody@example.com",
        "NOBODY@EXAMPLE.COM",
        " nobody@example.com ",
        "Nobody@Example.com",
    ]
    answered = [
        (await attempt(client, login=spellings[number % 4])).status_code for number in range(7)
    ]
    assert answered == [401] * 5 + [429] * 2


WAYS = [
    ("/login", "json", "email", "ada@example.com"),
    ("/api/v1/auth/login", "data", "username", "ADA@example.com"),
    ("/users/code", "json", "username", "Ada_L"),
    ("/auth/login", "json", "username", "ada_l"),
    ("/login", "data", "username", "ada_l"),
    ("/users/code", "data", "username", "ada@example.com"),
    ("/api/v1/auth/login", "json", "email", "ada@example.com"),
]


async def test_every_way_in_counts_together(client: httpx.AsyncClient) -> None:
    await register(client, username="ada_l")
    answered = []
    for path, form, field, login in WAYS:
        body = {form: {field: login, "password": WRONG}}
        answered.append((await client.post(path, **body)).status_code)  # type: ignore[arg-type] # one of two keywords
    assert answered == [401] * 5 + [429] * 2
    for path, form, field, login in WAYS:
        body = {form: {field: login, "password": PASSWORD}}
        assert (await client.post(path, **body)).status_code == 429  # type: ignore[arg-type] # as above


@pytest.mark.every_database
async def test_fifty_wrong_passwords_at_once_are_five_tries(
    service: Service, client: httpx.AsyncClient
) -> None:
    await register(client)
    for login in ("ada@example.com", "nobody@example.com"):
        before = service.runtime.hash_pool.begun
        answers = await asyncio.gather(*(attempt(client, login=login) for _ in range(50)))
        codes = Counter(answer.status_code for answer in answers)
        assert codes == {401: 5, 429: 45}
        assert service.runtime.hash_pool.begun - before == 5


@pytest.mark.every_database
@pytest.mark.parametrize("store", ["database", "redis"])
async def test_fifty_wrong_passwords_at_once_are_five_tries_in_a_shared_store(
    make_service: MakeService, redis_url: str, store: str
) -> None:
    settings = {"store": store, "redis_url": redis_url, "secret_key": fresh_secret()}
    async with make_service(**settings) as service, service.open_client() as client:
        await register(client)
        before = service.runtime.hash_pool.begun
        answers = await asyncio.gather(*(attempt(client) for _ in range(50)))
        assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 45}
        assert service.runtime.hash_pool.begun - before == 5
        assert (await attempt(client, PASSWORD)).status_code == 429


async def test_two_processes_with_a_shared_store_give_five_tries_together(
    make_service: MakeService, redis_url: str
) -> None:
    settings = {"redis_url": redis_url, "secret_key": fresh_secret()}
    async with make_service(**settings) as one, make_service(**settings) as two:
        async with one.open_client() as at_one, two.open_client() as at_two:
            await register(at_one)
            answers = await asyncio.gather(
                *(attempt(client) for _ in range(25) for client in (at_one, at_two))
            )
        assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 45}


@pytest.mark.every_database
@pytest.mark.parametrize("store", ["memory", "database", "redis"])
async def test_fifty_right_passwords_at_once_all_log_in(
    make_service: MakeService, redis_url: str, store: str
) -> None:
    settings = {"store": store, "redis_url": redis_url, "secret_key": fresh_secret()}
    async with make_service(**settings) as service, service.open_client() as client:
        await register(client)
        answers = await asyncio.gather(*(attempt(client, PASSWORD) for _ in range(50)))
        assert Counter(answer.status_code for answer in answers) == {200: 50}


async def test_an_attempt_that_found_the_server_busy_counts_nothing(
    make_service: MakeService,
) -> None:
    busy = make_service(hash_threads=1, hash_queue_limit=1)
    async with busy as service, service.open_client() as client:
        await register(client)
        answers = await asyncio.gather(*(attempt(client, PASSWORD) for _ in range(20)))
        assert {answer.status_code for answer in answers} <= {200, 503}
        assert await attempts(client, 6) == [401] * 5 + [429]


async def test_confirming_a_password_counts_with_logins(client: httpx.AsyncClient) -> None:
    account = await sign_up(client)
    answered = []
    for number in range(3):
        answered.append(await change_password(client, account, WRONG))
        body = {"email": f"new{number}@example.com", "current_password": WRONG}
        answer = await client.patch("/api/v1/users/me", json=body, headers=account.headers)
        answered.append(answer.status_code)
    assert answered == [403] * 5 + [429]
    assert await change_password(client, account, PASSWORD) == 429
    assert (await attempt(client, PASSWORD)).status_code == 429


async def test_logins_that_failed_count_with_confirming_a_password(
    client: httpx.AsyncClient,
) -> None:
    account = await sign_up(client)
    client.cookies.clear()
    await lock(client)
    assert await change_password(client, account, PASSWORD) == 429


async def change_password(client: httpx.AsyncClient, account: Account, current: str) -> int:
    body = {"current_password": current, "new_password": "another fine passphrase"}
    answer = await client.post("/api/v1/users/me/password", json=body, headers=account.headers)
    return answer.status_code


async def test_an_admin_lets_somebody_in_before_the_lock_ends(
    service: Service, client: httpx.AsyncClient
) -> None:
    admin = await sign_up_as(service, client, Role.ADMIN)
    admin_headers = bearer((await log_in(client, admin.email))["access_token"])
    user = await register(client)
    client.cookies.clear()
    await lock(client)
    path = f"/api/v1/users/{user['id']}/unlock"
    unlocked = await client.post(path, headers=admin_headers)
    assert unlocked.status_code == 200
    assert unlocked.json()["email"] == "ada@example.com"
    assert (await attempt(client, PASSWORD)).status_code == 200


async def test_only_admins_unlock_and_only_users_there_are(
    service: Service, client: httpx.AsyncClient
) -> None:
    moderator = await sign_up_as(service, client, Role.MODERATOR)
    headers = bearer((await log_in(client, moderator.email))["access_token"])
    client.cookies.clear()
    path = f"/api/v1/users/{moderator.id}/unlock"
    assert (await client.post(path)).status_code == 401
    assert (await client.post(path, headers=headers)).status_code == 403
    admin = await sign_up_as(service, client, Role.ADMIN)
    headers = bearer((await log_in(client, admin.email))["access_token"])
    assert (await client.post("/api/v1/users/999999/unlock", headers=headers)).status_code == 404


@pytest.mark.parametrize("store", ["memory", "database", "redis"])
async def test_another_process_unlocks(
    make_service: MakeService, redis_url: str, store: str
) -> None:
    """As `gatepost users unlock` does."""
    settings = {"store": store, "redis_url": redis_url, "secret_key": fresh_secret()}
    async with make_service(**settings) as service, service.open_client() as client:
        user = await register(client)
        await lock(client)
        assert (await attempt(client, PASSWORD)).status_code == 429
        async with make_service(**settings) as other:
            await other.runtime.lockout.unlock_elsewhere(f"user {user['id']}")
            assert (await attempt(client, PASSWORD)).status_code == 200
        await lock(client)
        assert (await attempt(client, PASSWORD)).status_code == 429


async def test_the_limits_are_settings(make_service: MakeService) -> None:
    settings = {"lockout_failures_per_address": 2, "lockout_minutes": 3}
    async with make_service(**settings) as service, service.open_client() as client:
        assert await attempts(client, 3) == [401, 401, 429]
        assert (await attempt(client)).headers["Retry-After"] == "180"


async def test_a_lock_is_remembered_once(service: Service, client: httpx.AsyncClient) -> None:
    await register(client)
    await attempts(client, 10)
    events = await events_of(service, client)
    assert events["login.failed"] == 5
    assert events["login.locked"] == 1


async def test_what_is_kept_names_neither_accounts_nor_addresses(
    make_service: MakeService, redis_url: str
) -> None:
    settings = {"redis_url": redis_url, "secret_key": fresh_secret()}
    async with make_service(**settings) as service, service.open_client() as client:
        await attempt(client, login="nobody@example.com")

    async with Redis.from_url(redis_url) as redis:
        for name in await redis.keys("gatepost:*:lockout:*"):
            kept = f"{name!r} {await redis.hgetall(name)!r}"
            assert "nobody" not in kept
            assert "192.0.2.7" not in kept


def fresh_secret() -> str:
    """With a key of its own the service finds nothing of earlier tests in a shared store."""
    return secrets.token_urlsafe(32)
