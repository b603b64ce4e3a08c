"""Keys are fetched when that may help, never more often, and kept when the issuer is away."""

import asyncio
import gzip
import json
import logging
import threading
import time
from collections.abc import Callable

import pytest

from gatepost.client import InvalidToken, KeysUnavailable, TokenVerifier, UnknownKey
from gatepost.security import tokens
from gatepost.security.tokens import ASYMMETRIC_ALGORITHMS, Algorithm, Key
from tests.support import patience
from tests.support.jwks_server import JwksServer
from tests.unit.client.conftest import SetClock
from tests.unit.client.forge import AUDIENCE, EPOCH, HEADER, ISSUER, SECRET, claims, forge, key_of

pytestmark = pytest.mark.anyio


def verifier_of(
    jwks: JwksServer, clock: Callable[[], float], timeout: float = patience.SECONDS
) -> TokenVerifier:
    return TokenVerifier(
        issuer=ISSUER, audience=AUDIENCE, jwks_url=jwks.url, clock=clock, timeout=timeout
    )


@pytest.fixture
def verifier(jwks: JwksServer, clock: SetClock) -> TokenVerifier:
    return verifier_of(jwks, clock)


def token_of(key: Key) -> str:
    return tokens.encode(tokens.ACCESS, claims(exp=EPOCH + 100_000), key)


def strangers_token() -> str:
    return token_of(tokens.generate_key("ES256"))


TOKEN = token_of(key_of("ES256"))


@pytest.mark.parametrize("algorithm", sorted(ASYMMETRIC_ALGORITHMS))
async def test_a_token_is_verified_by_a_published_key(
    jwks: JwksServer, verifier: TokenVerifier, algorithm: Algorithm
) -> None:
    jwks.publish(*map(key_of, sorted(ASYMMETRIC_ALGORITHMS)))
    assert (await verifier.verify(token_of(key_of(algorithm)))).user_id == 42
    assert jwks.requests == ["/.well-known/jwks.json"]


async def test_keys_are_fetched_once_in_five_minutes(
    jwks: JwksServer, verifier: TokenVerifier, clock: SetClock
) -> None:
    for seconds, fetches in ((0, 1), (299, 1), (1, 2), (299, 2), (1, 3)):
        clock.now += seconds
        await verifier.verify(TOKEN)
        assert len(jwks.requests) == fetches


async def test_a_clock_set_back_does_not_keep_keys_for_ever(
    jwks: JwksServer, verifier: TokenVerifier, clock: SetClock
) -> None:
    await verifier.verify(TOKEN)
    clock.now -= 5
    await verifier.verify(TOKEN)
    assert len(jwks.requests) == 2


async def test_a_key_withdrawn_is_forgotten_at_the_next_fetch(
    jwks: JwksServer, verifier: TokenVerifier, clock: SetClock
) -> None:
    await verifier.verify(TOKEN)
    jwks.publish()
    clock.now += 300
    with pytest.raises(UnknownKey):
        await verifier.verify(TOKEN)


async def test_an_unknown_key_is_fetched_at_once(
    jwks: JwksServer, verifier: TokenVerifier, clock: SetClock
) -> None:
    await verifier.verify(TOKEN)
    rotated = tokens.generate_key("ES256")
    jwks.publish(key_of("ES256"), rotated)
    clock.now += 10
    assert await verifier.verify(token_of(rotated))
    assert await verifier.verify(TOKEN)
    assert len(jwks.requests) == 2


async def test_a_flood_of_unknown_keys_makes_one_fetch_in_ten_seconds(
    jwks: JwksServer, verifier: TokenVerifier, clock: SetClock
) -> None:
    flood = [strangers_token() for _ in range(20)]
    for fetches in (1, 1, 2, 2, 3):
        answers = await asyncio.gather(*map(verifier.verify, flood), return_exceptions=True)
        assert {type(answer) for answer in answers} == {UnknownKey}
        assert len(jwks.requests) == fetches
        clock.now += 5


async def test_callers_at_once_share_a_fetch(jwks: JwksServer, verifier: TokenVerifier) -> None:
    with jwks.held():
        callers = [asyncio.create_task(verifier.verify(TOKEN)) for _ in range(20)]
        await asyncio.to_thread(jwks.asked.wait, patience.SECONDS)
    assert len(await asyncio.gather(*callers)) == 20
    assert len(jwks.requests) == 1


async def test_a_caller_who_gives_up_takes_the_fetch_from_nobody(
    jwks: JwksServer, verifier: TokenVerifier
) -> None:
    with jwks.held():
        first, second = (asyncio.create_task(verifier.verify(TOKEN)) for _ in range(2))
        await asyncio.to_thread(jwks.asked.wait, patience.SECONDS)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    assert await second
    assert len(jwks.requests) == 1


