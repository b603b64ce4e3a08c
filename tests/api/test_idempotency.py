"""A request with an `Idempotency-Key` does its work once, however often and wherever it is sent."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from gatepost import HookEvent, Hooks
from gatepost.features.accounts.models import User
from gatepost.features.audit.models import AuditEvent
from gatepost.features.idempotency.errors import IdempotencyKeyInvalid
from gatepost.features.idempotency.models import StoredAnswer
from gatepost.features.idempotency.routing import IdempotentRoute, once, once_per_caller, read_key
from gatepost.features.items.models import Item
from gatepost.purging import purge_all
from gatepost.web.routing import StrictRoute
from tests.api.conftest import MakeService
from tests.support.routes import routes_of
from tests.support.service import PASSWORD, Account, Service, count, log_in, sign_up, sign_up_as

pytestmark = pytest.mark.anyio

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
ITEM = {"title": "An item", "description": "Of mine"}
AT_ONCE = 20
WRITING = {"POST", "PUT", "PATCH"}
ONCE = {once, once_per_caller}


def keyed(account: Account | None = None, key: str = KEY, **headers: str) -> dict[str, str]:
    return {**(account.headers if account else {}), "Idempotency-Key": key, **headers}


async def add(
    client: httpx.AsyncClient, account: Account, key: str = KEY, **fields: Any
) -> httpx.Response:
    return await client.post("/items/", json=ITEM | fields, headers=keyed(account, key))


def told(answer: httpx.Response) -> tuple[int, bytes, str | None, str]:
    """What a replay has in common with the answer that it repeats."""
    content_type = answer.headers["content-type"]
    return answer.status_code, answer.content, answer.headers.get("location"), content_type


def is_replay(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("idempotency-replayed") == "true")


async def test_the_same_request_gets_the_same_answer_and_adds_nothing(
    service: Service, client: httpx.AsyncClient, account: Account
) -> None:
    answers = [await add(client, account) for _ in range(3)]

    assert [is_replay(answer) for answer in answers] == [False, True, True]
    assert answers[0].status_code == 201
    assert len({told(answer) for answer in answers}) == 1
    assert await count(service, Item.id) == 1


async def test_without_a_key_each_request_is_another(
    service: Service, client: httpx.AsyncClient, account: Account
) -> None:
    for _ in range(2):
        answer = await client.post("/items/", json=ITEM, headers=account.headers)
        assert "idempotency-replayed" not in answer.headers

    assert await count(service, Item.id) == 2
    assert await count(service, StoredAnswer.id) == 0


async def test_another_body_under_the_same_key_is_refused(
    service: Service, client: httpx.AsyncClient, account: Account
) -> None:
    await add(client, account)

    answer = await add(client, account, title="Another item")

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await count(service, Item.id) == 1


async def test_a_body_is_the_same_byte_by_byte_and_of_the_same_type(
    client: httpx.AsyncClient, account: Account
) -> None:
    sent = [
        (b'{"title":"x"}', "application/json", "/items/"),
        (b'{"title": "x"}', "application/json", "/items/"),
        (b'{"title":"x"}', "application/json; charset=utf-8", "/items/"),
        (b'{"title":"x"}', "application/json", "/items/?again=1"),
    ]
    answers = [
        await client.post(path, content=body, headers=keyed(account, **{"content-type": kind}))
        for body, kind, path in sent
    ]

    assert [answer.status_code for answer in answers] == [201, 422, 422, 422]


async def test_another_body_is_refused_though_it_is_no_good_either(
    client: httpx.AsyncClient, account: Account
) -> None:
    await add(client, account)

    answer = await client.post("/items/", json={"title": ""}, headers=keyed(account))

    assert answer.json()["code"] == "idempotency_key_reused"


async def test_another_callers_key_is_another_key(
    client: httpx.AsyncClient, account: Account
) -> None:
    eve = await sign_up(client, "eve@example.com")
    hers = await add(client, account)

    answer = await add(client, eve)

    assert answer.status_code == 201
    assert not is_replay(answer)
    assert answer.json()["owner_id"] == eve.id
    assert hers.json()["id"] != answer.json()["id"]


async def test_a_key_is_of_one_method_and_one_address(
    client: httpx.AsyncClient, account: Account
) -> None:
    item = (await add(client, account)).json()

    answers = [
        await client.request(method, path, json=ITEM, headers=keyed(account))
        for method, path in [
            ("POST", "/api/v1/items/"),
            ("PUT", f"/items/{item['id']}"),
            ("PATCH", f"/items/{item['id']}"),
        ]
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert not any(is_replay(answer) for answer in answers)


async def test_a_replay_needs_a_live_session(client: httpx.AsyncClient, account: Account) -> None:
    await add(client, account)
    nobody = await client.post("/items/", json=ITEM, headers=keyed())
    await client.post("/auth/logout", headers=account.headers)

    over = await add(client, account)

    assert (nobody.status_code, nobody.json()["code"]) == (401, "not_authenticated")
    assert (over.status_code, over.json()["code"]) == (401, "invalid_token")


async def test_another_session_of_the_caller_gets_the_answer(
    client: httpx.AsyncClient, account: Account
) -> None:
    first = await add(client, account)
    tokens = await log_in(client)

    again = await client.post(
        "/items/", json=ITEM, headers=keyed(Authorization=f"Bearer {tokens['access_token']}")
    )

    assert is_replay(again)
    assert told(again) == told(first)


async def test_an_answer_survives_a_restart(make_service: MakeService) -> None:
    async with AsyncExitStack() as until_the_end:
        # The first service is left running only because what it wrote goes when it stops.
        one = await until_the_end.enter_async_context(make_service())
        async with one.open_client() as client:
            account = await sign_up(client)
            first = await add(client, account)
        another = await until_the_end.enter_async_context(make_service())
        async with another.open_client() as client:
            again = await add(client, account)

    assert is_replay(again)
    assert told(again) == told(first)


async def test_an_answer_lasts_a_day(
    service: Service, client: httpx.AsyncClient, account: Account
) -> None:
    first = await add(client, account)
    service.clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    account = await _again(client, account)
    assert told(await add(client, account)) == told(first)

    service.clock.advance(timedelta(seconds=1))
    later = await add(client, account)

    assert later.status_code == 201
    assert not is_replay(later)
    assert is_replay(await add(client, account))
    assert await count(service, Item.id) == 2


async def test_answers_are_deleted_after_a_day(
    service: Service, client: httpx.AsyncClient, account: Account
) -> None:
    await add(client, account)
    service.clock.advance(timedelta(hours=23))
    await add(client, await _again(client, account), key="another")
    assert (await purge_all(service.runtime))["idempotent_answers"] == 0

    service.clock.advance(timedelta(hours=1))

    assert (await purge_all(service.runtime))["idempotent_answers"] == 1
    assert await count(service, StoredAnswer.id) == 1


async def _again(client: httpx.AsyncClient, account: Account) -> Account:
    tokens = await log_in(client, account.email)
    return Account(
        account.id, account.email, PASSWORD, tokens["access_token"], tokens["refresh_token"]
    )


async def test_a_refusal_is_not_kept(client: httpx.AsyncClient, account: Account) -> None:
    refused = await client.post("/items/", json={"title": ""}, headers=keyed(account))
    assert refused.status_code == 422

    answer = await add(client, account)

    assert answer.status_code == 201
    assert not is_replay(answer)


async def test_the_table_tells_neither_key_nor_address_nor_body(
    service: Service, client: httpx.AsyncClient
) -> None:
    await client.post(
        "/auth/register",
        json={"email": "ada@example.com", "password": PASSWORD},
        headers=keyed(),
    )

    async with service.work() as work:
        rows = (await work.db.scalars(select(StoredAnswer))).all()

    stored = b"".join(
        row.attempt.encode() + row.fingerprint.encode() + row.encrypted_answer for row in rows
    )
    assert len(rows) == 1
    for secret in (KEY, "ada@example.com", PASSWORD, "register"):
        assert secret.encode() not in stored


# Every route that creates or changes a user or an item.


async def _each_route(
    service: Service, client: httpx.AsyncClient
) -> AsyncIterator[tuple[str, str, dict[str, Any], Account | None]]:
    account = await sign_up(client)
    admin = await sign_up_as(service, client, "admin")
    item = (await client.post("/items/", json=ITEM, headers=account.headers)).json()
    row = {"email": "row@example.com", "password": PASSWORD}
    yield "POST", "/auth/register", {"email": "bob@example.com", "password": PASSWORD}, None
    yield "POST", "/register", {"email": "kim@example.com", "password": PASSWORD}, None
    yield "POST", "/auth/register/bulk", {"users": [row, row]}, None
    yield "PATCH", "/users/me", {"full_name": "Ada"}, account
    yield "PUT", "/update", {"full_name": "Ada L."}, account
    yield "PATCH", f"/users/{account.id}", {"full_name": "Ada Lovelace"}, admin
    for path in ("/items", "/items/"):
        yield "POST", path, ITEM, account
    yield "PUT", f"/items/{item['id']}", ITEM, account
    yield "PATCH", f"/items/{item['id']}", ITEM, account
    new = {"current_password": PASSWORD, "new_password": "another horse battery staple"}
    yield "POST", "/users/me/password", new, account


async def test_every_route_that_creates_or_changes_does_so_once(
    service: Service, client: httpx.AsyncClient
) -> None:
    tried = set()
    async for method, path, body, account in _each_route(service, client):
        events = AuditEvent.event.notlike("permission%")
        headers = keyed(account)
        first = await client.request(method, path, json=body, headers=headers)
        done = await count(service, AuditEvent.id, events)
        again = await client.request(method, path, json=body, headers=headers)

        assert first.is_success, (path, first.text)
        assert is_replay(again), (path, again.text)
        assert told(again) == told(first), path
        assert await count(service, AuditEvent.id, events) == done, path
        tried.add((method, path.replace("/1", "/{}")))
    assert len(tried) == 11


async def test_every_route_with_a_body_is_strict_and_does_its_work_once_or_says_why_not(
    service: Service,
) -> None:
    carries_tokens = {"log_in", "refresh"}
    changes_nothing = {"log_out", "log_out_everywhere", "read_user_by_credentials", "unlock_user"}
    without = set()
    for route in routes_of(service.app):
        if not {"POST", "PUT", "PATCH"} & (route.methods or set()):
            continue
        assert isinstance(route, StrictRoute), route.path
        if ONCE.isdisjoint(each.dependency for each in route.dependencies):
            without.add(route.name)
        else:
            assert isinstance(route, IdempotentRoute), route.path
    assert without == carries_tokens | changes_nothing


@pytest.mark.parametrize("path", ["/auth/login", "/login", "/auth/refresh"])
async def test_an_answer_with_tokens_is_never_kept(
    service: Service, client: httpx.AsyncClient, account: Account, path: str
) -> None:
    body = (
        {"refresh_token": account.refresh_token}
        if "refresh" in path
        else {
            "email": account.email,
            "password": PASSWORD,
        }
    )
    for key in (KEY, KEY, "no key at all, \x7f"):
        answer = await client.post(path, json=body, headers={"Idempotency-Key": key})
        assert answer.status_code == 200, answer.text
        assert "idempotency-replayed" not in answer.headers
    assert await count(service, StoredAnswer.id) == 0


# Keys.


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ([KEY], KEY),
        ([f'"{KEY}"'], KEY),
        (['"a b"'], "a b"),
        ([r'"a\"b\\"'], 'a"b\\'),
        (["~!#$%&'()*+,-./:;<=>?@[]^_`{|}"], "~!#$%&'()*+,-./:;<=>?@[]^_`{|}"),
        (["x" * 255], "x" * 255),
        ([f'"{"x" * 255}"'], "x" * 255),
    ],
)
def test_a_key_is_a_string_of_structured_fields_or_plain(values: list[str], key: str) -> None:
    assert read_key(values) == key


@pytest.mark.parametrize(
    "values",
    [
        [],
        [""],
        ['""'],
        ["a", "a"],
        ["a b"],
        ["a, b"],
        ['"a", "b"'],
        ['"a'],
        ['a"'],
        [r'"a\b"'],
        ['"a";b=1'],
        ["x" * 256],
        [f'"{"x" * 256}"'],
        ["caf\u00e9"],
        ["a\tb"],
        ['"a\n"'],
        ["a\x00b"],
        ["a\x7f"],
        ["\ud800"],
    ],
    ids=repr,
)
def test_what_is_no_key_is_refused(values: Sequence[str]) -> None:
    with pytest.raises(IdempotencyKeyInvalid):
        read_key(values)


async def test_a_key_that_is_none_is_refused_before_anything_is_done(
    service: Service, client: httpx.AsyncClient, account: Account
) -> None:
    answer = await add(client, account, key="two words")

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")
    assert await count(service, Item.id) == 0


async def test_quotes_are_not_part_of_a_key(client: httpx.AsyncClient, account: Account) -> None:
    await add(client, account)

    assert is_replay(await add(client, account, key=f'"{KEY}"'))


# At once: in one process, and in several, where only the database can decide.


@pytest.fixture
async def processes(make_service: MakeService) -> AsyncIterator[list[Service]]:
    """Services that share nothing but the database, as processes do."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(make_service()) for _ in range(4)]


