"""The key ring over HTTP: published, encrypted at rest, rotated while tokens stay good."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event, func, select, update

from gatepost.client import TokenVerifier
from gatepost.features.signing_keys import service as signing_keys
from gatepost.features.signing_keys.errors import SigningKeysUnreadable
from gatepost.features.signing_keys.models import StoredKey
from gatepost.features.signing_keys.state import SigningKeysState
from gatepost.purging import purge_all
from gatepost.runtime import start_runtime
from gatepost.security import tokens
from gatepost.security.tokens import ASYMMETRIC_ALGORITHMS, Algorithm, Key
from gatepost.starting import StartError
from gatepost.work import Origin, begin_work
from tests.api.conftest import MakeService
from tests.support.clock import SetClock
from tests.support.jwks_server import JwksServer
from tests.support.service import (
    Service,
    log_in,
    make_settings,
    register,
    sign_up,
    status_of,
)
from tests.support.tokens import claims_of, header_of

pytestmark = pytest.mark.anyio

KEY_PAIRS = sorted(ASYMMETRIC_ALGORITHMS)
OVERLAP = timedelta(hours=3)
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "k"}
ANOTHER_SECRET = "an0ther-s3cret-of-the-t3sts-0123456789-abcdef"


@pytest.fixture(autouse=True)
def _small_rsa_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made in a fraction of the time; how large ours are is tested where they are made."""
    monkeypatch.setattr(tokens, "RSA_KEY_SIZE", 2048)