async def test_the_last_keys_stay_good_while_the_issuer_is_down(
    jwks: JwksServer, verifier: TokenVerifier, clock: SetClock
) -> None:
    await verifier.verify(TOKEN)
    jwks.fail()
    clock.now += 300
    for _ in range(3):
        assert await verifier.verify(TOKEN)
        clock.now += 3
    assert len(jwks.requests) == 2


async def test_nobody_waits_for_an_issuer_known_to_be_down(
    jwks: JwksServer, verifier: TokenVerifier, clock: SetClock
) -> None:
    await verifier.verify(TOKEN)
    jwks.fail()
    clock.now += 300
    await verifier.verify(TOKEN)
    clock.now += 10
    with jwks.held():
        assert await verifier.verify(TOKEN)
        await asyncio.to_thread(jwks.asked.wait, patience.SECONDS)
        jwks.publish(key_of("EdDSA"))
    await asyncio.to_thread(wait_for, lambda: len(jwks.requests) == 3)
    assert await verifier.verify(token_of(key_of("EdDSA")))


async def test_without_any_keys_there_is_no_verdict_but_a_time_to_come_back(
    jwks: JwksServer, verifier: TokenVerifier, clock: SetClock
) -> None:
    jwks.fail()
    for wait in (10, 6):
        with pytest.raises(KeysUnavailable) as refusal:
            await verifier.verify(TOKEN)
        assert refusal.value.retry_after == wait
        assert len(jwks.requests) == 1
        clock.now += 4
    jwks.publish(key_of("ES256"))
    clock.now += 2
    assert await verifier.verify(TOKEN)


async def test_a_server_that_is_not_there_is_one_that_is_down(clock: SetClock) -> None:
    gone = JwksServer()
    with gone.serving():
        pass
    with pytest.raises(KeysUnavailable):
        await verifier_of(gone, clock).verify(TOKEN)


async def test_a_fetch_ends_in_time(jwks: JwksServer, clock: SetClock) -> None:
    with jwks.held(), pytest.raises(KeysUnavailable):
        await verifier_of(jwks, clock, timeout=0.05).verify(TOKEN)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (302, {"Location": "/elsewhere"}, b""),
        (201, {}, b'{"keys":[]}'),
        (404, {}, b'{"keys":[]}'),
        (200, {}, b""),
        (200, {}, b"<html>"),
        (200, {}, b"[]"),
        (200, {}, b"{}"),
        (200, {}, b'{"keys":{}}'),
        (200, {}, b'{"keys":[],"keys":[]}'),
        (200, {}, b'{"keys":[' + b" " * 65_536 + b"]}"),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(b'{"keys":[]}', mtime=0)),
    ],
)
async def test_an_answer_that_is_no_key_set_is_none(
    jwks: JwksServer,
    verifier: TokenVerifier,
    status: int,
    headers: dict[str, str],
    body: bytes,
) -> None:
    jwks.status, jwks.headers, jwks.body = status, headers, body
    with pytest.raises(KeysUnavailable):
        await verifier.verify(TOKEN)
    assert len(jwks.requests) == 1


def es256(**changes: object) -> dict[str, object]:
    return {**tokens.public_jwk(key_of("ES256")), **changes}


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": SECRET, "kid": key_of("ES256").kid, "alg": "HS256"},
        {"kty": "oct", "k": SECRET, "kid": key_of("ES256").kid, "alg": "ES256"},
        es256(alg="EdDSA"),
        es256(alg="RS256"),
        es256(alg="none"),
        es256(alg=None),
        es256(alg=["ES256"]),
        es256(alg={}),
        es256(use="enc"),
        es256(key_ops=["sign"]),
        es256(key_ops=7),
        es256(kid=None),
        es256(kid=""),
        es256(kid=7),
        es256(crv="P-384"),
        es256(crv="nonsense"),
        es256(crv=None),
        es256(crv=[]),
        es256(x="AAAA"),
        es256(x=1),
        es256(y="!"),
        es256(kty="RSA"),
        es256(d="AAAA"),
        {"kty": "RSA", "kid": "1", "alg": "RS256", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "1", "alg": "RS256", "n": "", "e": ""},
        {"kty": "OKP", "kid": "1", "alg": "EdDSA", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "OKP", "kid": "1", "alg": "EdDSA", "crv": "X25519", "x": "A" * 43},
        {"kty": "AKP", "kid": "1", "alg": "ML-DSA-44", "pub": "AAAA"},
        {},
        [],
        None,
        7,
    ],
)
@pytest.mark.filterwarnings("ignore:Key size should be:joserfc.errors.SecurityWarning")
async def test_a_key_that_is_not_fit_is_passed_over(
    jwks: JwksServer, verifier: TokenVerifier, entry: object
) -> None:
    good = key_of("EdDSA")
    jwks.body = json.dumps({"keys": [entry, tokens.public_jwk(good)]}).encode()
    assert await verifier.verify(token_of(good))
    with pytest.raises(UnknownKey):
        await verifier.verify(TOKEN)