async def send_at_once(
    processes: Sequence[Service], method: str, path: str, body: object, headers: dict[str, str]
) -> list[httpx.Response]:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(each.open_client()) for each in processes]
        return await asyncio.gather(
            *(
                clients[n % len(clients)].request(method, path, json=body, headers=headers)
                for n in range(AT_ONCE)
            )
        )


def assert_one_answer(answers: Sequence[httpx.Response], status: int) -> None:
    assert {answer.status_code for answer in answers} == {status}, [a.text for a in answers]
    assert len({told(answer) for answer in answers}) == 1
    assert [is_replay(answer) for answer in answers].count(False) == 1


@pytest.mark.every_database
@pytest.mark.parametrize("several", [False, True], ids=["one process", "several processes"])
async def test_items_at_once_under_one_key_are_one_item(
    processes: list[Service], several: bool
) -> None:
    processes = processes if several else processes[:1]
    async with processes[0].open_client() as client:
        account = await sign_up(client)

    answers = await send_at_once(processes, "POST", "/items/", ITEM, keyed(account))

    assert_one_answer(answers, 201)
    assert await count(processes[0], Item.id) == 1


@pytest.mark.every_database
@pytest.mark.parametrize("several", [False, True], ids=["one process", "several processes"])
async def test_registrations_at_once_under_one_key_are_one_and_none_finds_the_address_taken(
    processes: list[Service], several: bool
) -> None:
    processes = processes if several else processes[:1]
    body = {"email": "ada@example.com", "username": "ada", "password": PASSWORD}

    answers = await send_at_once(processes, "POST", "/auth/register", body, keyed())

    assert_one_answer(answers, 201)
    assert await count(processes[0], User.id) == 1
    assert await count(processes[0], AuditEvent.id, AuditEvent.event == "user.created") == 1


