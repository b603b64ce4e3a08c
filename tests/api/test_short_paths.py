"""The short paths at the root: one flow from registering to deleting, as older clients know it."""

import httpx
import pytest

from gatepost.features.accounts.models import User
from gatepost.features.sessions.models import Session
from tests.api.conftest import MakeService
from tests.support.service import PASSWORD, Service, bearer, count, log_in, register, sign_up

pytestmark = pytest.mark.anyio

CREDENTIALS = {"username": "ada", "password": PASSWORD}


async def test_the_flow_from_registering_to_deleting(client: httpx.AsyncClient) -> None:
    registered = await client.post("/register", json={**CREDENTIALS, "email": "ada@example.com"})
    assert (registered.status_code, registered.json()["username"]) == (201, "ada")

    login = await client.post("/login", json=CREDENTIALS)
    assert (login.status_code, login.json()["token_type"]) == (200, "bearer")
    headers = bearer(login.json()["access_token"])
    client.cookies.clear()

    assert (await client.get("/users")).status_code == 401
    assert (await client.get("/users", headers=headers)).status_code == 403

    updated = await client.put("/update", json={"full_name": "New Name"}, headers=headers)
    assert updated.status_code == 200
    user = updated.json()
    assert user == registered.json() | {"full_name": "New Name"}

    by_credentials = await client.post("/users/code", json=CREDENTIALS)
    assert (by_credentials.status_code, by_credentials.json()) == (200, user)

    deleted = await client.delete("/delete", headers=headers)
    assert (deleted.status_code, deleted.json()) == (200, {"message": "Account deleted"})
    assert (await client.get("/users/me", headers=headers)).status_code == 401
    assert (await client.post("/login", json=CREDENTIALS)).status_code == 401
    assert (await client.post("/users/code", json=CREDENTIALS)).status_code == 401


@pytest.mark.parametrize("name", [{"email": "ada@example.com"}, {"username": "ADA"}])
async def test_credentials_show_the_user_and_start_no_session(
    service: Service, client: httpx.AsyncClient, name: dict[str, str]
) -> None:
    user = await register(client, username="ada")

    as_json = await client.post("/users/code", json={**name, "password": PASSWORD})
    as_form = await client.post("/users/code", data={"username": "ada", "password": PASSWORD})

    for answer in (as_json, as_form):
        assert (answer.status_code, answer.json()) == (200, user)
        assert "set-cookie" not in answer.headers
    assert await count(service, Session.id) == 0


async def test_credentials_take_no_transport(client: httpx.AsyncClient) -> None:
    await register(client, username="ada")

    answer = await client.post("/users/code", json={**CREDENTIALS, "transport": "cookie"})

    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["errors"]] == [["body", "transport"]]


async def test_wrong_credentials_are_refused_as_at_login(client: httpx.AsyncClient) -> None:
    await register(client, username="ada")
    wrong = {"username": "ada", "password": "not the right one"}

    code, login = [await client.post(path, json=wrong) for path in ("/users/code", "/auth/login")]

    assert code.status_code == login.status_code == 401
    assert code.json() | {"request_id": ""} == login.json() | {"request_id": ""}


async def test_an_update_keeps_what_it_leaves_out(client: httpx.AsyncClient) -> None:
    ada = await sign_up(client, username="ada", full_name="Ada")

    answer = await client.put("/update", json={"username": "countess"}, headers=ada.headers)

    assert (answer.json()["username"], answer.json()["full_name"]) == ("countess", "Ada")
    taken = await sign_up(client, "bob@example.com", username="bob")
    refused = await client.put("/update", json={"username": "Countess"}, headers=taken.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "username_taken")


async def test_an_update_of_the_address_takes_the_current_password(
    client: httpx.AsyncClient,
) -> None:
    ada = await sign_up(client)
    body = {"email": "new@example.com"}

    without = await client.put("/update", json=body, headers=ada.headers)
    right = await client.put(
        "/update", json={**body, "current_password": PASSWORD}, headers=ada.headers
    )

    assert (without.status_code, right.status_code) == (422, 200)
    assert right.json()["email"] == "new@example.com"


async def test_deleting_clears_the_cookies(service: Service, client: httpx.AsyncClient) -> None:
    await register(client)
    await client.post("/login", json={"email": "ada@example.com", "password": PASSWORD})
    assert (await client.get("/users/me")).status_code == 200

    refused = await client.delete("/delete", headers={"Sec-Fetch-Site": "cross-site"})
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_rejected")
    assert await count(service, User.id) == 1

    deleted = await client.delete("/delete")
    assert deleted.status_code == 200
    assert not client.cookies
    assert await count(service, User.id) == 0


async def test_deleting_ends_every_session_of_the_caller_and_nobody_elses(
    client: httpx.AsyncClient,
) -> None:
    ada, bob = await sign_up(client), await sign_up(client, "bob@example.com")
    elsewhere = await log_in(client)

    await client.delete("/delete", headers=ada.headers)

    other = await client.get("/users/me", headers=bearer(elsewhere["access_token"]))
    assert other.status_code == 401
    assert (await client.get("/users/me", headers=bob.headers)).status_code == 200


async def test_the_short_paths_are_at_the_root_only(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/v1/openapi.json")).json()
    for method, path in (
        ("POST", "/register"),
        ("POST", "/login"),
        ("POST", "/users/code"),
        ("PUT", "/update"),
        ("DELETE", "/delete"),
    ):
        assert (await client.request(method, f"/api/v1{path}", json={})).status_code in {404, 405}
        assert path not in document["paths"]


async def test_where_registration_is_closed_the_others_go_on(make_service: MakeService) -> None:
    async with make_service() as open_, open_.open_client() as client:
        await register(client, username="ada")
        async with (
            make_service(registration_open=False) as closed,
            closed.open_client() as guest,
        ):
            again = {"email": "bob@example.com", "password": PASSWORD}
            assert (await guest.post("/register", json=again)).status_code == 403
            assert (await guest.post("/login", json=CREDENTIALS)).status_code == 200
