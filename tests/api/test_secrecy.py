"""What nobody may learn: secrets that were typed, and whose accounts are there already."""

import json
import re

import httpx
import pytest
from sqlalchemy import select

from gatepost import Settings
from gatepost.features.accounts.models import User
from gatepost.migrations.models import metadata
from tests.api.conftest import MakeService
from tests.support.logs import logged
from tests.support.service import SECRET, Service, bearer, log_in, register, sign_up

pytestmark = pytest.mark.anyio

PASSWORD = "canary-pass-phrase-of-a-user"
WRONG = "canary-wrong-pass-phrase"
NEW = "canary-new-pass-phrase-of-a-user"
QUERY = "canary-in-a-query"
KEY = "canary-idempotency-key"
UNKNOWN = "canary-nobody@example.com"


async def live_through(client: httpx.AsyncClient) -> set[str]:
    """Do what people do, well and badly; returns every secret that was sent or given out."""
    account = await sign_up(client, password=PASSWORD)
    await client.post("/auth/login", json={"email": account.email, "password": WRONG})
    await client.post("/auth/login", json={"email": UNKNOWN, "password": WRONG})
    await client.post(f"/auth/login?password={QUERY}", content=WRONG.encode())
    await client.get(f"/users/me?access_token={QUERY}", headers=bearer(QUERY))
    await client.get("/users/me", headers={"Cookie": f"access_token={account.access_token}"})
    refreshed = await client.post("/auth/refresh", json={"refresh_token": account.refresh_token})
    changed = {"current_password": PASSWORD, "new_password": NEW}
    keyed = account.headers | {"Idempotency-Key": KEY}
    answer = await client.post("/users/me/password", json=changed, headers=keyed)
    assert answer.status_code == 200, answer.text
    await client.post("/auth/logout", headers=account.headers)
    tokens = refreshed.json()
    return {
        *(SECRET, PASSWORD, WRONG, NEW, QUERY, KEY, UNKNOWN),
        *(account.access_token, account.refresh_token),
        *(tokens["access_token"], tokens["refresh_token"]),
    }


async def everything_stored(service: Service) -> str:
    async with service.runtime.engine.connect() as connection:
        rows = [
            str(tuple(row))
            for t in metadata.sorted_tables
            for row in await connection.execute(select(t))
        ]
    return "\n".join(rows)


async def test_no_secret_is_in_the_log_the_database_or_the_metrics(
    settings: Settings, make_service: MakeService
) -> None:
    with logged(settings) as log:
        async with make_service(metrics_token="m" * 32) as service, service.open_client() as client:
            secrets = await live_through(client)
            metrics = await client.get("/metrics", headers=bearer("m" * 32))
            stored = await everything_stored(service)

    assert metrics.status_code == 200
    assert "login.failed" in stored
    assert log.events("request.answered"), log.getvalue()
    for secret in secrets:
        for place in (log.getvalue(), stored, metrics.text):
            assert secret not in place


async def test_a_line_of_the_log_is_one_event_in_utc_whatever_was_sent(
    settings: Settings, service: Service, client: httpx.AsyncClient
) -> None:
    hostile = 'x\r\nforged\u2028forged\x85forged\x1b[31m"}\n{"event": "forged"'

    async def crash(said: str) -> None:
        raise RuntimeError(said)

    service.app.add_api_route("/crash", crash)
    with logged(settings) as log:
        answer = await client.get("/crash", params={"said": hostile})

    assert answer.status_code == 500
    events = log.events()  # each line is JSON
    assert "forged" in log.getvalue()
    assert not [event for event in events if event["event"] == "forged"]
    assert all(re.fullmatch(r"[ -~]*", line) for line in log.getvalue().split("\n"))
    for event in events:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])
        assert event["request_id"] == answer.headers["x-request-id"]


async def test_nobody_has_an_account_before_somebody_makes_one(
    service: Service, client: httpx.AsyncClient
) -> None:
    names = ("admin", "root", "administrator", "test", "admin@example.com", "user", "guest")
    for name in names:
        for password in (name, "admin", "password", "changeme", ""):
            answer = await client.post("/auth/login", json={"username": name, "password": password})
            assert answer.status_code in {401, 422, 429}, answer.text
    async with service.work() as work:
        assert (await work.db.scalars(select(User))).all() == []


async def test_no_answer_is_wrapped_in_a_callback(client: httpx.AsyncClient) -> None:
    plain = await client.get("/.well-known/jwks.json")
    for name in ("callback", "jsonp", "cb"):
        answer = await client.get(f"/.well-known/jwks.json?{name}=stolen")
        assert answer.headers["content-type"] == "application/json"
        assert answer.content == plain.content


async def test_a_parameter_that_comes_twice_is_refused(client: httpx.AsyncClient) -> None:
    account = await sign_up(client)

    for query in ("limit=1&limit=2", "limit=2&limit=1", "limit=x&limit=1"):
        answer = await client.get(f"/items/?{query}", headers=account.headers)
        assert answer.status_code == 422, query


async def test_a_field_in_the_query_is_none_in_the_body(client: httpx.AsyncClient) -> None:
    await register(client)
    await log_in(client)

    answer = await client.post("/auth/login?email=ada@example.com", json={"password": "x" * 12})

    assert answer.status_code == 422
    assert "email" in json.dumps(answer.json())