@pytest.mark.every_database
@pytest.mark.parametrize("several", [False, True], ids=["one process", "several processes"])
async def test_bulk_registrations_at_once_under_one_key_are_one(
    processes: list[Service], several: bool
) -> None:
    processes = processes if several else processes[:1]
    rows = [{"email": f"user{n}@example.com", "password": PASSWORD} for n in range(5)]
    body = {"users": [*rows, rows[0], {"email": "nonsense"}]}

    answers = await send_at_once(processes, "POST", "/auth/register/bulk", body, keyed())

    assert_one_answer(answers, 201)
    assert len(answers[0].json()["created"]) == 5
    assert [row["index"] for row in answers[0].json()["failed"]] == [5, 6]
    assert await count(processes[0], User.id) == 5


@pytest.mark.every_database
async def test_changes_of_a_password_at_once_under_one_key_are_one(
    processes: list[Service],
) -> None:
    async with processes[0].open_client() as client:
        account = await sign_up(client)
    body = {"current_password": PASSWORD, "new_password": "another horse battery staple"}

    answers = await send_at_once(processes[:1], "POST", "/users/me/password", body, keyed(account))

    assert_one_answer(answers, 200)
    events = AuditEvent.event.like("user.password_change%")
    assert await count(processes[0], AuditEvent.id, events) == 1