async def test_a_published_secret_verifies_nothing(
    jwks: JwksServer, verifier: TokenVerifier
) -> None:
    jwks.publish({"kty": "oct", "k": SECRET, "kid": "1", "alg": "HS256"})
    with pytest.raises(UnknownKey):
        await verifier.verify(forge(HEADER | {"kid": "1"}))


async def test_an_algorithm_not_asked_for_is_not_taken(jwks: JwksServer, clock: SetClock) -> None:
    jwks.publish(key_of("ES256"), key_of("EdDSA"))
    verifier = TokenVerifier(
        issuer=ISSUER, audience=AUDIENCE, jwks_url=jwks.url, algorithms=["EdDSA"], clock=clock
    )
    assert await verifier.verify(token_of(key_of("EdDSA")))
    with pytest.raises(UnknownKey):
        await verifier.verify(TOKEN)


async def test_a_public_key_is_not_taken_for_a_secret(verifier: TokenVerifier) -> None:
    key = key_of("ES256")
    jwk = json.dumps(tokens.public_jwk(key)).encode()
    with pytest.raises(InvalidToken, match="wrong_algorithm"):
        await verifier.verify(forge(HEADER | {"kid": key.kid}, secret=jwk))


async def test_the_issuers_words_are_not_logged(
    jwks: JwksServer, verifier: TokenVerifier, caplog: pytest.LogCaptureFixture
) -> None:
    jwks.body = b"a secret the issuer let slip"
    with caplog.at_level(logging.DEBUG), pytest.raises(KeysUnavailable):
        await verifier.verify(TOKEN)
    assert "could not be fetched" in caplog.text
    assert "slip" not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "http://auth.example.com/jwks",
        "http://10.0.0.1/jwks",
        "http://localhost.example.com/jwks",
        "http://127.0.0.1@evil.example/jwks",
        "https://user:secret@auth.example.com/jwks",
        "ftp://127.0.0.1/jwks",
        "file:///etc/passwd",
        "https://",
        "jwks.json",
        "",
    ],
)
def test_keys_are_fetched_in_clear_from_this_machine_only(url: str) -> None:
    with pytest.raises(ValueError, match="a JWKS URL"):
        TokenVerifier(issuer=ISSUER, audience=AUDIENCE, jwks_url=url)


@pytest.mark.parametrize(
    "url",
    [
        "https://auth.example.com/jwks",
        "http://localhost:8000/jwks",
        "http://127.0.0.2/jwks",
        "http://[::1]:8000/jwks",
    ],
)
def test_keys_are_fetched_by_tls_from_anywhere(url: str) -> None:
    assert TokenVerifier(issuer=ISSUER, audience=AUDIENCE, jwks_url=url)


def test_a_verifier_outlives_the_loop_it_fetched_in(
    jwks: JwksServer, verifier: TokenVerifier, clock: SetClock
) -> None:
    for _ in range(2):
        assert asyncio.run(verifier.verify(TOKEN))
        clock.now += 300
    assert len(jwks.requests) == 2


def test_a_fetch_that_a_stopped_loop_left_behind_holds_nobody_up(
    jwks: JwksServer, verifier: TokenVerifier
) -> None:
    async def give_up() -> None:
        caller = asyncio.create_task(verifier.verify(TOKEN))
        await asyncio.to_thread(jwks.asked.wait, patience.SECONDS)
        caller.cancel()

    async def finish() -> None:
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})

    stopped = asyncio.new_event_loop()
    with jwks.held():
        stopped.run_until_complete(give_up())
    assert asyncio.run(verifier.verify(TOKEN))
    assert len(jwks.requests) == 2
    stopped.run_until_complete(finish())
    stopped.run_until_complete(stopped.shutdown_default_executor())
    stopped.close()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for another thread's doing, which no clock of ours decides."""
    deadline = time.monotonic() + patience.SECONDS
    while not condition() and time.monotonic() < deadline:
        threading.Event().wait(0.005)