async def key_set(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get("/.well-known/jwks.json")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.json().keys() == {"keys"}
    keys: list[dict[str, Any]] = answer.json()["keys"]
    return keys


async def rotate(service: Service, overlap: timedelta = OVERLAP) -> str:
    async with service.work() as work:
        return (await signing_keys.rotate(work, overlap)).kid


async def stored_keys(service: Service) -> list[StoredKey]:
    async with service.work() as work:
        return list(await work.db.scalars(select(StoredKey).order_by(StoredKey.id)))


def long_lived(service: Service, token: str, key: Key | None = None) -> str:
    """A token like this one that does not expire while its key is good."""
    key = key or service.runtime.state(SigningKeysState).ring.signing
    assert key is not None
    return tokens.encode(tokens.ACCESS, {**claims_of(token), "exp": 9_999_999_999}, key)


@contextmanager
def reads_of_the_ring(service: Service) -> Iterator[list[str]]:
    """The statements that read the keys' table while the block runs."""
    seen: list[str] = []

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        if "FROM gatepost_signing_keys" in statement:
            seen.append(statement)

    engine = service.runtime.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384"])
async def test_a_shared_secret_is_never_published(
    make_service: MakeService, algorithm: Algorithm
) -> None:
    secret = "s3cr3t-of-the-t3sts-9f8e7d6c5b4a-0123456789-and-long-enough"
    async with (
        make_service(algorithm=algorithm, secret_key=secret) as service,
        service.open_client() as client,
    ):
        assert await key_set(client) == []
        assert await stored_keys(service) == []


@pytest.mark.parametrize("algorithm", KEY_PAIRS)
async def test_the_public_key_is_published_and_nothing_private(
    make_service: MakeService, algorithm: Algorithm
) -> None:
    async with make_service(algorithm=algorithm) as service, service.open_client() as client:
        (key,) = await key_set(client)
        account = await sign_up(client)

        assert not PRIVATE_MEMBERS & key.keys()
        assert (key["alg"], key["use"]) == (algorithm, "sig")
        assert header_of(account.access_token)["kid"] == key["kid"]


@pytest.mark.parametrize("algorithm", KEY_PAIRS)
async def test_a_resource_server_verifies_our_tokens_by_the_key_set(
    make_service: MakeService, clock: SetClock, algorithm: Algorithm
) -> None:
    async with (
        make_service(algorithm=algorithm) as service,
        service.open_client() as client,
    ):
        with JwksServer().serving() as published:
            verifier = TokenVerifier(
                jwks_url=published.url,
                issuer=service.runtime.settings.tokens.issuer,
                audience="gatepost",
                clock=lambda: clock.now().timestamp(),
            )
            account = await sign_up(client)
            published.body = (await client.get("/.well-known/jwks.json")).content
            assert (await verifier.verify(account.access_token)).user_id == account.id

            await rotate(service)
            published.body = (await client.get("/.well-known/jwks.json")).content
            clock.advance(timedelta(seconds=30))
            new = (await log_in(client))["access_token"]

            claims = await verifier.verify(new)
            assert (claims.user_id, claims.role) == (account.id, "user")
            assert claims.session_id == str(claims_of(new)["sid"])
            assert (await verifier.verify(account.access_token)).user_id == account.id


async def test_private_keys_are_encrypted_at_rest(make_service: MakeService) -> None:
    for algorithm in KEY_PAIRS:
        async with make_service(algorithm=algorithm) as service:
            (row,) = await stored_keys(service)
            key = service.runtime.state(SigningKeysState).ring.signing
            assert key is not None

            raw = row.encrypted_private_key
            dumped = tokens.dump_private_key(key)
            for name, value in json.loads(dumped).items():
                assert f'"{name}"'.encode() not in raw
                assert len(value) < 6 or value.encode() not in raw
            assert not any(dumped[i : i + 8] in raw for i in range(len(dumped) - 8))


async def test_the_same_key_signs_after_a_restart(make_service: MakeService) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(make_service(algorithm="ES256"))
        client = await stack.enter_async_context(first.open_client())
        account = await sign_up(client)

        again = await stack.enter_async_context(make_service(algorithm="ES256"))
        client = await stack.enter_async_context(again.open_client())

        assert await status_of(client, account.access_token) == 200
        assert len(await stored_keys(again)) == 1


async def test_another_secret_is_refused_at_the_start(make_service: MakeService) -> None:
    async with make_service(algorithm="ES256") as service:
        with pytest.raises(StartError, match="SECRET_KEY"):
            await make_service(algorithm="ES256", secret_key=ANOTHER_SECRET).__aenter__()

        assert len(await stored_keys(service)) == 1


async def test_a_changed_row_is_refused_at_the_start(make_service: MakeService) -> None:
    async with make_service(algorithm="ES256") as service:
        (row,) = await stored_keys(service)
        encrypted = row.encrypted_private_key
        for place in (0, 1, 12, 13, len(encrypted) // 2, len(encrypted) - 1):
            tampered = bytearray(encrypted)
            tampered[place] ^= 1
            await change(service, row.id, encrypted_private_key=bytes(tampered))
            with pytest.raises(StartError, match="signing keys"):
                await make_service(algorithm="ES256").__aenter__()
        for emptied in (b"", encrypted[:13], encrypted[:-1]):
            await change(service, row.id, encrypted_private_key=emptied)
            with pytest.raises(StartError, match="signing keys"):
                await make_service(algorithm="ES256").__aenter__()


async def test_swapped_rows_are_refused_at_the_start(make_service: MakeService) -> None:
    async with make_service(algorithm="ES256") as service:
        await rotate(service)
        old, new = await stored_keys(service)
        await change(service, new.id, encrypted_private_key=old.encrypted_private_key)

        with pytest.raises(StartError, match="signing keys"):
            await make_service(algorithm="ES256").__aenter__()


async def test_a_key_is_not_taken_for_one_of_another_algorithm(make_service: MakeService) -> None:
    async with make_service(algorithm="RS256") as service:
        (row,) = await stored_keys(service)
        await change(service, row.id, algorithm="PS256")

        with pytest.raises(StartError, match="signing keys"):
            await make_service(algorithm="PS256").__aenter__()


async def test_a_ring_that_becomes_unreadable_is_no_crash(
    make_service: MakeService, clock: SetClock
) -> None:
    async with make_service(algorithm="ES256") as service, service.open_client() as client:
        account = await sign_up(client)
        (row,) = await stored_keys(service)
        await change(service, row.id, encrypted_private_key=b"\x01" * 64)
        clock.advance(timedelta(minutes=1))

        for answer in (
            await client.get("/users/me", headers=account.headers),
            await client.post("/auth/refresh", json={"refresh_token": account.refresh_token}),
            await client.get("/.well-known/jwks.json"),
        ):
            assert answer.status_code == 503
            assert answer.json()["code"] == "signing_keys_unreadable"
            assert "retry-after" in answer.headers


async def test_a_ring_of_another_secret_is_not_rotated(
    make_service: MakeService, migrated_url: str
) -> None:
    strange = make_settings(migrated_url, algorithm="ES256", secret_key=ANOTHER_SECRET)
    async with make_service(algorithm="ES256") as service:
        async with start_runtime(strange) as runtime:  # as the command line does it
            with pytest.raises(SigningKeysUnreadable):
                async with begin_work(runtime, Origin("test")) as work:
                    await signing_keys.rotate(work, OVERLAP)

        assert len(await stored_keys(service)) == 1


async def change(service: Service, row_id: int, **values: object) -> None:
    async with service.work() as work:
        await work.db.execute(update(StoredKey).where(StoredKey.id == row_id).values(**values))


async def test_a_rotation_signs_with_the_new_key_at_once_and_publishes_both(
    make_service: MakeService,
) -> None:
    async with make_service(algorithm="ES256") as service, service.open_client() as client:
        account = await sign_up(client)
        old_kid = header_of(account.access_token)["kid"]

        new_kid = await rotate(service)

        new = (await log_in(client))["access_token"]
        assert header_of(new)["kid"] == new_kid != old_kid
        assert {key["kid"] for key in await key_set(client)} == {old_kid, new_kid}
        assert await status_of(client, new) == 200
        assert await status_of(client, account.access_token) == 200


async def test_tokens_of_the_old_key_are_good_until_it_retires(
    make_service: MakeService, clock: SetClock
) -> None:
    async with make_service(algorithm="ES256") as service, service.open_client() as client:
        account = await sign_up(client)
        lasting = long_lived(service, account.access_token)
        await rotate(service)

        clock.advance(OVERLAP - timedelta(seconds=1))
        assert await status_of(client, lasting) == 200

        clock.advance(timedelta(minutes=1, seconds=1))
        assert await status_of(client, lasting) == 401
        assert len(await key_set(client)) == 1


async def test_an_overlap_is_never_shorter_than_a_token_lives(
    make_service: MakeService, clock: SetClock
) -> None:
    async with (
        make_service(algorithm="ES256", access_token_expire_minutes=60) as service,
        service.open_client() as client,
    ):
        account = await sign_up(client)
        await rotate(service, timedelta(0))

        clock.advance(timedelta(minutes=59))
        assert await status_of(client, account.access_token) == 200


async def test_rotating_again_does_not_lengthen_the_life_of_an_old_key(
    make_service: MakeService, clock: SetClock
) -> None:
    async with make_service(algorithm="ES256") as service:
        await rotate(service)
        (first, _) = await stored_keys(service)
        clock.advance(timedelta(hours=1))
        await rotate(service, timedelta(days=10))

        assert (await stored_keys(service))[0].retires_at == first.retires_at


@pytest.mark.every_database
async def test_keys_long_retired_are_purged_and_no_others(
    make_service: MakeService, clock: SetClock
) -> None:
    async with make_service(algorithm="ES256") as service:
        new = await rotate(service)
        clock.advance(OVERLAP)
        assert (await purge_all(service.runtime))["signing_keys"] == 0

        clock.advance(timedelta(hours=2, seconds=1))
        assert (await purge_all(service.runtime))["signing_keys"] == 1
        assert [row.kid for row in await stored_keys(service)] == [new]


async def test_a_new_algorithm_takes_over_and_the_old_ones_tokens_end(
    make_service: MakeService,
) -> None:
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(make_service(algorithm="EdDSA"))
        account = await sign_up(await stack.enter_async_context(old.open_client()))
        new = await stack.enter_async_context(make_service(algorithm="ES256"))
        client = await stack.enter_async_context(new.open_client())

        assert await status_of(client, account.access_token) == 401
        renewed = await client.post("/auth/refresh", json={"refresh_token": account.refresh_token})
        assert header_of(renewed.json()["access_token"])["alg"] == "ES256"
        assert [key["alg"] for key in await key_set(client)] == ["ES256"]


@dataclass(frozen=True, slots=True)
class Processes:
    """Two on one database, and a client of each."""

    here: Service
    at_here: httpx.AsyncClient
    at_there: httpx.AsyncClient


@pytest.fixture
async def processes(make_service: MakeService) -> AsyncIterator[Processes]:
    async with (
        make_service(algorithm="ES256") as here,
        make_service(algorithm="ES256") as there,
        here.open_client() as at_here,
        there.open_client() as at_there,
    ):
        yield Processes(here, at_here, at_there)


async def test_another_process_learns_of_a_new_key_by_its_first_token(
    processes: Processes, clock: SetClock
) -> None:
    here, there = processes.at_here, processes.at_there
    account = await sign_up(here)
    assert await status_of(there, account.access_token) == 200
    clock.advance(timedelta(seconds=1))

    new_kid = await rotate(processes.here)
    new = (await log_in(here))["access_token"]

    assert header_of(new)["kid"] == new_kid
    assert await status_of(there, new) == 200
    assert await status_of(there, account.access_token) == 200


async def test_another_process_signs_with_the_new_key_within_a_minute(
    processes: Processes, clock: SetClock
) -> None:
    here, there = processes.at_here, processes.at_there
    await register(here)
    new_kid = await rotate(processes.here)
    old = (await log_in(there))["access_token"]
    assert header_of(old)["kid"] != new_kid
    assert await status_of(here, old) == 200

    clock.advance(timedelta(minutes=1))

    assert header_of((await log_in(there))["access_token"])["kid"] == new_kid


async def test_a_flood_of_unknown_keys_reads_the_ring_once_a_second(
    make_service: MakeService, clock: SetClock
) -> None:
    async with make_service(algorithm="ES256") as service, service.open_client() as client:
        account = await sign_up(client)
        forged = [
            long_lived(service, account.access_token, tokens.generate_key("ES256"))
            for _ in range(30)
        ]
        with reads_of_the_ring(service) as reads:
            for seconds in range(3):
                statuses = await asyncio.gather(*(status_of(client, token) for token in forged))
                assert statuses == [401] * 30
                assert len(reads) == seconds
                clock.advance(timedelta(seconds=1))
            assert await status_of(client, account.access_token) == 200


async def test_a_ring_grown_old_is_read_once_by_many_who_verify(
    make_service: MakeService, clock: SetClock
) -> None:
    async with make_service(algorithm="ES256") as service, service.open_client() as client:
        account = await sign_up(client)
        clock.advance(timedelta(minutes=1))
        with reads_of_the_ring(service) as reads:
            statuses = await asyncio.gather(
                *(status_of(client, account.access_token) for _ in range(30))
            )

        assert statuses == [200] * 30
        assert len(reads) == 1


async def test_one_connection_is_enough_to_read_the_ring_and_a_session(
    make_service: MakeService, clock: SetClock
) -> None:
    async with (
        make_service(algorithm="ES256", database_pool_size=1) as service,
        service.open_client() as client,
    ):
        account = await sign_up(client)
        for path in ("/users/me", "/auth/sessions"):
            clock.advance(signing_keys.RING_LIFETIME)
            answer = await client.get(path, headers=account.headers)
            assert answer.status_code == 200, answer.text


async def test_a_clock_set_back_does_not_keep_an_old_ring(
    processes: Processes, clock: SetClock
) -> None:
    here, there = processes.at_here, processes.at_there
    await register(here)
    clock.advance(timedelta(hours=-1))
    await rotate(processes.here)

    assert await status_of(there, (await log_in(here))["access_token"]) == 200


@pytest.mark.every_database
async def test_processes_that_start_together_accept_each_others_tokens(
    make_service: MakeService, clock: SetClock
) -> None:
    starting = [make_service(algorithm="ES256") for _ in range(4)]
    services = await asyncio.gather(*(each.__aenter__() for each in starting))
    try:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            clients = [await enter(service.open_client()) for service in services]
            await register(clients[0])
            clock.advance(timedelta(seconds=1))
            made = [(await log_in(client))["access_token"] for client in clients]
            for client in clients:
                clock.advance(timedelta(seconds=1))
                assert [await status_of(client, token) for token in made] == [200] * 4

            clock.advance(timedelta(minutes=1))
            kids = {header_of((await log_in(c))["access_token"])["kid"] for c in clients}
            assert len(kids) == 1
    finally:
        for each in reversed(starting):
            await each.__aexit__(None, None, None)


@pytest.mark.every_database
async def test_a_rotation_of_two_operators_at_once_leaves_one_key_that_signs(
    make_service: MakeService, clock: SetClock
) -> None:
    async with make_service(algorithm="ES256") as service, service.open_client() as client:
        account = await sign_up(client)

        kids = await asyncio.gather(*(rotate(service) for _ in range(3)))

        clock.advance(timedelta(minutes=1))
        assert header_of((await log_in(client))["access_token"])["kid"] in kids
        assert await status_of(client, account.access_token) == 200
        async with service.work() as work:
            assert await work.db.scalar(select(func.count()).select_from(StoredKey)) == 4
