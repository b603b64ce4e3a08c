"""Items over HTTP: kept, listed, changed and deleted by their owner, and nobody else's business."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from gatepost.features.callers.errors import InvalidToken
from gatepost.features.callers.roles import Role
from gatepost.features.items import service as items
from tests.support.hostile_text import HOSTILE_TEXTS
from tests.support.service import Account, Service, sign_up, sign_up_as

pytestmark = pytest.mark.anyio


METHODS = ("GET", "PUT", "PATCH", "DELETE")

PAGES_THAT_CANNOT_BE = [
    ("limit=0", "limit"),
    ("limit=201", "limit"),
    ("limit=-1", "limit"),
    ("limit=many", "limit"),
    ("limit=99999999999999999999", "limit"),
    ("cursor=1", "cursor"),
    ("cursor=%00", "cursor"),
    ("cursor=%ED%A0%80", "cursor"),
    ("cursor=" + "A" * 65, "cursor"),
    ("cursor=YWZ0ZXI6LTE", "cursor"),
    ("cursor=YWZ0ZXI6MDE", "cursor"),
    ("cursor=", "cursor"),
]

NO_ITEMS = [
    b"",
    b"null",
    b"[]",
    b'"title"',
    b"{",
    b'{"title": NaN}',
    b'{"title": 1e999}',
    b"\xff\xfe{}",
    b'{"title": "\xed\xa0\x80"}',
    b'{"title": {"$ne": ""}}',
    b"[" * 100_000,
]


@pytest.fixture
async def owner(client: httpx.AsyncClient) -> Account:
    return await sign_up(client)


async def add(client: httpx.AsyncClient, owner: Account, **fields: object) -> dict[str, Any]:
    answer = await client.post("/items/", json={"title": "An item"} | fields, headers=owner.headers)
    assert answer.status_code == 201, answer.text
    item: dict[str, Any] = answer.json()
    return item


async def read(client: httpx.AsyncClient, owner: Account, item_id: int) -> dict[str, Any]:
    answer = await client.get(f"/items/{item_id}", headers=owner.headers)
    assert answer.status_code == 200, answer.text
    item: dict[str, Any] = answer.json()
    return item


async def test_an_item_is_kept_as_it_was_given(client: httpx.AsyncClient, owner: Account) -> None:
    answer = await client.post(
        "/items/", json={"title": "My Item", "description": "Of mine"}, headers=owner.headers
    )

    assert answer.status_code == 201
    item = answer.json()
    assert item.keys() == {"id", "title", "description", "owner_id", "created_at", "updated_at"}
    assert (item["title"], item["description"]) == ("My Item", "Of mine")
    assert item["owner_id"] == owner.id
    assert await read(client, owner, item["id"]) == item


async def test_a_new_item_is_where_its_location_says(
    client: httpx.AsyncClient, owner: Account
) -> None:
    answer = await client.post("/items/", json={"title": "x"}, headers=owner.headers)

    assert answer.headers["location"] == f"/items/{answer.json()['id']}"


async def test_links_stay_below_the_prefix(client: httpx.AsyncClient, owner: Account) -> None:
    for _ in range(2):
        added = await client.post("/api/v1/items", json={"title": "x"}, headers=owner.headers)
    listed = await client.get("/api/v1/items?limit=1", headers=owner.headers)

    assert added.headers["location"] == f"/api/v1/items/{added.json()['id']}"
    assert listed.links["next"]["url"].startswith("/api/v1/items?limit=1&cursor=")


async def test_a_location_does_not_repeat_the_host_that_was_sent(
    client: httpx.AsyncClient, owner: Account
) -> None:
    headers = {**owner.headers, "host": "evil.example.net"}
    answer = await client.post("/items/", json={"title": "x"}, headers=headers)

    assert answer.headers.get("location", "/").startswith("/")
    assert "evil" not in answer.headers.get("location", "")


async def test_a_description_may_be_left_out(client: httpx.AsyncClient, owner: Account) -> None:
    assert (await add(client, owner))["description"] is None


@pytest.mark.every_database
async def test_times_are_utc_and_say_so(client: httpx.AsyncClient, owner: Account) -> None:
    item = await add(client, owner)

    for name in ("created_at", "updated_at"):
        assert item[name].endswith("Z")
        assert datetime.fromisoformat(item[name]).utcoffset() == timedelta(0)


@pytest.mark.parametrize("path", ["/items", "/items/"])
async def test_the_collection_answers_with_and_without_its_slash(
    client: httpx.AsyncClient, owner: Account, path: str
) -> None:
    added = await client.post(path, json={"title": "x"}, headers=owner.headers)
    listed = await client.get(path, headers=owner.headers)

    assert added.status_code == 201
    assert added.headers["location"] == f"/items/{added.json()['id']}"
    assert listed.json() == [added.json()]


async def test_the_collection_asks_for_a_login(client: httpx.AsyncClient) -> None:
    for method in ("GET", "POST"):
        answer = await client.request(method, "/items/", **_body(method))

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["code"] == "not_authenticated"


async def test_an_item_asks_for_a_login(client: httpx.AsyncClient) -> None:
    for method in METHODS:
        answer = await client.request(method, "/items/1", **_body(method))

        assert answer.status_code == 401
        assert answer.json()["code"] == "not_authenticated"


def _body(method: str) -> dict[str, Any]:
    return {"json": {"title": "x"}} if method in {"POST", "PUT", "PATCH"} else {}


# A stranger's item and none at all must be one answer.


async def test_a_strangers_item_is_as_absent_as_none(
    client: httpx.AsyncClient, owner: Account
) -> None:
    item = await add(client, owner)
    stranger = await sign_up(client, "eve@example.com")

    for method in METHODS:
        theirs = await client.request(
            method, f"/items/{item['id']}", headers=stranger.headers, **_body(method)
        )
        none = await client.request(
            method, f"/items/{item['id'] + 1000}", headers=stranger.headers, **_body(method)
        )

        assert theirs.status_code == none.status_code == 404
        assert _without_request_id(theirs) == _without_request_id(none)
        assert theirs.json()["code"] == "not_found"
        assert await read(client, owner, item["id"]) == item


def _without_request_id(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.ADMIN])
async def test_no_role_opens_somebody_elses_items(
    service: Service, client: httpx.AsyncClient, owner: Account, role: Role
) -> None:
    item = await add(client, owner)
    other = await sign_up_as(service, client, role)

    for method in METHODS:
        answer = await client.request(
            method, f"/items/{item['id']}", headers=other.headers, **_body(method)
        )
        assert answer.status_code == 404, method
    assert (await client.get("/items/", headers=other.headers)).json() == []


async def test_an_item_for_an_owner_who_has_just_been_deleted_is_refused(service: Service) -> None:
    """As when the deletion is committed between the request's authentication and its insert."""
    with pytest.raises(InvalidToken):
        async with service.work() as work:
            await items.create(work, 2**40, "Nobody's", None)


