"""Refreshing: each token is good once, retries log nobody out, and theft ends the session."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from gatepost.features.audit.models import AuditEvent
from gatepost.features.sessions.models import Session
from gatepost.features.sessions.state import SessionsState
from gatepost.security import tokens
from tests.api.conftest import MakeService
from tests.support.clock import SetClock
from tests.support.connections import break_every_connection
from tests.support.service import (
    Account,
    Service,
    bearer,
    log_in,
    register,
    sign_up,
    sign_up_as,
    status_of,
)
from tests.support.tokens import claims_of

pytestmark = pytest.mark.anyio

GRACE = timedelta(seconds=10)
REPEATABLE = ("HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA")
LONG_SECRET = "s3cr3t-of-the-t3sts-9f8e7d6c5b4a-0123456789-and-long-enough-for-HS512"


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh_token": token})


async def renewed(client: httpx.AsyncClient, token: str) -> dict[str, Any]:
    """The pair that a refresh which has to succeed gives."""
    answer = await refresh(client, token)
    assert answer.status_code == 200, answer.text
    pair: dict[str, Any] = answer.json()
    return pair


def assert_plainly_refused(answer: httpx.Response) -> None:
    """Refused as any invalid token is: nothing tells a thief that they were noticed."""
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert answer.json() | {"request_id": ""} == {
        "type": "urn:gatepost:problem:invalid_token",
        "title": "The token is not valid",
        "status": 401,
        "detail": "Log in again, or refresh the session.",
        "code": "invalid_token",
        "request_id": "",
    }
    assert "set-cookie" not in answer.headers


async def sessions_of(service: Service) -> list[Session]:
    async with service.work() as work:
        return list(await work.db.scalars(select(Session).order_by(Session.id)))


async def count_events(service: Service, event: str) -> int:
    async with service.work() as work:
        query = select(func.count()).select_from(AuditEvent).where(AuditEvent.event == event)
        return await work.db.scalar(query) or 0


async def test_a_refresh_gives_a_new_pair_of_the_same_session(
    client: httpx.AsyncClient, account: Account, clock: SetClock
) -> None:
    clock.advance(timedelta(minutes=5))

    pair = await renewed(client, account.refresh_token)

    assert pair.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (pair["token_type"], pair["expires_in"]) == ("bearer", 900)
    assert pair["refresh_token"] != account.refresh_token
    old, new = claims_of(account.access_token), claims_of(pair["access_token"])
    assert new["sid"] == old["sid"]
    assert new["jti"] != old["jti"]
    assert new["exp"] == old["exp"] + 300
    assert await status_of(client, pair["access_token"]) == 200


async def test_an_access_token_outlives_the_refresh_beside_it(
    client: httpx.AsyncClient, account: Account
) -> None:
    await renewed(client, account.refresh_token)

    assert await status_of(client, account.access_token) == 200


async def test_the_token_just_spent_gives_the_same_pair_within_the_grace(
    client: httpx.AsyncClient, service: Service, account: Account, clock: SetClock
) -> None:
    pair = await renewed(client, account.refresh_token)
    clock.advance(GRACE - timedelta(microseconds=1))

    assert await renewed(client, account.refresh_token) == pair

    assert [session.generation for session in await sessions_of(service)] == [1]
    assert await renewed(client, pair["refresh_token"]) != pair


PLAINLY = {"Content-Type": "application/json"}
BY_THE_FRAMEWORK = {"Content-Type": "application/json; charset=utf-8"}
"""Nothing that changes what is meant, and enough to be answered in the other of two ways."""


async def seen_both_ways(
    client: httpx.AsyncClient, body: str, query: str = ""
) -> list[tuple[Any, ...]]:
    """All of the two answers but what counts requests, and names them."""
    seen = []
    for kind in (PLAINLY, BY_THE_FRAMEWORK):
        headers = {**kind, "X-Request-ID": "one-for-both"}
        answer = await client.post(f"/api/v1/auth/refresh{query}", content=body, headers=headers)
        fields = {name: value for name, value in answer.headers.items() if "limit" not in name}
        seen.append((answer.status_code, fields, answer.content))
    return seen


async def test_both_ways_of_answering_give_the_same_bytes(
    client: httpx.AsyncClient, account: Account
) -> None:
    for token in (account.refresh_token, account.access_token, "x", "", "é", "y" * 8193):
        for body in (
            {"refresh_token": token},
            {"refresh_token": token, "more": 1},
            {"refresh_token": [token]},
            [token],
        ):
            one, other = await seen_both_ways(client, json.dumps(body))
            assert one == other
    for text in ("{", "", "null", "{}", '{"refresh_token": "a", "refresh_token": "b"}', "\ufeff{}"):
        one, other = await seen_both_ways(client, text)
        assert one == other


async def test_a_query_is_judged_alike_either_way(
    client: httpx.AsyncClient, account: Account
) -> None:
    for query in ("a=b", "a=" + "b" * 5000):
        body = json.dumps({"refresh_token": account.refresh_token})
        one, other = await seen_both_ways(client, body, f"?{query}")
        assert one == other


async def test_either_way_spends_one_of_the_limit(make_service: MakeService) -> None:
    async with make_service(rate_limit_refresh="4/60") as service, service.open_client() as client:
        account = await sign_up(client)
        body = json.dumps({"refresh_token": account.refresh_token})

        for _ in range(2):
            assert {status for status, *_ in await seen_both_ways(client, body)} == {200}
        one, other = await seen_both_ways(client, body)

        assert one == other
        assert one[0] == 429


async def test_a_token_in_the_body_is_nothing_where_only_cookies_travel(
    make_service: MakeService,
) -> None:
    async with make_service(auth_transports="cookie") as service:
        async with service.open_client() as client:
            await sign_up_by_cookie(client)
            token = client.cookies["refresh_token"]
        async with service.open_client() as stranger:
            assert (await refresh(stranger, token)).json()["code"] == "not_authenticated"


async def sign_up_by_cookie(client: httpx.AsyncClient) -> None:
    await register(client)
    body = {"email": "ada@example.com", "password": "correct horse battery staple"}
    assert (await client.post("/auth/login", json=body)).status_code == 200


@pytest.mark.parametrize("algorithm", REPEATABLE)
async def test_the_same_pair_is_the_same_bytes(make_service: MakeService, algorithm: str) -> None:
    async with (
        make_service(algorithm=algorithm, secret_key=LONG_SECRET) as service,
        service.open_client() as client,
    ):
        account = await sign_up(client)

        pairs = [await renewed(client, account.refresh_token) for _ in range(3)]

        assert pairs == [pairs[0]] * 3


async def test_the_same_pair_has_the_same_claims_where_signatures_are_salted(
    make_service: MakeService,
) -> None:
    async with make_service(algorithm="PS256") as service, service.open_client() as client:
        account = await sign_up(client)

        one, two = [await renewed(client, account.refresh_token) for _ in range(2)]

        assert one["access_token"] != two["access_token"]
        assert claims_of(one["access_token"]) == claims_of(two["access_token"])
        assert one["refresh_token"] == two["refresh_token"]
        assert await status_of(client, one["access_token"]) == 200
        assert await status_of(client, two["access_token"]) == 200


@pytest.mark.every_database
async def test_twenty_callers_at_once_get_one_new_generation(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    answers = await asyncio.gather(*(refresh(client, account.refresh_token) for _ in range(20)))

    assert [answer.status_code for answer in answers] == [200] * 20
    assert [answer.json() for answer in answers] == [answers[0].json()] * 20
    assert [session.generation for session in await sessions_of(service)] == [1]
    assert await status_of(client, answers[0].json()["access_token"]) == 200


@pytest.mark.every_database
async def test_many_sessions_at_once_are_renewed_each_by_itself(
    client: httpx.AsyncClient, service: Service
) -> None:
    await register(client)
    pairs = [await log_in(client) for _ in range(12)]
    spent = await renewed(client, pairs[0]["refresh_token"])
    tokens = [pair["refresh_token"] for pair in pairs]

    answers = await asyncio.gather(*(refresh(client, token) for token in [*tokens, *tokens]))

    assert [answer.status_code for answer in answers] == [200] * 24
    successors = [answer.json() for answer in answers]
    assert successors[:12] == successors[12:]
    assert successors[0] == spent
    for old, new in zip(pairs, successors[:12], strict=True):
        told, was = claims_of(new["refresh_token"]), claims_of(old["refresh_token"])
        assert (told["sid"], told["gen"]) == (was["sid"], was["gen"] + 1)
    generations = [session.generation for session in await sessions_of(service)]
    assert generations == [1] * 12


async def test_a_bad_one_among_many_is_refused_alone(
    client: httpx.AsyncClient, service: Service, clock: SetClock
) -> None:
    await register(client)
    pairs = [await log_in(client) for _ in range(6)]
    await renewed(client, pairs[0]["refresh_token"])
    await client.post("/auth/logout", headers=bearer(pairs[1]["access_token"]))
    clock.advance(GRACE)

    answers = await asyncio.gather(*(refresh(client, pair["refresh_token"]) for pair in pairs))

    assert [answer.status_code for answer in answers] == [401, 401, 200, 200, 200, 200]
    assert await count_events(service, "session.replayed") == 1


@pytest.mark.databases("postgresql")
async def test_nobody_waits_for_a_session_that_somebody_else_holds(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    others = [await log_in(client) for _ in range(3)]
    held = claims_of(account.refresh_token)["sid"]

    async with service.work() as work:
        await work.db.execute(select(Session.id).where(Session.id == held).with_for_update())
        waiting = asyncio.create_task(refresh(client, account.refresh_token))
        answers = [refresh(client, other["refresh_token"]) for other in others]
        assert {answer.status_code for answer in await asyncio.gather(*answers)} == {200}
        assert not waiting.done()

    assert (await waiting).status_code == 200


@pytest.mark.databases("postgresql")
async def test_a_connection_that_breaks_costs_a_refresh_nothing(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    for _ in range(3):
        pair = await renewed(client, account.refresh_token)
        await break_every_connection(service)

        assert await renewed(client, account.refresh_token) == pair
        account = replace(account, refresh_token=pair["refresh_token"])

    assert [session.generation for session in await sessions_of(service)] == [3]


async def test_a_spent_token_ends_the_session(
    client: httpx.AsyncClient, service: Service, account: Account, clock: SetClock
) -> None:
    pair = await renewed(client, account.refresh_token)
    clock.advance(GRACE)

    assert_plainly_refused(await refresh(client, account.refresh_token))

    assert_plainly_refused(await refresh(client, pair["refresh_token"]))
    assert await status_of(client, pair["access_token"]) == 401
    assert await status_of(client, account.access_token) == 401
    assert await count_events(service, "session.replayed") == 1


async def test_theft_is_remembered_although_the_request_is_refused(
    client: httpx.AsyncClient, service: Service, account: Account, clock: SetClock
) -> None:
    await renewed(client, account.refresh_token)
    clock.advance(GRACE)
    headers = {"X-Request-ID": "the-thief-s-request", "User-Agent": "thief/1"}

    answer = await client.post(
        "/auth/refresh", json={"refresh_token": account.refresh_token}, headers=headers
    )

    assert_plainly_refused(answer)
    async with service.work() as work:
        event = await work.db.scalar(
            select(AuditEvent).where(AuditEvent.event == "session.replayed")
        )
    assert event is not None
    assert (event.outcome, event.user_id) == ("failure", account.id)
    assert (event.request_id, event.user_agent) == ("the-thief-s-request", "thief/1")
    assert event.session_id == claims_of(account.access_token)["sid"]
    assert event.details == {"generation": 0, "expected": 1}


async def test_theft_ends_one_session_and_no_other(
    client: httpx.AsyncClient, account: Account, clock: SetClock
) -> None:
    other = await log_in(client)
    await renewed(client, account.refresh_token)
    clock.advance(GRACE)

    assert_plainly_refused(await refresh(client, account.refresh_token))

    assert await status_of(client, other["access_token"]) == 200
    await renewed(client, other["refresh_token"])


async def test_an_older_generation_is_theft_within_the_grace_of_a_newer_one(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    first = await renewed(client, account.refresh_token)
    second = await renewed(client, first["refresh_token"])

    assert_plainly_refused(await refresh(client, account.refresh_token))

    assert await status_of(client, second["access_token"]) == 401
    assert await count_events(service, "session.replayed") == 1


@pytest.mark.every_database
async def test_twenty_thieves_at_once_end_the_session_once(
    client: httpx.AsyncClient, service: Service, account: Account, clock: SetClock
) -> None:
    await renewed(client, account.refresh_token)
    clock.advance(GRACE)

    answers = await asyncio.gather(*(refresh(client, account.refresh_token) for _ in range(20)))

    for answer in answers:
        assert_plainly_refused(answer)
    assert await count_events(service, "session.replayed") == 1


async def test_without_a_grace_even_an_immediate_retry_is_theft(make_service: MakeService) -> None:
    async with (
        make_service(refresh_reuse_grace_seconds=0) as service,
        service.open_client() as client,
    ):
        account = await sign_up(client)
        pair = await renewed(client, account.refresh_token)

        assert_plainly_refused(await refresh(client, account.refresh_token))

        assert await status_of(client, pair["access_token"]) == 401


async def test_a_clock_that_lags_behind_another_process_makes_no_thief_of_a_retry(
    client: httpx.AsyncClient, account: Account, clock: SetClock
) -> None:
    pair = await renewed(client, account.refresh_token)
    clock.advance(timedelta(seconds=-3))

    assert await renewed(client, account.refresh_token) == pair


async def test_a_generation_to_come_is_refused_and_ends_nothing(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    first = await renewed(client, account.refresh_token)
    second = await renewed(client, first["refresh_token"])
    async with service.work() as work:  # as a restored database has it
        await work.db.execute(update(Session).values(generation=0))

    assert_plainly_refused(await refresh(client, second["refresh_token"]))

    assert [session.ended_at for session in await sessions_of(service)] == [None]
    assert await count_events(service, "session.replayed") == 0


async def test_a_session_ends_when_it_was_not_used_for_the_life_of_a_refresh_token(
    client: httpx.AsyncClient, account: Account, clock: SetClock
) -> None:
    clock.advance(timedelta(days=7))

    assert_plainly_refused(await refresh(client, account.refresh_token))


async def test_an_expired_refresh_token_is_no_theft(
    client: httpx.AsyncClient, service: Service, account: Account, clock: SetClock
) -> None:
    await renewed(client, account.refresh_token)
    clock.advance(timedelta(days=8))

    assert_plainly_refused(await refresh(client, account.refresh_token))

    assert await count_events(service, "session.replayed") == 0


async def test_a_session_that_is_used_goes_on(
    client: httpx.AsyncClient, account: Account, clock: SetClock
) -> None:
    token = account.refresh_token
    for _ in range(4):
        clock.advance(timedelta(days=6))
        token = (await renewed(client, token))["refresh_token"]


async def test_a_session_ends_when_it_was_idle_for_too_long(
    make_service: MakeService, clock: SetClock
) -> None:
    async with make_service(session_idle_minutes=30) as service, service.open_client() as client:
        account = await sign_up(client)
        clock.advance(timedelta(minutes=30) - timedelta(seconds=1))
        pair = await renewed(client, account.refresh_token)
        clock.advance(timedelta(minutes=30))

        assert_plainly_refused(await refresh(client, pair["refresh_token"]))


async def test_a_session_ends_after_its_absolute_lifetime_however_much_it_is_used(
    make_service: MakeService, clock: SetClock
) -> None:
    async with make_service(session_absolute_days=2) as service, service.open_client() as client:
        account = await sign_up(client)
        end = claims_of(account.access_token)["iat"] + 2 * 24 * 3600
        clock.advance(timedelta(days=1, hours=23, minutes=55))

        pair = await renewed(client, account.refresh_token)

        assert pair["expires_in"] == 300
        assert claims_of(pair["access_token"])["exp"] == end
        assert claims_of(pair["refresh_token"])["exp"] == end
        clock.advance(timedelta(minutes=5))
        assert await status_of(client, pair["access_token"]) == 401
        assert_plainly_refused(await refresh(client, pair["refresh_token"]))


async def test_a_refresh_token_never_outlives_the_session(make_service: MakeService) -> None:
    async with (
        make_service(refresh_token_expire_days=30, session_absolute_days=1) as service,
        service.open_client() as client,
    ):
        claims = claims_of((await sign_up(client)).refresh_token)

        assert claims["exp"] - claims["iat"] == 24 * 3600


async def test_the_cookie_of_a_refresh_token_never_outlives_it(make_service: MakeService) -> None:
    async with make_service(session_absolute_days=1) as service, service.open_client() as client:
        await register(client)
        body = {"email": "ada@example.com", "password": "correct horse battery staple"}

        answer = await client.post("/auth/login", json=body)

        cookies = answer.headers.get_list("set-cookie")
        assert any(c.startswith("refresh_token=ey") and "Max-Age=86400;" in c for c in cookies)


async def test_a_session_that_was_logged_out_is_not_refreshed(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    await client.post("/auth/logout", headers=account.headers)

    assert_plainly_refused(await refresh(client, account.refresh_token))

    assert await count_events(service, "session.replayed") == 0


async def test_a_retry_after_a_logout_within_the_grace_gets_nothing(
    client: httpx.AsyncClient, account: Account
) -> None:
    await renewed(client, account.refresh_token)
    await client.post("/auth/logout", headers=account.headers)

    assert_plainly_refused(await refresh(client, account.refresh_token))


async def test_a_disabled_user_is_not_refreshed(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    admin = await sign_up_as(service, client, "admin")
    await client.patch(f"/users/{account.id}", json={"is_active": False}, headers=admin.headers)

    assert_plainly_refused(await refresh(client, account.refresh_token))

    await client.patch(f"/users/{account.id}", json={"is_active": True}, headers=admin.headers)
    assert_plainly_refused(await refresh(client, account.refresh_token))


async def test_a_deleted_user_is_not_refreshed(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    admin = await sign_up_as(service, client, "admin")
    answer = await client.delete(f"/users/{account.id}", headers=admin.headers)
    assert answer.status_code == 204

    assert_plainly_refused(await refresh(client, account.refresh_token))


async def test_a_refresh_tells_the_role_that_the_user_has_now(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    await service.give_role(account.id, "moderator")

    pair = await renewed(client, account.refresh_token)

    assert claims_of(pair["access_token"])["role"] == "moderator"


async def test_tokens_of_one_kind_are_not_taken_for_the_other(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    assert_plainly_refused(await refresh(client, account.access_token))
    assert await status_of(client, account.refresh_token) == 401

    assert [session.generation for session in await sessions_of(service)] == [0]


async def test_the_access_tokens_key_makes_no_refresh_tokens(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    key = tokens.secret_key("HS256", service.runtime.settings.tokens.secret_key)
    for kind in (tokens.ACCESS, tokens.REFRESH, "JWT", "at+JWT"):
        forged = tokens.encode(kind, claims_of(account.refresh_token), key)

        assert_plainly_refused(await refresh(client, forged))


WRONG_CLAIMS: list[dict[str, object]] = [
    {"gen": 1},
    {"gen": -1},
    {"gen": True},
    {"gen": 0.0},
    {"gen": "0"},
    {"gen": 2**70},
    {"gen": None},
    {"sid": 0},
    {"sid": 2**70},
    {"sid": [1]},
    {"sub": "0"},
    {"sub": "01"},
    {"sub": "9" * 30},
    {"aud": "gatepost"},
    {"iss": "https://elsewhere.example"},
]


async def test_even_a_well_signed_token_says_what_ours_say(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    for changed in WRONG_CLAIMS:
        claims = {**claims_of(account.refresh_token), **changed}
        forged = tokens.encode(
            tokens.REFRESH, claims, service.runtime.state(SessionsState).refresh_key
        )
        assert_plainly_refused(await refresh(client, forged))

    assert [session.ended_at for session in await sessions_of(service)] == [None]


async def test_another_secret_makes_no_tokens_of_ours(
    make_service: MakeService, client: httpx.AsyncClient, account: Account
) -> None:
    other = "an0ther-s3cret-of-the-t3sts-0123456789-abcdef"
    async with make_service(jwt_refresh_secret_key=other) as service:
        async with service.open_client() as elsewhere:
            assert_plainly_refused(await refresh(elsewhere, account.refresh_token))
            pair = await log_in(elsewhere)
        assert_plainly_refused(await refresh(client, pair["refresh_token"]))
        # Access tokens have another key, which the two services share.
        assert await status_of(client, pair["access_token"]) == 200


async def test_no_text_breaks_a_refresh(client: httpx.AsyncClient) -> None:
    for sent in ("x", "a.b.c", "é.b.c", " ", "." * 8000, "\x00"):
        assert_plainly_refused(await refresh(client, sent))


async def test_without_a_token_the_answer_is_to_log_in(client: httpx.AsyncClient) -> None:
    for body in (None, {}, {"refresh_token": None}):
        answer = await client.post("/auth/refresh", json=body)

        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_hundred_refreshes_leave_one_row(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    token = account.refresh_token
    for _ in range(100):
        token = (await renewed(client, token))["refresh_token"]

    assert [session.generation for session in await sessions_of(service)] == [100]
