"""A further kind of credential is an entry in a list: no route learns of it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.types import Scope

from gatepost import Principal, Settings, app
from gatepost.features.callers.cache import CachedCaller, cache_of
from gatepost.features.callers.errors import InvalidToken
from gatepost.features.callers.permissions import ADMINS, Requirement, is_allowed, one_of
from gatepost.features.callers.principal import CallerKind
from gatepost.features.callers.roles import Role
from gatepost.runtime import Runtime
from gatepost.work import Work
from tests.support.service import sign_up

pytestmark = pytest.mark.anyio


@dataclass
class KeyInHeader:
    """The id of a user is their key: a credential that belongs to no session."""

    text: str
    is_ambient: bool = False

    def find_cached(self, runtime: Runtime) -> CachedCaller | None:
        return cache_of(runtime).find(("key",), runtime.clock.now())

    async def load(self, work: Work) -> CachedCaller:
        kind, _, number = self.text.rpartition(" ")
        if kind != "of user":
            raise InvalidToken
        version = cache_of(work.runtime).begin_read(("key",))
        principal = Principal(
            user_id=int(number), kind=CallerKind.SERVICE_ACCOUNT, method="key", role="user"
        )
        expires_at = work.now + timedelta(days=1)
        return CachedCaller(("key",), principal.user_id, expires_at, version, principal)


class Keys:
    def find_credential(self, scope: Scope, _: Settings) -> KeyInHeader | None:
        sent = dict(scope["headers"]).get(b"x-test-key")
        return None if sent is None else KeyInHeader(sent.decode())


@pytest.fixture(autouse=True)
def keys_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    known = app.authenticators()
    monkeypatch.setattr(app, "authenticators", lambda: (Keys(), *known))


async def test_every_route_takes_a_new_kind_of_credential(
    client: httpx.AsyncClient,
) -> None:
    account = await sign_up(client)
    assert account.id > 0
    key = {"X-Test-Key": f"of user {account.id}"}
    for _ in range(2):  # read, then cached
        answer = await client.get("/users/me", headers=key)
        assert (answer.status_code, answer.json()["email"]) == (200, account.email)
    made = await client.post("/items/", json={"title": "Milk"}, headers=key)
    assert (made.status_code, made.json()["owner_id"]) == (201, account.id)
    devices = (await client.get("/auth/sessions", headers=key)).json()
    assert [device["is_current"] for device in devices] == [False]
    assert (await client.get("/users", headers=key)).json()["code"] == "permission_denied"


async def test_the_first_credential_found_counts_even_if_it_is_bad(
    client: httpx.AsyncClient,
) -> None:
    account = await sign_up(client)
    for bad in ("nonsense", "of nobody 1"):
        answer = await client.get("/users/me", headers={**account.headers, "X-Test-Key": bad})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert (await client.get("/users/me", headers=account.headers)).status_code == 200


@pytest.mark.parametrize(
    ("role", "scopes", "needed", "allowed"),
    [
        ("user", None, Requirement(), True),
        ("user", frozenset({"items:read"}), Requirement(), False),
        ("user", None, ADMINS, False),
        ("admin", None, ADMINS, True),
        ("admin", frozenset({"items:read"}), ADMINS, False),
        ("user", None, Requirement(scopes=frozenset({"items:read"})), True),
        ("user", frozenset(), Requirement(scopes=frozenset({"items:read"})), False),
        ("user", frozenset({"items:read"}), Requirement(scopes=frozenset({"items:read"})), True),
        ("user", frozenset({"a"}), Requirement(scopes=frozenset({"a", "b"})), False),
        ("user", frozenset({"a"}), Requirement(one_of(["admin"]).roles, frozenset({"a"})), False),
    ],
)
def test_scopes_limit_what_the_role_allows(
    role: str, scopes: Any, needed: Requirement, *, allowed: bool
) -> None:
    assert is_allowed(Principal(user_id=1, role=role, scopes=scopes), needed) is allowed


def test_no_role_and_unknown_roles_are_no_requirement() -> None:
    assert one_of(["moderator", Role.ADMIN]).roles == {Role.MODERATOR, Role.ADMIN}
    for wrong in ([], ["boss"]):
        with pytest.raises(ValueError, match=r"(?i)role"):
            one_of(wrong)
