"""Whoever comes from elsewhere logs in with the old password, and leaves the old hash behind."""

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import select

from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.models import User
from gatepost.features.accounts.service import NewUser
from tests.api.conftest import MakeService
from tests.support.foreign_hashes import PASSWORD, SIGNER_KEY, STORED
from tests.support.service import Service

pytestmark = pytest.mark.anyio

EMAIL = "ada@example.com"

ONE_A_SCHEME = [
    "Django PBKDF2-SHA256",
    "Django bcrypt over SHA-256",
    "Django scrypt",
    "glibc SHA-512",
    "Debian yescrypt",
    "WordPress bcrypt",
    "phpass",
    "better-auth",
    "Argon2 without a version",
    "firebase-scrypt",
    "pwdlib Argon2",
    "pwdlib bcrypt",
]


@pytest.fixture
async def service(make_service: MakeService) -> AsyncIterator[Service]:
    async with make_service(firebase_signer_key=SIGNER_KEY) as service:
        yield service


async def bring(service: Service, hashed: str) -> None:
    async with service.work() as work:
        await accounts.create(work, NewUser(EMAIL, hashed))


async def stored_hash(service: Service) -> str:
    async with service.work() as work:
        return await work.db.scalar(select(User.password_hash)) or ""


async def log_in(client: httpx.AsyncClient, password: str) -> int:
    body = {"email": EMAIL, "password": password}
    return (await client.post("/auth/login", json=body)).status_code


@pytest.mark.parametrize("name", ONE_A_SCHEME)
async def test_the_first_login_replaces_the_hash_that_was_brought(
    service: Service, client: httpx.AsyncClient, name: str
) -> None:
    await bring(service, STORED[name])

    assert await log_in(client, "Grüße, Horse 8") == 401
    assert await stored_hash(service) == STORED[name]
    assert await log_in(client, PASSWORD) == 200
    todays = await stored_hash(service)
    assert todays.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert await log_in(client, PASSWORD) == 200
    assert await stored_hash(service) == todays
    assert await log_in(client, "Grüße, Horse 8") == 401


@pytest.mark.parametrize(
    "hashed",
    [
        "$pbkdf2-sha256$i=999999999$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
        "$scrypt$ln=24,r=64,p=64$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
        "$6$rounds=999999999$saltstring$" + "a" * 86,
    ],
)
async def test_a_hash_that_would_stall_the_service_is_a_wrong_password(
    service: Service, client: httpx.AsyncClient, hashed: str
) -> None:
    await bring(service, hashed)
    assert await log_in(client, PASSWORD) == 401