async def test_a_strangers_items_are_not_listed(client: httpx.AsyncClient, owner: Account) -> None:
    await add(client, owner)
    stranger = await sign_up(client, "eve@example.com")

    assert (await client.get("/items/", headers=stranger.headers)).json() == []


async def test_a_field_that_is_not_the_callers_to_set_is_refused(
    client: httpx.AsyncClient, owner: Account
) -> None:
    item = await add(client, owner)

    for name in ("owner_id", "id", "created_at", "colour"):
        for method, path in _writes(item["id"]):
            answer = await client.request(
                method, path, json={"title": "x", name: "secret-sauce"}, headers=owner.headers
            )

            assert answer.status_code == 422, method
            assert answer.json()["code"] == "validation_error"
            assert [error["loc"] for error in answer.json()["errors"]] == [["body", name]]
            assert "secret-sauce" not in answer.text
        assert await _list(client, owner) == [item]


def _writes(item_id: int) -> list[tuple[str, str]]:
    return [("POST", "/items/"), ("PUT", f"/items/{item_id}"), ("PATCH", f"/items/{item_id}")]


async def test_what_a_change_leaves_out_keeps_its_value(
    client: httpx.AsyncClient, owner: Account
) -> None:
    for method in ("PUT", "PATCH"):
        item = await add(client, owner, title="Before", description="Kept")

        answer = await client.request(
            method, f"/items/{item['id']}", json={"title": "After"}, headers=owner.headers
        )

        assert answer.status_code == 200
        changed = answer.json()
        assert (changed["title"], changed["description"]) == ("After", "Kept")
        assert changed["created_at"] == item["created_at"]
        assert await read(client, owner, item["id"]) == changed


async def test_an_empty_change_changes_nothing(client: httpx.AsyncClient, owner: Account) -> None:
    for method in ("PUT", "PATCH"):
        item = await add(client, owner, description="Kept")

        answer = await client.request(
            method, f"/items/{item['id']}", json={}, headers=owner.headers
        )

        assert (answer.status_code, answer.json()) == (200, item)


