"""The caller's profile is answered in two ways: nobody can tell by the answer which it was."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from gatepost import create_app, install
from gatepost.features.callers.cache import cache_of
from gatepost.features.signing_keys import service as signing_keys
from gatepost.features.signing_keys.state import SigningKeysState
from gatepost.security.tokens import encode
from tests.api.conftest import MakeService
from tests.support.clock import SetClock
from tests.support.service import (
    PASSWORD,
    Account,
    Service,
    bearer,
    make_settings,
    sign_up,
    status_of,
)
from tests.support.tokens import claims_of

pytestmark = pytest.mark.anyio

PATHS = ("/users/me", "/auth/me", "/api/v1/users/me", "/api/v1/auth/me")
METHODS = ("GET", "HEAD", "OPTIONS", "DELETE")
OFTEN = 3
ID = {"X-Request-ID": "the-same-for-all"}

Ask = Callable[[], Awaitable[httpx.Response]]


def seen(answer: httpx.Response) -> tuple[Any, ...]:
    """All of it but what tells how many requests there were before."""
    counted = ("ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset")
    fields = [(name, value) for name, value in answer.headers.multi_items() if name not in counted]
    return answer.status_code, sorted(fields), answer.content


async def each_the_same(ask: Ask, status: int) -> None:
    """Asked several times, whoever answers: the first time is the framework's way at least."""
    answers = [seen(await ask()) for _ in range(OFTEN)]
    assert {answer[0] for answer in answers} == {status}
    assert answers == [answers[0]] * OFTEN


@pytest.mark.parametrize("allowed_origins", ["", "https://app.example.com"])
@pytest.mark.parametrize("name", ["Ada", 'Zoë "☃" \\ </script> \U0001f600', None])
async def test_both_ways_give_the_same_bytes(
    make_service: MakeService, name: str | None, allowed_origins: str
) -> None:
    settings = {"rate_limit_requests": 10_000, "allowed_origins": allowed_origins}
    # Where nothing is remembered the framework answers each time.
    async with (
        make_service(**settings, session_cache_seconds=0) as plain,
        make_service(**settings) as remembering,
        plain.open_client() as at_plain,
        remembering.open_client() as at_remembering,
    ):
        account = await sign_up(at_plain)
        changes = {"full_name": name}
        changed = await at_plain.patch("/users/me", json=changes, headers=account.headers)
        assert changed.status_code == 200
        statuses = set()
        for method, path in itertools.product(METHODS, (*PATHS, "/users/me?x=1", "/users/me/")):
            for _ in range(OFTEN):
                told = [
                    seen(await client.request(method, path, headers={**account.headers, **ID}))
                    for client in (at_plain, at_remembering)
                ]
                assert told[0] == told[1], (method, path)
                statuses.add(told[0][0])
    assert statuses == {200, 404, 405, 422}


async def test_what_is_remembered_is_what_is_sent(
    client: httpx.AsyncClient, service: Service
) -> None:
    account = await sign_up(client)
    await client.get("/users/me", headers=account.headers)
    session_id = claims_of(account.access_token)["sid"]
    remembered = cache_of(service.runtime).find(session_id, service.clock.now())
    assert remembered is not None
    remembered.rendered = b'{"a mark":1}'
    for path in PATHS:
        answer = await client.get(path, headers=account.headers)
        assert (answer.status_code, answer.json()) == (200, {"a mark": 1})
        assert answer.headers["Content-Security-Policy"]
        assert answer.headers["RateLimit"]
        assert answer.headers["X-Request-ID"]
    by_cookie = {"Cookie": f"access_token={account.access_token}"}
    assert (await client.get("/users/me", headers=by_cookie)).json() == {"a mark": 1}
    service.runtime.session_cache.clear()  # which would be found to tell a lie


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "{token}")],
        [("Authorization", "Basic {token}")],
        [("Authorization", "Bearer {token}x")],
        [("Authorization", "Bearer {token}"), ("Authorization", "Bearer {token}")],
        [("Authorization", "Bearer"), ("Authorization", "Bearer {token}")],
        [("Authorization", "Bearer ")],
        [("Authorization", "Bearer {token} {token}")],
        [("Cookie", "refresh_token={token}")],
    ],
)
async def test_what_is_refused_the_first_time_is_refused_the_second(
    client: httpx.AsyncClient, headers: list[tuple[str, str]]
) -> None:
    account = await sign_up(client)
    assert (await client.get("/users/me", headers=account.headers)).status_code == 200
    sent = [(name, value.format(token=account.access_token)) for name, value in headers]
    await each_the_same(lambda: client.get("/users/me", headers=[*sent, *ID.items()]), 401)


async def test_a_change_is_shown_to_the_next_request(client: httpx.AsyncClient) -> None:
    account = await sign_up(client)
    for name in ("Ada", "Augusta", "Ada King"):
        answers = [await client.get("/users/me", headers=account.headers) for _ in range(OFTEN)]
        assert len({answer.content for answer in answers}) == 1
        await client.patch("/users/me", json={"full_name": name}, headers=account.headers)
        answer = await client.get("/users/me", headers=account.headers)
        assert answer.json()["full_name"] == name


