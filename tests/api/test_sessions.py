"""Sessions: a user sees their devices, logs each out, and what has ended is dead at once."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, insert, select

from gatepost.features.audit.models import AuditEvent
from gatepost.features.sessions.models import Session
from gatepost.purging import purge_all
from tests.api.conftest import MakeService
from tests.support.clock import SetClock
from tests.support.service import (
    PASSWORD,
    Account,
    Service,
    bearer,
    event_names,
    log_in,
    make_settings,
    serving,
    sign_up,
    sign_up_as,
    status_of,
)
from tests.support.tokens import claims_of

pytestmark = pytest.mark.anyio


async def refresh_status(client: httpx.AsyncClient, refresh_token: str) -> int:
    answer = await client.post("/auth/refresh", json={"refresh_token": refresh_token})
    return answer.status_code


async def list_sessions(client: httpx.AsyncClient, access_token: str) -> list[dict[str, Any]]:
    answer = await client.get("/api/v1/auth/sessions", headers=bearer(access_token))
    assert answer.status_code == 200, answer.text
    sessions: list[dict[str, Any]] = answer.json()
    return sessions


def cookies_cleared_by(answer: httpx.Response) -> set[str]:
    cookies = answer.headers.get_list("set-cookie")
    return {cookie.partition("=")[0] for cookie in cookies if "Max-Age=0;" in cookie}


async def test_the_list_tells_each_device_and_which_one_asks(
    client: httpx.AsyncClient, service: Service, account: Account, clock: SetClock
) -> None:
    clock.advance(timedelta(minutes=1))
    async with service.open_client(headers={"User-Agent": "Phone/2"}) as phone:
        tokens = await log_in(phone)
        clock.advance(timedelta(minutes=2))
        renewed = await phone.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})

    first, second = await list_sessions(client, renewed.json()["access_token"])

    assert first == {
        "id": claims_of(account.access_token)["sid"],
        "created_at": "2026-01-15T12:00:00.123456Z",
        "last_used_at": "2026-01-15T12:00:00.123456Z",
        "expires_at": "2026-01-22T12:00:00.123456Z",
        "address": "192.0.2.7",
        "user_agent": client.headers["user-agent"],
        "is_current": False,
    }
    assert second == {
        "id": claims_of(tokens["access_token"])["sid"],
        "created_at": "2026-01-15T12:01:00.123456Z",
        "last_used_at": "2026-01-15T12:03:00.123456Z",
        "expires_at": "2026-01-22T12:03:00.123456Z",
        "address": "192.0.2.7",
        "user_agent": "Phone/2",
        "is_current": True,
    }


@pytest.mark.every_database
async def test_the_list_is_in_the_order_of_the_logins_wherever_each_came_in(
    make_service: MakeService, clock: SetClock
) -> None:
    async with make_service() as one, make_service() as other:
        doors = [one.open_client(), other.open_client()]
        account = await sign_up(doors[0])
        for number in range(6):
            clock.advance(timedelta(minutes=1))
            await log_in(doors[1 - number % 2])
        listed = await list_sessions(doors[0], account.access_token)
        times = [each["created_at"] for each in listed]
        assert len(times) == 7
        assert times == sorted(times)
        assert listed[0]["is_current"]
        for door in doors:
            await door.aclose()


async def test_the_list_leaves_out_what_is_over_and_what_is_others(
    client: httpx.AsyncClient, clock: SetClock
) -> None:
    await sign_up(client)
    ended = await log_in(client)
    await client.post("/auth/logout", headers=bearer(ended["access_token"]))
    clock.advance(timedelta(days=7))
    await sign_up(client, "eve@example.com")
    now = await log_in(client)

    sessions = await list_sessions(client, now["access_token"])

    assert [session["id"] for session in sessions] == [claims_of(now["access_token"])["sid"]]


async def test_an_odd_user_agent_is_kept_short(service: Service) -> None:
    async with service.open_client(headers=[(b"User-Agent", b"\xdc" * 4000)]) as client:
        account = await sign_up(client)
        (session,) = await list_sessions(client, account.access_token)

    assert session["user_agent"] == "Ü" * 255


async def test_one_device_is_logged_out_at_once_and_no_other(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    phone, laptop = await log_in(client), await log_in(client)
    phone_id = claims_of(phone["access_token"])["sid"]

    answer = await client.delete(f"/api/v1/auth/sessions/{phone_id}", headers=account.headers)

    assert (answer.status_code, answer.content) == (204, b"")
    assert await status_of(client, phone["access_token"]) == 401
    assert await refresh_status(client, phone["refresh_token"]) == 401
    assert await status_of(client, account.access_token) == 200
    assert await status_of(client, laptop["access_token"]) == 200
    assert (await event_names(service))[-1] == "session.ended"


async def test_a_device_is_logged_out_once(client: httpx.AsyncClient, account: Account) -> None:
    phone_id = claims_of((await log_in(client))["access_token"])["sid"]
    address = f"/auth/sessions/{phone_id}"

    answers = [await client.delete(address, headers=account.headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 404]


async def test_the_device_in_use_can_be_logged_out_like_any_other(
    client: httpx.AsyncClient, account: Account
) -> None:
    own_id = claims_of(account.access_token)["sid"]

    answer = await client.delete(f"/auth/sessions/{own_id}", headers=account.headers)

    assert answer.status_code == 204
    assert await status_of(client, account.access_token) == 401


@pytest.mark.parametrize("role", ["user", "moderator", "admin"])
async def test_a_strangers_session_is_not_there(
    client: httpx.AsyncClient, service: Service, account: Account, role: str
) -> None:
    stranger = await sign_up_as(service, client, role, "eve@example.com")
    session_id = claims_of(account.access_token)["sid"]

    theirs = await client.delete(f"/auth/sessions/{session_id}", headers=stranger.headers)
    nobodys = await client.delete(f"/auth/sessions/{session_id + 999}", headers=stranger.headers)

    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json() | {"request_id": ""} == nobodys.json() | {"request_id": ""}
    assert await status_of(client, account.access_token) == 200


async def test_what_is_no_session_id_is_refused(
    client: httpx.AsyncClient, account: Account
) -> None:
    for session_id in ("0", "-1", "x", str(2**63), "9" * 400, "1.5", "%00"):
        answer = await client.delete(f"/auth/sessions/{session_id}", headers=account.headers)

        assert answer.status_code == 422, session_id
        assert answer.json()["errors"][0]["loc"] == ["path", "session_id"]


async def test_a_logout_ends_this_session_only_and_at_once(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    other = await log_in(client)

    answer = await client.post("/api/v1/auth/logout", headers=account.headers)

    assert (answer.status_code, answer.json()) == (200, {"message": "Logged out successfully"})
    assert cookies_cleared_by(answer) == {"access_token", "refresh_token"}
    assert await status_of(client, account.access_token) == 401
    assert await refresh_status(client, account.refresh_token) == 401
    assert await status_of(client, other["access_token"]) == 200
    assert (await event_names(service))[-1] == "session.ended"


async def test_a_second_logout_is_refused(client: httpx.AsyncClient, account: Account) -> None:
    answers = [await client.post("/auth/logout", headers=account.headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 401]
    assert answers[1].json()["code"] == "invalid_token"


async def test_nobody_cannot_log_out(client: httpx.AsyncClient) -> None:
    for path in ("/auth/logout", "/auth/logout-all"):
        answer = await client.post(path)

        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


async def test_a_logout_everywhere_ends_every_session_of_this_user(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    other = await log_in(client)
    stranger = await sign_up(client, "eve@example.com")

    answer = await client.post("/auth/logout-all", headers=account.headers)

    assert answer.status_code == 200
    assert cookies_cleared_by(answer) == {"access_token", "refresh_token"}
    for tokens in (other, {"access_token": account.access_token}):
        assert await status_of(client, tokens["access_token"]) == 401
    assert await refresh_status(client, other["refresh_token"]) == 401
    assert await status_of(client, stranger.access_token) == 200
    assert (await event_names(service))[-1] == "session.all_ended"


async def test_the_refresh_cookie_alone_logs_out(
    client: httpx.AsyncClient, account: Account
) -> None:
    answer = await client.post(
        "/auth/logout", headers={"Cookie": f"refresh_token={account.refresh_token}"}
    )

    assert answer.status_code == 200
    assert cookies_cleared_by(answer) == {"access_token", "refresh_token"}
    assert await status_of(client, account.access_token) == 401


async def test_the_refresh_cookie_logs_out_when_the_access_token_has_run_out(
    client: httpx.AsyncClient, account: Account, clock: SetClock
) -> None:
    clock.advance(timedelta(hours=1))
    cookies = f"access_token={account.access_token}; refresh_token={account.refresh_token}"

    answer = await client.post("/auth/logout", headers={"Cookie": cookies})

    assert answer.status_code == 200
    assert await refresh_status(client, account.refresh_token) == 401


async def test_a_refresh_token_just_spent_still_logs_out(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    pair = await client.post("/auth/refresh", json={"refresh_token": account.refresh_token})

    answer = await client.post(
        "/auth/logout", headers={"Cookie": f"refresh_token={account.refresh_token}"}
    )

    assert answer.status_code == 200
    assert await status_of(client, pair.json()["access_token"]) == 401
    assert "session.replayed" not in await event_names(service)


async def test_a_refresh_token_long_spent_ends_the_session_as_theft(
    client: httpx.AsyncClient, service: Service, account: Account, clock: SetClock
) -> None:
    pair = await client.post("/auth/refresh", json={"refresh_token": account.refresh_token})
    clock.advance(timedelta(seconds=11))

    answer = await client.post(
        "/auth/logout", headers={"Cookie": f"refresh_token={account.refresh_token}"}
    )

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert await status_of(client, pair.json()["access_token"]) == 401
    assert (await event_names(service))[-1] == "session.replayed"


@pytest.mark.parametrize("token", ["x", "a.b.c"])
async def test_a_bad_refresh_cookie_logs_nobody_out(
    client: httpx.AsyncClient, account: Account, token: str
) -> None:
    answer = await client.post("/auth/logout", headers={"Cookie": f"refresh_token={token}"})

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert await status_of(client, account.access_token) == 200


async def test_a_bad_bearer_token_is_not_helped_by_a_cookie(
    client: httpx.AsyncClient, account: Account
) -> None:
    headers = {"Cookie": f"refresh_token={account.refresh_token}", **bearer("a.b.c")}

    answer = await client.post("/auth/logout", headers=headers)

    assert answer.status_code == 401
    assert await status_of(client, account.access_token) == 200


async def test_a_new_password_ends_the_other_sessions(
    client: httpx.AsyncClient, account: Account
) -> None:
    other = await log_in(client)
    new = "another horse, another battery"

    answer = await client.post(
        "/users/me/password",
        json={"current_password": PASSWORD, "new_password": new},
        headers=account.headers,
    )

    assert answer.status_code in {200, 204}, answer.text
    assert await status_of(client, account.access_token) == 200
    assert await status_of(client, other["access_token"]) == 401
    assert await refresh_status(client, other["refresh_token"]) == 401
    assert await refresh_status(client, account.refresh_token) == 200


async def test_a_disabled_user_is_out_at_once_and_stays_out_once_enabled(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    admin = await sign_up_as(service, client, "admin")
    address = f"/users/{account.id}"

    await client.patch(address, json={"is_active": False}, headers=admin.headers)
    assert await status_of(client, account.access_token) == 401
    await client.patch(address, json={"is_active": True}, headers=admin.headers)

    assert await status_of(client, account.access_token) == 401


async def test_a_role_changes_with_the_next_request(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    assert (await client.get("/users", headers=account.headers)).status_code == 403

    await service.give_role(account.id, "moderator")
    assert (await client.get("/users", headers=account.headers)).status_code == 200

    await service.give_role(account.id, "user")
    assert (await client.get("/users", headers=account.headers)).status_code == 403


async def test_what_ended_in_one_process_is_dead_in_another(
    make_service: MakeService, client: httpx.AsyncClient, account: Account
) -> None:
    async with make_service(workers=2) as another, another.open_client() as elsewhere:
        assert await status_of(elsewhere, account.access_token) == 200
        await client.post("/auth/logout", headers=account.headers)

        assert await status_of(elsewhere, account.access_token) == 401


async def test_every_login_is_a_session_of_its_own(
    client: httpx.AsyncClient, clock: SetClock
) -> None:
    await sign_up(client)
    clock.advance(timedelta(seconds=1))
    await log_in(client)
    clock.advance(timedelta(seconds=1))
    again = await log_in(client)

    sessions = await list_sessions(client, again["access_token"])

    assert len({session["id"] for session in sessions}) == 3
    assert [session["is_current"] for session in sessions] == [False, False, True]


@pytest.mark.every_database
async def test_a_purge_deletes_only_what_is_long_over(
    client: httpx.AsyncClient, service: Service, account: Account, clock: SetClock
) -> None:
    async def left() -> list[int]:
        async with service.work() as work:
            return list(await work.db.scalars(select(Session.id).order_by(Session.id)))

    def sid(tokens: dict[str, Any]) -> int:
        session_id: int = claims_of(tokens["access_token"])["sid"]
        return session_id

    expiring = claims_of(account.access_token)["sid"]  # at day 7
    ended = await log_in(client)
    await client.post("/auth/logout", headers=bearer(ended["access_token"]))
    assert (await purge_all(service.runtime))["sessions"] == 0

    clock.advance(timedelta(days=1, seconds=1))
    assert (await purge_all(service.runtime))["sessions"] == 1
    assert await left() == [expiring]

    live = await log_in(client)  # until day 8
    clock.advance(timedelta(days=6, hours=1))
    assert (await purge_all(service.runtime))["sessions"] == 0
    assert await left() == [expiring, sid(live)]

    clock.advance(timedelta(hours=23))
    assert (await purge_all(service.runtime))["sessions"] == 1
    assert await left() == [sid(live)]


# How many there may be, and how they are listed.


async def logins(client: httpx.AsyncClient, clock: SetClock, count: int) -> list[str]:
    """Log in so often, a second apart; the access tokens, the oldest first."""
    tokens = []
    for _ in range(count):
        tokens.append((await log_in(client))["access_token"])
        clock.advance(timedelta(seconds=1))
    return tokens


async def statuses(client: httpx.AsyncClient, tokens: list[str]) -> list[int]:
    client.cookies.clear()
    return [(await client.get("/users/me", headers=bearer(token))).status_code for token in tokens]


async def walk(client: httpx.AsyncClient, token: str, link: str) -> list[list[int]]:
    pages = []
    while link:
        answer = await client.get(link, headers=bearer(token))
        assert answer.status_code == 200, answer.text
        pages.append([row["id"] for row in answer.json()])
        link = answer.links["next"]["url"] if answer.links else ""
    return pages


async def insert_sessions(service: Service, user_id: int, count: int) -> None:
    """Live sessions of before there was a bound, of which several began at one instant."""
    now = service.clock.now()
    times = dict.fromkeys(("authenticated_at", "renewed_at"), now)
    ends = dict.fromkeys(("expires_at", "absolute_expires_at"), now + timedelta(days=3))
    rows = [
        {
            "user_id": user_id,
            "role": "user",
            "method": "password",
            "generation": 0,
            "created_at": now - timedelta(seconds=number // 3),
            **times,
            **ends,
        }
        for number in range(count)
    ]
    async with service.work() as work:
        await work.db.execute(insert(Session), rows)


@pytest.mark.parametrize("most", [1, 3, 35])
async def test_a_login_more_than_may_be_ends_the_oldest_session(
    make_service: MakeService, clock: SetClock, most: int
) -> None:
    async with make_service(sessions_per_user=most) as service, service.open_client() as client:
        ada = await sign_up(client)
        await sign_up(client, "bob@example.com")
        await statuses(client, [ada.access_token])  # the process remembers it now
        tokens = await logins(client, clock, most - 1)
        assert await statuses(client, [ada.access_token, *tokens]) == [200] * most
        tokens += await logins(client, clock, 2)
        gone = [ada.access_token, *tokens][:2]
        assert await statuses(client, gone) == [401, 401]
        assert await statuses(client, [ada.access_token, *tokens][2:]) == [200] * most
        refreshed = await client.post("/auth/refresh", json={"refresh_token": ada.refresh_token})
        assert refreshed.status_code == 401
        async with service.work() as work:
            displaced = select(AuditEvent).where(AuditEvent.event == "session.displaced")
            events = (await work.db.scalars(displaced.order_by(AuditEvent.id))).all()
        assert [(event.user_id, event.details) for event in events] == [
            (ada.id, {"sessions": 1})
        ] * 2
        assert len({event.session_id for event in events} - {None}) == 2


async def test_what_has_ended_makes_room(make_service: MakeService, clock: SetClock) -> None:
    async with make_service(sessions_per_user=3) as service, service.open_client() as client:
        ada = await sign_up(client)
        tokens = await logins(client, clock, 2)
        assert (await client.post("/auth/logout", headers=bearer(tokens[0]))).status_code == 200
        await logins(client, clock, 1)
        assert await statuses(client, [ada.access_token, tokens[1]]) == [200, 200]


@pytest.mark.every_database
@pytest.mark.parametrize("most", [1, 4, 40])
async def test_logins_at_once_on_two_services_leave_as_many_as_may_be(
    migrated_url: str, most: int
) -> None:
    settings = make_settings(migrated_url, sessions_per_user=most)
    async with (
        serving(settings) as one,
        serving(settings) as two,
        one.open_client() as first,
        two.open_client() as second,
    ):
        ada = await sign_up(first)
        for _ in range(2):
            await asyncio.gather(*(log_in((first, second)[n % 2]) for n in range(24)))
        async with one.work() as work:
            live = select(func.count(Session.id)).where(
                Session.user_id == ada.id, Session.ended_at.is_(None)
            )
            assert await work.db.scalar(live) == most
            told = select(AuditEvent.details).where(AuditEvent.event == "session.displaced")
            ended = sum(details["sessions"] for details in await work.db.scalars(told))
        assert ended == 1 + 48 - most


@pytest.mark.every_database
async def test_sessions_of_before_the_bound_are_listed_by_pages_and_end_with_the_next_login(
    service: Service, client: httpx.AsyncClient
) -> None:
    ada = await sign_up(client)
    await insert_sessions(service, ada.id, 430)
    pages = await walk(client, ada.access_token, "/auth/sessions?limit=200")
    assert [len(page) for page in pages] == [200, 200, 31]
    listed = [id_ for page in pages for id_ in page]
    assert len(set(listed)) == 431
    assert await walk(client, ada.access_token, "/api/v1/auth/sessions?limit=7") == [
        listed[start : start + 7] for start in range(0, 431, 7)
    ]
    async with service.work() as work:
        created = {row.id: row.created_at for row in await work.db.scalars(select(Session))}
    assert [(created[id_], id_) for id_ in listed] == sorted((created[id_], id_) for id_ in listed)
    service.clock.advance(timedelta(seconds=1))
    token = (await log_in(client))["access_token"]
    pages = await walk(client, token, "/auth/sessions?limit=200")
    assert [len(page) for page in pages] == [100]
    assert pages[0][:-1] == listed[-99:]


async def test_a_page_of_sessions_that_cannot_be_is_refused(client: httpx.AsyncClient) -> None:
    ada = await sign_up(client)
    for query in ("limit=0", "limit=201", "cursor=", "cursor=YmVmb3JlOjEuMQ", "user_id=1"):
        answer = await client.get(f"/auth/sessions?{query}", headers=ada.headers)
        assert answer.status_code == 422, query
