"""An authenticated request asks nobody while the process knows the session, and never too long."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from gatepost.db.unit_of_work import UnitOfWork
from gatepost.features.accounts.models import User
from gatepost.features.sessions import repository
from gatepost.features.sessions import service as sessions
from gatepost.features.sessions.models import LiveSession, Session
from tests.api.conftest import MakeService
from tests.support.clock import SetClock
from tests.support.queries import counting_queries
from tests.support.service import PASSWORD, Account, Service, bearer, log_in, sign_up

pytestmark = pytest.mark.anyio

ME = "/api/v1/users/me"


async def end_behind_its_back(service: Service, account: Account) -> None:
    """End the sessions as somebody with another way into the database would."""
    async with service.work() as work:
        ended = update(Session).where(Session.user_id == account.id)
        await work.db.execute(ended.values(ended_at=work.now))


async def end_all(service: Service, account: Account) -> None:
    async with service.work() as work:
        await sessions.end_all(work, account.id)


async def test_a_known_session_costs_no_query(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    expected = (await client.get(ME, headers=account.headers)).json()
    by_cookie = {"Cookie": f"access_token={account.access_token}"}
    with counting_queries(service.runtime.engine) as sent:
        for headers in (account.headers, by_cookie):
            for path in (ME, "/users/me", "/auth/me", "/api/v1/auth/me"):
                answer = await client.get(path, headers=headers)
                assert (answer.status_code, answer.json()) == (200, expected)
    assert sent == []


async def test_a_bad_token_costs_no_query(client: httpx.AsyncClient, service: Service) -> None:
    account = await sign_up(client)
    with counting_queries(service.runtime.engine) as sent:
        for token in ("a.b.c", account.refresh_token, account.access_token[:-4] + "AAAA"):
            assert (await client.get(ME, headers=bearer(token))).status_code == 401
    assert sent == []


async def test_a_change_behind_its_back_is_noticed_within_the_seconds_that_are_set(
    make_service: MakeService, clock: SetClock
) -> None:
    async with (
        make_service(session_cache_seconds=20) as service,
        service.open_client() as client,
    ):
        account = await sign_up(client)
        assert (await client.get(ME, headers=account.headers)).status_code == 200
        await end_behind_its_back(service, account)
        clock.advance(timedelta(seconds=15.9))
        assert (await client.get(ME, headers=account.headers)).status_code == 200
        clock.advance(timedelta(seconds=4.1))
        assert (await client.get(ME, headers=account.headers)).status_code == 401


async def test_of_many_requests_of_one_session_one_reads_it_again(
    make_service: MakeService, clock: SetClock
) -> None:
    async with (
        make_service(session_cache_seconds=20) as service,
        service.open_client() as client,
    ):
        account = await sign_up(client)
        assert (await client.get(ME, headers=account.headers)).status_code == 200
        clock.advance(timedelta(seconds=16))
        before = service.runtime.session_cache.readings
        asking = [client.get(ME, headers=account.headers) for _ in range(20)]
        assert {answer.status_code for answer in await asyncio.gather(*asking)} == {200}
        assert service.runtime.session_cache.readings == before + 1


@pytest.mark.parametrize("settings", [{"session_cache_seconds": 0}, {"workers": 2}])
async def test_where_nothing_may_be_remembered_the_database_is_asked_each_time(
    make_service: MakeService, settings: dict[str, Any]
) -> None:
    async with make_service(**settings) as service, service.open_client() as client:
        account = await sign_up(client)
        assert (await client.get(ME, headers=account.headers)).status_code == 200
        await end_behind_its_back(service, account)
        assert (await client.get(ME, headers=account.headers)).status_code == 401


async def test_a_session_that_expires_is_over_on_time(
    make_service: MakeService, clock: SetClock
) -> None:
    async with (
        make_service(session_idle_minutes=16, session_cache_seconds=60) as service,
        service.open_client() as client,
    ):
        account = await sign_up(client)
        clock.advance(timedelta(minutes=14, seconds=50))
        tokens = await client.post("/auth/refresh", json={"refresh_token": account.refresh_token})
        headers = bearer(tokens.json()["access_token"])
        clock.advance(timedelta(minutes=14, seconds=50))
        assert (await client.get(ME, headers=headers)).status_code == 200
        async with service.work() as work:
            sooner = work.now + timedelta(seconds=5)
            await work.db.execute(update(Session).values(expires_at=sooner))
        service.runtime.session_cache.clear()
        assert (await client.get(ME, headers=headers)).status_code == 200
        clock.advance(timedelta(seconds=5))
        assert (await client.get(ME, headers=headers)).status_code == 401


async def test_a_reader_whom_the_logout_overtakes_does_not_keep_the_session_alive(
    client: httpx.AsyncClient,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find_live = repository.find_live
    other = await log_in(client)
    overtaken: list[LiveSession | None] = []

    async def find_slowly(work: UnitOfWork, session_id: int) -> LiveSession | None:
        found = await find_live(work, session_id)
        if not overtaken:
            overtaken.append(found)
            answer = await client.post("/auth/logout-all", headers=bearer(other["access_token"]))
            assert answer.status_code == 200
        return found

    assert (await client.get(ME, headers=bearer(other["access_token"]))).status_code == 200
    monkeypatch.setattr(repository, "find_live", find_slowly)
    first = await client.get(ME, headers=account.headers)
    assert overtaken[0] is not None
    assert first.status_code == 200, "it asked before the logout was answered"
    assert (await client.get(ME, headers=account.headers)).status_code == 401


async def test_a_user_who_is_deleted_behind_its_back_is_refused(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    assert (await client.get("/auth/sessions", headers=account.headers)).status_code == 200
    async with service.work() as work:
        await work.db.execute(delete(User).where(User.id == account.id))
    answer = await client.get(ME, headers=account.headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_the_profile_is_read_as_it_was_written_last(
    client: httpx.AsyncClient, account: Account
) -> None:
    for name in ("Ada", "Ada Lovelace", None):
        await client.patch(ME, json={"full_name": name}, headers=account.headers)
        assert (await client.get(ME, headers=account.headers)).json()["full_name"] == name
    change = {"email": "ada@lovelace.example", "current_password": PASSWORD}
    assert (await client.patch(ME, json=change, headers=account.headers)).status_code == 200
    assert (await client.get(ME, headers=account.headers)).json()["email"] == change["email"]


@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
async def test_a_replay_ends_a_session_that_is_remembered(
    client: httpx.AsyncClient, account: Account, clock: SetClock, path: str
) -> None:
    pair = await client.post("/auth/refresh", json={"refresh_token": account.refresh_token})
    headers = bearer(pair.json()["access_token"])
    clock.advance(timedelta(seconds=11))
    assert (await client.get(ME, headers=headers)).status_code == 200
    spent = {"Cookie": f"refresh_token={account.refresh_token}"}
    assert (await client.post(path, headers=spent)).status_code == 401
    assert (await client.get(ME, headers=headers)).status_code == 401


async def test_a_refresh_cookie_ends_a_session_that_is_remembered(
    client: httpx.AsyncClient, account: Account
) -> None:
    assert (await client.get(ME, headers=account.headers)).status_code == 200
    cookie = {"Cookie": f"refresh_token={account.refresh_token}"}
    assert (await client.post("/auth/logout", headers=cookie)).status_code == 200
    assert (await client.get(ME, headers=account.headers)).status_code == 401


async def test_a_change_that_is_not_committed_announces_nothing(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    await sign_up(client, "eve@example.com")
    assert (await client.get(ME, headers=account.headers)).status_code == 200
    change = {"email": "eve@example.com", "current_password": PASSWORD}
    answer = await client.patch(ME, json=change, headers=account.headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")
    with counting_queries(service.runtime.engine) as sent:
        assert (await client.get(ME, headers=account.headers)).json()["email"] == account.email
    assert sent == []


async def test_a_commit_whose_end_is_never_heard_of_is_announced(
    client: httpx.AsyncClient,
    service: Service,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit = AsyncSession.commit

    async def commit_and_be_cut_off(db: AsyncSession) -> None:
        await commit(db)
        raise ConnectionResetError

    assert (await client.get(ME, headers=account.headers)).status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(AsyncSession, "commit", commit_and_be_cut_off)
        with pytest.raises(ConnectionResetError):
            await end_all(service, account)
    assert (await client.get(ME, headers=account.headers)).status_code == 401