async def test_whoever_logs_out_is_refused_at_once(client: httpx.AsyncClient) -> None:
    account = await sign_up(client)
    for _ in range(OFTEN):
        assert (await client.get("/users/me", headers=account.headers)).status_code == 200
    await client.post("/auth/logout", headers=account.headers)
    await each_the_same(lambda: client.get("/users/me", headers={**account.headers, **ID}), 401)


# --- Tokens that were verified before -------------------------------------------------------------


async def test_a_token_that_was_good_is_refused_once_it_has_expired(
    client: httpx.AsyncClient, clock: SetClock
) -> None:
    account = await sign_up(client)
    assert await status_of(client, account.access_token) == 200
    lifetime = claims_of(account.access_token)["exp"] - clock.now().timestamp()
    clock.advance(timedelta(seconds=lifetime + 9))
    assert await status_of(client, account.access_token) == 200
    clock.advance(timedelta(seconds=1.5))
    assert await status_of(client, account.access_token) == 401


async def test_a_token_that_was_good_is_refused_by_a_clock_that_is_before_it(
    client: httpx.AsyncClient, clock: SetClock
) -> None:
    account = await sign_up(client)
    assert await status_of(client, account.access_token) == 200
    clock.step(timedelta(seconds=-30))
    assert await status_of(client, account.access_token) == 401


async def test_a_token_that_was_good_is_refused_once_its_key_has_retired(
    make_service: MakeService, clock: SetClock
) -> None:
    async with make_service(algorithm="ES256") as service, service.open_client() as client:
        account = await sign_up(client)
        token = long_lived(service, account)
        assert await status_of(client, token) == 200
        async with service.work() as work:
            await signing_keys.rotate(work, timedelta(hours=3))
        clock.advance(timedelta(hours=2, minutes=59, seconds=58))
        for _ in range(OFTEN):
            assert await status_of(client, token) == 200
        clock.advance(timedelta(minutes=1, seconds=3))  # within which a process reads its keys
        assert await status_of(client, token) == 401


def long_lived(service: Service, account: Account) -> str:
    """The account's token as it would be if it lived for a day."""
    key = service.runtime.state(SigningKeysState).ring.signing
    assert key is not None
    claims = claims_of(account.access_token)
    return encode("at+jwt", {**claims, "exp": claims["exp"] + 24 * 3600}, key)


async def test_two_services_in_a_process_do_not_share_what_they_verified(
    make_service: MakeService,
) -> None:
    async with (
        make_service(audience="one") as one,
        make_service(audience="two") as two,
        one.open_client() as at_one,
        two.open_client() as at_two,
    ):
        account = await sign_up(at_one)
        for _ in range(OFTEN):
            assert await status_of(at_one, account.access_token) == 200
            assert await status_of(at_two, account.access_token) == 401


async def test_no_token_is_remembered_that_was_refused(
    client: httpx.AsyncClient, service: Service
) -> None:
    account = await sign_up(client)
    assert await status_of(client, account.access_token) == 200
    known = len(service.runtime.state(SigningKeysState).ring.verified)
    for number in range(5):
        assert await status_of(client, f"{account.access_token}{'A' * (4 * number + 4)}") == 401
    assert len(service.runtime.state(SigningKeysState).ring.verified) == known


async def test_many_at_once_get_their_own(client: httpx.AsyncClient) -> None:
    accounts = [await sign_up(client, f"user{number}@example.com") for number in range(4)]
    asked = [account for _ in range(10) for account in accounts]
    answers = await asyncio.gather(
        *(client.get("/users/me", headers=account.headers) for account in asked)
    )
    assert [answer.json()["id"] for answer in answers] == [account.id for account in asked]


@pytest.mark.databases("sqlite")
async def test_a_service_within_a_service_knows_its_own_callers(wiped_url: str) -> None:
    outer = create_app(make_settings(wiped_url, audience="outer"))
    install(outer, make_settings(wiped_url, audience="inner"), prefix="/inner")
    transport = httpx.ASGITransport(app=outer)
    async with (
        outer.router.lifespan_context(outer),
        httpx.AsyncClient(transport=transport, base_url="https://gatepost.test") as client,
    ):
        account = await sign_up(client)
        for _ in range(OFTEN):
            assert await status_of(client, account.access_token) == 200
            inner = await client.get("/inner/users/me", headers=account.headers)
            assert inner.status_code == 401
        login = {"email": account.email, "password": PASSWORD}
        token = (await client.post("/inner/login", json=login)).json()["access_token"]
        for _ in range(OFTEN):
            assert await status_of(client, token) == 401
            assert (await client.get("/inner/users/me", headers=bearer(token))).status_code == 200