async def test_the_same_change_twice_is_no_error(client: httpx.AsyncClient, owner: Account) -> None:
    """MariaDB may count the rows that changed rather than those that were found."""
    for method in ("PUT", "PATCH"):
        item = await add(client, owner)

        for _ in range(2):
            answer = await client.request(
                method, f"/items/{item['id']}", json={"title": "Same"}, headers=owner.headers
            )
            assert (answer.status_code, answer.json()["title"]) == (200, "Same")


async def test_a_null_takes_the_description_away(client: httpx.AsyncClient, owner: Account) -> None:
    for method in ("PUT", "PATCH"):
        item = await add(client, owner, description="Gone soon")

        answer = await client.request(
            method, f"/items/{item['id']}", json={"description": None}, headers=owner.headers
        )

        assert (answer.status_code, answer.json()["description"]) == (200, None)
        assert answer.json()["title"] == item["title"]


async def test_a_title_is_one_to_two_hundred_characters(
    client: httpx.AsyncClient, owner: Account
) -> None:
    item = await add(client, owner)

    for title in (None, "", " \u00a0 ", "<b></b>", "x" * 201, 7, ["x"]):
        for method, path in _writes(item["id"]):
            answer = await client.request(
                method, path, json={"title": title}, headers=owner.headers
            )

            assert answer.status_code == 422, (method, title)
            assert [error["loc"] for error in answer.json()["errors"]] == [["body", "title"]]


@pytest.mark.every_database
async def test_the_longest_texts_are_kept_whole(client: httpx.AsyncClient, owner: Account) -> None:
    longest = {"title": "\U0001f600" * 200, "description": "\U0001f600" * 10_000}
    item = await add(client, owner, **longest)

    kept = await read(client, owner, item["id"])
    assert {name: kept[name] for name in longest} == longest


async def test_a_title_is_required(client: httpx.AsyncClient, owner: Account) -> None:
    answer = await client.post("/items/", json={"description": "x"}, headers=owner.headers)

    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["errors"]] == [["body", "title"]]


async def test_a_deleted_item_is_gone(client: httpx.AsyncClient, owner: Account) -> None:
    item = await add(client, owner)
    path = f"/items/{item['id']}"

    answers = [await client.delete(path, headers=owner.headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 404]
    assert answers[0].content == b""
    assert (await client.get(path, headers=owner.headers)).status_code == 404


async def test_a_deleted_items_id_is_not_given_again(
    client: httpx.AsyncClient, owner: Account
) -> None:
    first = await add(client, owner)
    await client.delete(f"/items/{first['id']}", headers=owner.headers)

    assert (await add(client, owner))["id"] > first["id"]


# Pages: following the links visits everything once, in order.


async def test_following_the_links_visits_every_item_once(
    client: httpx.AsyncClient, owner: Account
) -> None:
    added = [(await add(client, owner, title=f"Item {n}"))["id"] for n in range(5)]

    seen, next_page, pages = [], "/items/?limit=2", 0
    while next_page:
        answer = await client.get(next_page, headers=owner.headers)
        assert answer.status_code == 200
        seen += [item["id"] for item in answer.json()]
        next_page = answer.links["next"]["url"] if answer.links else ""
        pages += 1

    assert (seen, pages) == (added, 3)


@pytest.mark.every_database
async def test_the_last_page_has_no_link_though_it_is_full(
    client: httpx.AsyncClient, owner: Account
) -> None:
    for _ in range(2):
        await add(client, owner)

    answer = await client.get("/items/?limit=2", headers=owner.headers)

    assert len(answer.json()) == 2
    assert "link" not in answer.headers


async def test_a_cursor_shows_nothing_of_somebody_else(
    client: httpx.AsyncClient, owner: Account
) -> None:
    for _ in range(3):
        await add(client, owner)
    stranger = await sign_up(client, "eve@example.com")
    first_page = await client.get("/items/?limit=1", headers=owner.headers)

    answer = await client.get(first_page.links["next"]["url"], headers=stranger.headers)

    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.every_database
async def test_a_page_that_cannot_be_is_refused(client: httpx.AsyncClient, owner: Account) -> None:
    for query, name in PAGES_THAT_CANNOT_BE:
        answer = await client.get(f"/items/?{query}", headers=owner.headers)

        assert answer.status_code == 422, query
        assert [error["loc"] for error in answer.json()["errors"]] == [["query", name]]


async def test_an_id_that_cannot_be_is_refused(client: httpx.AsyncClient, owner: Account) -> None:
    for item_id in ("0", "-1", str(2**63), "9" * 400, "x", "1.5", "%00", "%F0"):
        for method in METHODS:
            answer = await client.request(
                method, f"/items/{item_id}", headers=owner.headers, **_body(method)
            )

            assert answer.status_code == 422, (method, item_id)
            assert [error["loc"] for error in answer.json()["errors"]] == [["path", "item_id"]]


async def test_the_largest_id_is_merely_absent(client: httpx.AsyncClient, owner: Account) -> None:
    answer = await client.get(f"/items/{2**63 - 1}", headers=owner.headers)

    assert answer.status_code == 404


async def test_markup_does_not_survive(client: httpx.AsyncClient, owner: Account) -> None:
    item = await add(
        client,
        owner,
        title="<script>alert(1)</script>Hello",
        description="<img src=x onerror=alert(1)>hi <b>there</b>",
    )

    assert (item["title"], item["description"]) == ("Hello", "hi there")


@pytest.mark.every_database
async def test_text_that_only_looks_like_markup_survives(
    client: httpx.AsyncClient, owner: Account
) -> None:
    item = await add(client, owner, title="Tom & Jerry", description="1 < 2, I <3 you &lt; &copy")

    assert item["title"] == "Tom & Jerry"
    assert item["description"] == "1 < 2, I <3 you &lt; &copy"


@pytest.mark.every_database
async def test_sql_is_only_text(client: httpx.AsyncClient, owner: Account) -> None:
    title = "'; DROP TABLE gatepost_items; --"
    item = await add(client, owner, title=title)

    assert [listed["title"] for listed in await _list(client, owner)] == [title]
    assert item["title"] == title


async def _list(client: httpx.AsyncClient, owner: Account) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get("/items/", headers=owner.headers)).json()
    return items


