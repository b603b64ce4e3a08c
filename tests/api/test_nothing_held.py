"""Nobody waits for a store, a hash, a lock or a second connection while they hold a transaction."""

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, text

from gatepost import holding
from gatepost.features.callers.roles import Role
from gatepost.features.signing_keys.models import StoredKey
from gatepost.features.signing_keys.state import SigningKeysState
from gatepost.holding import TransactionHeld
from gatepost.purging import purge_all
from gatepost.stores.entries import read
from tests.api.conftest import MakeService
from tests.support.service import PASSWORD, Service, log_in, register, sign_up, sign_up_as

pytestmark = pytest.mark.anyio

NEW_PASSWORD = "another horse, another battery"


class Caller:
    """Sends each request under a key of its own, by a process that remembers neither who it is
    nor the keys."""

    def __init__(self, service: Service, client: httpx.AsyncClient, token: str = "") -> None:
        self._service, self._client = service, client
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def send(self, method: str, path: str, body: object = None) -> httpx.Response:
        self._service.runtime.session_cache.clear()
        self._service.runtime.state(SigningKeysState).ring.read_at = None
        headers = {**self._headers, "Idempotency-Key": secrets.token_hex(8)}
        return await self._client.request(method, path, headers=headers, json=body)

    async def done(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.send(method, path, body)
        assert answer.status_code < 300, (path, answer.text)
        return answer.json() if answer.content else None


@asynccontextmanager
async def narrow(make_service: MakeService, **changes: Any) -> AsyncIterator[Service]:
    """A service whose store is its database, to which it has one connection.

    What waited for a second one, or for its own lock, would wait for ever.
    """
    async with make_service(workers=2, database_pool_size=1, **changes) as service:
        assert service.runtime.store.kind == "database"
        yield service
        assert service.runtime.store.figures["failures"] == 0


@pytest.mark.parametrize("algorithm", ["HS256", "ES256"])
async def test_every_route_of_ones_own_works_by_one_connection(
    make_service: MakeService, algorithm: str
) -> None:
    async with (
        narrow(make_service, algorithm=algorithm) as service,
        service.open_client() as client,
    ):
        anybody = Caller(service, client)
        ada = {"email": "ada@example.com", "password": PASSWORD}
        eve = {"email": "eve@example.com", "password": PASSWORD}
        await anybody.done("POST", "/auth/register", ada)
        await anybody.done("POST", "/auth/register/bulk", {"users": [eve]})
        pair = await anybody.done("POST", "/auth/login", {**ada, "transport": "bearer"})
        sent = {"refresh_token": pair["refresh_token"]}
        pair = await anybody.done("POST", "/auth/refresh", sent)
        me = Caller(service, client, pair["access_token"])
        await me.done("PATCH", "/users/me", {"full_name": "Ada"})
        moved = {"email": "a@example.com", "current_password": PASSWORD}
        await me.done("PATCH", "/users/me", moved)
        await me.done("PUT", "/update", {"full_name": "Ada Lovelace"})
        changed = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        await me.done("POST", "/users/me/password", changed)
        for path in ("/auth/me", "/auth/sessions", "/users/me/activity", "/health/ready"):
            await me.done("GET", path)
        item = (await me.done("POST", "/items/", {"title": "An item"}))["id"]
        await me.done("PUT", f"/items/{item}", {"title": "Another"})
        await me.done("PATCH", f"/items/{item}", {"title": "A third"})
        await me.done("DELETE", f"/items/{item}")
        await me.done("POST", "/auth/logout")


async def test_every_route_of_an_admins_works_by_one_connection(make_service: MakeService) -> None:
    async with narrow(make_service, algorithm="ES256") as service, service.open_client() as client:
        eve = await sign_up(client, "eve@example.com")
        account = await sign_up_as(service, client, Role.ADMIN)
        admin = Caller(service, client, account.access_token)
        for path in ("/users", f"/users/{eve.id}", "/audit", "/.well-known/jwks.json"):
            await admin.done("GET", path)
        changes = {"role": "moderator", "is_active": False, "full_name": "Eve"}
        await admin.done("PATCH", f"/users/{eve.id}", changes)
        await admin.done("POST", f"/users/{eve.id}/unlock")
        await admin.done("DELETE", f"/users/{eve.id}")
        await admin.done("POST", "/auth/logout-all")
        await purge_all(service.runtime)


async def test_what_is_refused_holds_nothing_either(make_service: MakeService) -> None:
    async with narrow(make_service) as service, service.open_client() as client:
        ada = await sign_up(client)
        me = Caller(service, client, ada.access_token)
        wrong = {"email": ada.email, "password": "a wrong password"}
        changed = {"current_password": "a wrong password", "new_password": NEW_PASSWORD}
        refused = [
            await me.send("POST", "/auth/register", {"email": ada.email, "password": PASSWORD}),
            await me.send("POST", "/auth/login", wrong),
            await me.send("POST", "/users/me/password", changed),
            await me.send("PATCH", f"/users/{ada.id}", {"role": "admin"}),
            await me.send("POST", f"/users/{ada.id}/unlock"),
        ]
    assert [answer.status_code for answer in refused] == [409, 401, 403, 403, 403]


async def test_a_ring_that_lost_its_keys_makes_one_without_holding_a_transaction(
    make_service: MakeService,
) -> None:
    changes = {"algorithm": "ES256", "database_pool_size": 1}
    async with make_service(**changes) as service, service.open_client() as client:
        await register(client)
        tokens = await log_in(client)
        for ask in ("login", "refresh", "keys"):
            async with service.work() as work:
                await work.db.execute(delete(StoredKey))
            service.runtime.state(SigningKeysState).ring.read_at = None
            if ask == "login":
                await log_in(client)
            elif ask == "refresh":
                sent = {"refresh_token": tokens["refresh_token"]}
                assert (await client.post("/auth/refresh", json=sent)).status_code == 200
            else:
                answer = await client.get("/.well-known/jwks.json")
                assert len(answer.json()["keys"]) == 1


@pytest.mark.parametrize("changes", [{}, {"workers": 2}])
async def test_whoever_asks_within_a_transaction_is_found_out(
    make_service: MakeService, changes: dict[str, int]
) -> None:
    async with make_service(**changes) as service, service.work() as work:
        await work.db.execute(text("SELECT 1"))
        with pytest.raises(TransactionHeld):
            await service.runtime.store.update("anything", read)
        with pytest.raises(TransactionHeld):
            await service.runtime.passwords.hash(PASSWORD)
        with pytest.raises(TransactionHeld):
            await service.runtime.invalidation.invalidate([1])
        with pytest.raises(TransactionHeld):
            async with service.work():
                pass
        await work.commit_and_release()
        await service.runtime.store.update("anything", read)


async def test_in_production_it_is_told_once_and_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(holding, "is_strict", False)
    monkeypatch.setattr(holding, "_reported", set())
    async with service.work() as work:
        await work.db.execute(text("SELECT 1"))
        with caplog.at_level(logging.ERROR, logger="gatepost.holding"):
            for _ in range(2):
                await service.runtime.passwords.hash(PASSWORD)
    assert [record.message for record in caplog.records] == ["transaction.held"]
