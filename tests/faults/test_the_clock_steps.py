"""The clock is set back an hour, or on: nothing breaks, and nobody waits for it to catch up."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from gatepost.features.audit import sealing, verification
from gatepost.features.audit.verification import Status
from gatepost.features.signing_keys import service as signing_keys
from gatepost.purging import purge_all
from tests.support.service import PASSWORD, Service, bearer, log_in, make_settings, serving, sign_up

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

HOUR = timedelta(hours=1)
STEPS = pytest.mark.parametrize("step", [-HOUR, HOUR], ids=["back", "on"])

LOGINS = 8
FAILURES = 5
LOCK = timedelta(minutes=15)
WINDOW = timedelta(minutes=1)
DAY = timedelta(hours=24)
ITEM = {"title": "an item"}
KEY = {"Idempotency-Key": "the-same-key"}


@pytest.fixture(params=["memory", "database"])
async def service(request: pytest.FixtureRequest, migrated_url: str) -> AsyncIterator[Service]:
    """A service whose every part asks the clock: keys that rotate, limits that are soon met."""
    settings = make_settings(
        migrated_url,
        algorithm="ES256",
        store=request.param,
        rate_limit_login=f"{LOGINS}/{WINDOW.seconds}",
    )
    async with serving(settings) as service:
        yield service


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.open_client() as client:
        yield client


async def try_to_log_in(client: httpx.AsyncClient, password: str) -> httpx.Response:
    credentials = {"email": "ada@example.com", "password": password, "transport": "bearer"}
    return await client.post("/auth/login", json=credentials)


@STEPS
async def test_who_logs_in_after_a_step_is_let_in_at_once(
    service: Service, client: httpx.AsyncClient, step: timedelta
) -> None:
    await sign_up(client)
    for each in (step, -step):
        service.clock.advance(each)
        tokens = await log_in(client)
        headers = bearer(tokens["access_token"])
        assert (await client.get("/users/me", headers=headers)).status_code == 200
        sent = {"refresh_token": tokens["refresh_token"]}
        assert (await client.post("/auth/refresh", json=sent)).status_code == 200


async def test_a_session_outlasts_a_clock_that_was_wrong_for_a_while(
    service: Service, client: httpx.AsyncClient
) -> None:
    account = await sign_up(client)
    service.clock.advance(-HOUR)
    # Of a time that has not come: refused like any token that is not good, and good again later.
    assert (await client.get("/users/me", headers=account.headers)).status_code == 401
    sent = {"refresh_token": account.refresh_token}
    assert (await client.post("/auth/refresh", json=sent)).status_code == 401
    service.clock.advance(HOUR)
    assert (await client.get("/users/me", headers=account.headers)).status_code == 200
    assert (await client.post("/auth/refresh", json=sent)).status_code == 200


@STEPS
async def test_a_limit_that_was_met_is_over_after_its_window(
    service: Service, client: httpx.AsyncClient, step: timedelta
) -> None:
    await sign_up(client)
    while (await try_to_log_in(client, PASSWORD)).status_code != 429:
        pass
    service.clock.advance(step)
    answer = await try_to_log_in(client, PASSWORD)
    assert answer.status_code in {200, 429}
    assert int(answer.headers.get("retry-after", 1)) <= WINDOW.seconds
    service.clock.advance(2 * WINDOW)
    assert (await try_to_log_in(client, PASSWORD)).status_code == 200


@STEPS
async def test_a_lock_ends_when_it_was_to_end_or_earlier(
    service: Service, client: httpx.AsyncClient, step: timedelta
) -> None:
    await sign_up(client)
    for _ in range(FAILURES):
        assert (await try_to_log_in(client, "a wrong password")).status_code == 401
    service.clock.advance(step)
    answer = await try_to_log_in(client, PASSWORD)
    assert answer.status_code == (429 if step < timedelta(0) else 200)
    assert int(answer.headers.get("retry-after", 1)) <= LOCK.seconds
    service.clock.advance(LOCK)
    assert (await try_to_log_in(client, PASSWORD)).status_code == 200


@STEPS
async def test_a_key_has_one_effect_whatever_the_time_is(
    service: Service, client: httpx.AsyncClient, step: timedelta
) -> None:
    await sign_up(client)
    first = await post_item(client)
    service.clock.advance(step)
    assert (await post_item(client)).json() == first.json()
    service.clock.advance(-step)
    assert (await post_item(client)).json() == first.json()
    service.clock.advance(DAY)
    assert (await post_item(client)).json() != first.json()


async def post_item(client: httpx.AsyncClient) -> httpx.Response:
    """Make an item under the one key, logged in as of now."""
    headers = bearer((await log_in(client))["access_token"])
    answer = await client.post("/items/", json=ITEM, headers={**headers, **KEY})
    assert answer.status_code == 201, answer.text
    return answer


@STEPS
async def test_keys_that_are_rotated_after_a_step_sign_and_verify(
    service: Service, client: httpx.AsyncClient, step: timedelta
) -> None:
    await sign_up(client)
    for each in (step, -step):
        service.clock.advance(each)
        before = await log_in(client)
        async with service.work() as work:
            await signing_keys.rotate(work, HOUR)
        after = await log_in(client)
        for tokens in (before, after):
            answer = await client.get("/users/me", headers=bearer(tokens["access_token"]))
            assert answer.status_code == 200
    assert (await client.get("/.well-known/jwks.json")).status_code == 200


@STEPS
async def test_the_audit_log_is_sealed_and_purged_whatever_the_time_is(
    service: Service, client: httpx.AsyncClient, step: timedelta
) -> None:
    await sign_up(client)
    for each in (step, -step, timedelta(0)):
        service.clock.advance(each)
        await log_in(client)
        await sealing.seal_all(service.runtime)
        await purge_all(service.runtime)
    async with service.work() as work:
        report = await verification.verify(work)
    assert report.status is Status.INTACT
