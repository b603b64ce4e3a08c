"""Addresses at bare hosts and names that are not public: taken everywhere, or nowhere."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import MakeService
from tests.support.service import PASSWORD, Service, register, sign_up, sign_up_as

pytestmark = pytest.mark.anyio

ADDRESSES = ["ada@localhost", "ada@keycloak", "ada@corp.local", "Ada@realm.test", "ada@x.onion"]


def is_refused(answer: httpx.Response) -> bool:
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert told["code"] == "validation_error"
    [error] = told["errors"]
    return (error["loc"], error["type"]) == (["body", "email"], "email_invalid")


def body(email: str) -> dict[str, Any]:
    return {"email": email, "password": PASSWORD}


@pytest.mark.parametrize("email", ADDRESSES)
async def test_an_address_that_is_not_public_is_refused_wherever_one_is_given(
    service: Service, client: httpx.AsyncClient, email: str
) -> None:
    admin = await sign_up_as(service, client, "admin", "root@example.com")
    user = await sign_up(client, "eve@example.com")

    assert is_refused(await client.post("/auth/register", json=body(email)))
    many = await client.post("/auth/register/bulk", json={"users": [body(email)]})
    [failed] = many.json()["failed"]
    assert failed["code"] == "validation_error"
    assert failed["detail"].startswith("email: Give an address at a public domain")
    changes = {"email": email, "current_password": PASSWORD}
    assert is_refused(await client.patch("/users/me", json=changes, headers=user.headers))
    answer = await client.patch(f"/users/{user.id}", json={"email": email}, headers=admin.headers)
    assert is_refused(answer)


async def test_where_the_setting_takes_them_they_are_taken_everywhere(
    make_service: MakeService,
) -> None:
    async with make_service(email_special_domains=True) as service, service.open_client() as client:
        admin = await sign_up_as(service, client, "admin", "root@localhost")
        for email in ADDRESSES:
            made = await client.post("/auth/register", json=body(email))
            assert (made.status_code, made.json()["email"]) == (201, email)
            again = await client.post("/auth/register", json=body(email.upper()))
            assert (again.status_code, again.json()["code"]) == (409, "email_taken")
            assert (await client.post("/auth/login", json=body(email))).status_code == 200
        many = await client.post("/auth/register/bulk", json={"users": [body("eve@local")]})
        [eve] = many.json()["created"]
        answer = await client.patch(
            f"/users/{eve['id']}", json={"email": "eve@intranet"}, headers=admin.headers
        )
        assert answer.json()["email"] == "eve@intranet"
        for email in ("ada@127.0.0.1", "ada@[127.0.0.1]", "ada@in_tranet", "ada@-x", "ada@"):
            assert is_refused(await client.post("/auth/register", json=body(email)))


async def test_who_has_such_an_address_keeps_it_when_the_setting_goes(
    make_service: MakeService,
) -> None:
    async with make_service(email_special_domains=True) as before, make_service() as service:
        async with before.open_client() as client:
            await register(client, "ada@localhost")
        async with service.open_client() as client:
            login = await client.post("/auth/login", json=body("ada@localhost"))
            assert login.status_code == 200
            headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
            same = {"email": "Ada@localhost", "current_password": PASSWORD}
            assert (await client.patch("/users/me", json=same, headers=headers)).status_code == 200
            other = {"email": "ada@intranet", "current_password": PASSWORD}
            assert is_refused(await client.patch("/users/me", json=other, headers=headers))