# Hostile text is kept as it should be or refused; it is never an error of ours.


@pytest.mark.every_database
async def test_a_title_of_hostile_text_is_kept_or_refused(
    client: httpx.AsyncClient, owner: Account
) -> None:
    item = await add(client, owner)
    for hostile in HOSTILE_TEXTS:
        for method, path in _writes(item["id"]):
            answer = await _send(client, owner, method, path, hostile.as_json_member("title"))
            await _expect(client, owner, answer, "title", hostile.on_one_line, hostile.name)


@pytest.mark.every_database
async def test_a_description_of_hostile_text_is_kept_or_refused(
    client: httpx.AsyncClient, owner: Account
) -> None:
    item = await add(client, owner)
    for hostile in HOSTILE_TEXTS:
        for method, path in _writes(item["id"]):
            members = f'"title": "x", {hostile.as_json_member("description")}'
            answer = await _send(client, owner, method, path, members)
            await _expect(client, owner, answer, "description", hostile.on_lines, hostile.name)


@pytest.mark.every_database
async def test_a_field_named_by_hostile_text_is_refused(
    client: httpx.AsyncClient, owner: Account
) -> None:
    for hostile in HOSTILE_TEXTS:
        answer = await _send(
            client, owner, "POST", "/items/", f'"title": "x", {hostile.as_json_name()}'
        )

        assert answer.status_code == 422, hostile.name
        assert answer.json()["code"] == "validation_error"


async def test_a_body_that_is_no_item_is_refused(client: httpx.AsyncClient, owner: Account) -> None:
    for body in NO_ITEMS:
        answer = await client.post(
            "/items/", content=body, headers={**owner.headers, "content-type": "application/json"}
        )

        assert answer.status_code in {400, 422}, body[:24]
        assert answer.headers["content-type"] == "application/problem+json"


async def _send(
    client: httpx.AsyncClient, owner: Account, method: str, path: str, members: str
) -> httpx.Response:
    """Send JSON that no encoder would make."""
    return await client.request(
        method,
        path,
        content=f"{{{members}}}".encode(),
        headers={**owner.headers, "content-type": "application/json"},
    )


async def _expect(
    client: httpx.AsyncClient,
    owner: Account,
    answer: httpx.Response,
    name: str,
    kept: str | None,
    about: str,
) -> None:
    """Expect the answer to have kept the field so; or refused it, where `kept` is None."""
    if kept is None:
        assert answer.status_code == 422, (about, answer.text)
        assert answer.json()["code"] == "validation_error"
        assert [error["loc"] for error in answer.json()["errors"]] == [["body", name]], about
    else:
        assert answer.status_code in {200, 201}, (about, answer.text)
        assert (await read(client, owner, answer.json()["id"]))[name] == kept, about