@pytest.mark.every_database
async def test_other_bodies_at_once_under_one_key_are_one_item_and_refusals(
    processes: list[Service],
) -> None:
    async with processes[0].open_client() as client, processes[1].open_client() as other:
        account = await sign_up(client)
        answers = await asyncio.gather(
            *(
                (client, other)[n % 2].post(
                    "/items/", json={"title": f"{n}"}, headers=keyed(account)
                )
                for n in range(8)
            )
        )

    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] + [422] * 7
    assert await count(processes[0], Item.id) == 1


@pytest.mark.every_database
async def test_a_hosts_callback_is_called_once_however_many_race(
    make_service: MakeService,
) -> None:
    called = []

    async def note(happening: HookEvent) -> None:
        called.append(happening.user_id)

    async with AsyncExitStack() as stack:
        processes = []
        for _ in range(4):
            hooks = Hooks()
            hooks.on("user.created", note)
            processes.append(await stack.enter_async_context(make_service(hooks=hooks)))
        body = {"email": "ada@example.com", "password": PASSWORD}
        answers = await send_at_once(processes, "POST", "/auth/register", body, keyed())

    assert called == [answers[0].json()["id"]]


# When something goes wrong between the effect and the answer.


async def test_an_effect_whose_answer_cannot_be_kept_is_not_kept_either(
    service: Service, client: httpx.AsyncClient, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> bool:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    with monkeypatch.context() as broken:
        broken.setattr("gatepost.features.idempotency.repository.put", fail)
        answer = await add(client, account)
    assert answer.status_code >= 500
    assert await count(service, Item.id) == 0

    again = await add(client, account)

    assert again.status_code == 201
    assert await count(service, Item.id) == 1
