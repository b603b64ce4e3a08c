"""Access tokens: what they say, and that nothing but a good one of ours opens a door."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey
from sqlalchemy import delete

from gatepost.features.accounts.models import User
from gatepost.features.sessions.models import Session
from gatepost.features.signing_keys.state import SigningKeysState
from gatepost.security import tokens
from gatepost.security.tokens import ALGORITHMS, ASYMMETRIC_ALGORITHMS, Algorithm, Key
from tests.api.conftest import MakeService
from tests.support.clock import SetClock
from tests.support.service import Account, Service, bearer, log_in, register, sign_up
from tests.support.tokens import claims_of, forge, header_of, signed_part

pytestmark = pytest.mark.anyio

LONG_SECRET = "s3cr3t-of-the-t3sts-9f8e7d6c5b4a-0123456789-and-long-enough-for-HS512"
KEY_PAIRS = sorted(ASYMMETRIC_ALGORITHMS)


async def ask(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/api/v1/users/me", headers=bearer(token))


async def assert_refused(client: httpx.AsyncClient, token: str, why: object = "") -> None:
    answer = await ask(client, token)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), why
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def signing_key(service: Service) -> Key:
    key = service.runtime.state(SigningKeysState).ring.signing
    assert key is not None
    return key


def resigned(service: Service, token: str, changes: Mapping[str, Any]) -> str:
    """The same token with other claims, under the very key that the service signs with."""
    claims = {k: v for k, v in {**claims_of(token), **changes}.items() if v is not ...}
    return tokens.encode(tokens.ACCESS, claims, signing_key(service))


async def test_an_access_token_says_exactly_what_it_should(
    service: Service, account: Account
) -> None:
    claims = claims_of(account.access_token)

    assert header_of(account.access_token) == {"alg": "HS256", "typ": "at+jwt"}
    jti = claims.pop("jti")
    assert len(jti) == 32
    assert isinstance(claims["sid"], int)
    assert claims == {
        "iss": service.runtime.settings.tokens.issuer,
        "aud": "gatepost",
        "sub": str(account.id),
        "sid": claims["sid"],
        "iat": int(service.clock.now().timestamp()),
        "exp": int(service.clock.now().timestamp()) + 15 * 60,
        "role": "user",
    }


async def test_a_refresh_token_says_no_more_than_refreshing_needs(account: Account) -> None:
    claims = claims_of(account.refresh_token)

    assert header_of(account.refresh_token) == {"alg": "HS256", "typ": "rt+jwt"}
    assert claims.keys() == {"iss", "aud", "sub", "sid", "jti", "iat", "exp", "gen"}
    assert claims["exp"] - claims["iat"] == 7 * 24 * 3600
    assert claims["aud"] != claims_of(account.access_token)["aud"]


async def test_every_token_has_an_id_of_its_own(
    client: httpx.AsyncClient, account: Account
) -> None:
    other = await log_in(client)
    again = await client.post("/auth/refresh", json={"refresh_token": other["refresh_token"]})
    pairs = ([account.access_token, account.refresh_token], [*other.values()][:2])

    ids = [claims_of(token)["jti"] for pair in pairs for token in pair]
    ids += [claims_of(again.json()[name])["jti"] for name in ("access_token", "refresh_token")]

    assert len(set(ids)) == 6


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_every_algorithm_works_from_login_to_logout(
    make_service: MakeService, algorithm: Algorithm
) -> None:
    async with (
        make_service(algorithm=algorithm, secret_key=LONG_SECRET) as service,
        service.open_client() as client,
    ):
        account = await sign_up(client)

        header = header_of(account.access_token)
        assert (header["alg"], header["typ"]) == (algorithm, "at+jwt")
        assert ("kid" in header) == (algorithm in ASYMMETRIC_ALGORITHMS)
        assert header_of(account.refresh_token)["alg"] == "HS256"
        assert (await ask(client, account.access_token)).json()["id"] == account.id
        renewed = await client.post("/auth/refresh", json={"refresh_token": account.refresh_token})
        token = renewed.json()["access_token"]
        assert (await client.post("/auth/logout", headers=bearer(token))).status_code == 200
        await assert_refused(client, token)


async def test_lifetimes_are_settings(make_service: MakeService) -> None:
    async with (
        make_service(access_token_expire_minutes=1, refresh_token_expire_days=1) as service,
        service.open_client() as client,
    ):
        await register(client)
        pair = await log_in(client)

        assert pair["expires_in"] == 60
        access, refresh = claims_of(pair["access_token"]), claims_of(pair["refresh_token"])
        assert access["exp"] - access["iat"] == 60
        assert refresh["exp"] - refresh["iat"] == 24 * 3600


async def test_a_token_expires_with_ten_seconds_leeway(
    client: httpx.AsyncClient, account: Account, clock: SetClock
) -> None:
    clock.at = clock.at.replace(microsecond=0)
    clock.advance(timedelta(minutes=15, seconds=9, microseconds=999_999))
    assert (await ask(client, account.access_token)).status_code == 200

    clock.advance(timedelta(microseconds=1))
    await assert_refused(client, account.access_token)


async def test_a_token_of_a_clock_ahead_is_good_within_the_leeway(
    client: httpx.AsyncClient, account: Account, clock: SetClock
) -> None:
    clock.advance(timedelta(seconds=-10))
    assert (await ask(client, account.access_token)).status_code == 200

    clock.advance(timedelta(seconds=-1))
    await assert_refused(client, account.access_token)


@pytest.mark.parametrize("part", [0, 1, 2])
async def test_a_flipped_bit_anywhere_is_refused(
    client: httpx.AsyncClient, account: Account, part: int
) -> None:
    parts = account.access_token.split(".")
    for place in range(0, len(parts[part]), 5):
        flipped = chr(ord(parts[part][place]) ^ 1)
        changed = parts[part][:place] + flipped + parts[part][place + 1 :]
        await assert_refused(client, ".".join([*parts[:part], changed, *parts[part + 1 :]]))


WRONG_CLAIMS: list[dict[str, Any]] = [
    {"aud": "somebody-else"},
    {"aud": ["somebody-else"]},
    {"aud": ...},
    {"aud": "Gatepost"},
    {"iss": "https://elsewhere.example"},
    {"iss": ...},
    {"exp": ...},
    {"exp": 0},
    {"exp": "9999999999"},
    {"exp": 1e12},
    {"nbf": 9_999_999_999},
    {"iat": 9_999_999_999},
    {"sub": ...},
    {"sub": 1},
    {"sub": "999999"},
    {"sub": ""},
    {"sid": ...},
    {"sid": "1"},
    {"sid": True},
    {"sid": 1.0},
    {"sid": -1},
    {"sid": 2**63},
    {"sid": 2**70},
    {"sid": [1]},
    {"sid": {}},
    {"sid": None},
]


async def test_a_well_signed_token_with_wrong_claims_is_refused(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    for changed in WRONG_CLAIMS:
        await assert_refused(client, resigned(service, account.access_token, changed), changed)


async def test_a_token_with_our_audience_among_others_is_good(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    token = resigned(service, account.access_token, {"aud": ["another", "gatepost"]})

    assert (await ask(client, token)).status_code == 200


async def test_the_role_in_a_token_opens_nothing(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    token = resigned(service, account.access_token, {"role": "admin"})

    assert (await client.get("/users", headers=bearer(token))).status_code == 403


async def test_a_session_opens_for_its_own_user_only(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    other = await sign_up(client, "eve@example.com")

    await assert_refused(client, resigned(service, account.access_token, {"sub": str(other.id)}))


async def test_a_token_of_another_kind_is_refused(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    for kind in ("JWT", "rt+jwt", "jwt", "id+jwt", "application/rt+jwt", ""):
        token = tokens.encode(kind, claims_of(account.access_token), signing_key(service))
        await assert_refused(client, token, kind)


async def test_a_service_of_another_name_takes_no_tokens_of_ours(
    make_service: MakeService, account: Account
) -> None:
    for settings in ({"audience": "another"}, {"issuer": "https://another.example"}):
        async with make_service(**settings) as service, service.open_client() as client:
            answer = await ask(client, account.access_token)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_the_algorithm_is_never_the_tokens_choice(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    token, secret = account.access_token, service.runtime.settings.tokens.secret_key
    for alg in ("none", "None", "NONE", "nOnE", "HS512", "hs256", "RS256", "", 1, None):
        header = {"alg": alg, "typ": "at+jwt"}
        unsigned = forge(header, claims_of(token), b"")
        signatures = [
            hmac.new(secret.encode(), signed_part(unsigned), digest).digest()
            for digest in (hashlib.sha256, hashlib.sha512)
        ]
        for signature in (b"", *signatures):
            await assert_refused(client, forge(header, claims_of(token), signature), alg)


@pytest.mark.parametrize("algorithm", KEY_PAIRS)
async def test_a_public_key_is_no_shared_secret(
    make_service: MakeService, algorithm: Algorithm
) -> None:
    """RFC 8725 section 2.1: the attack on verifiers that let the token choose."""
    async with make_service(algorithm=algorithm) as service, service.open_client() as client:
        account = await sign_up(client)
        key = signing_key(service)
        assert not isinstance(key.material, OctKey)
        public = key.material.as_pem(private=False), key.material.as_der(private=False)
        for header in (
            {"alg": "HS256", "typ": "at+jwt", "kid": key.kid},
            {"alg": "HS256", "typ": "at+jwt"},
        ):
            unsigned = forge(header, claims_of(account.access_token), b"")
            for secret in (*public, public[0].strip(), b"", str(key.kid).encode()):
                signature = hmac.new(secret, signed_part(unsigned), hashlib.sha256).digest()
                token = forge(header, claims_of(account.access_token), signature)
                await assert_refused(client, token)


async def test_a_shared_secret_signs_nothing_where_key_pairs_do(make_service: MakeService) -> None:
    async with make_service(algorithm="ES256") as service, service.open_client() as client:
        account = await sign_up(client)
        secret = tokens.secret_key("HS256", service.runtime.settings.tokens.secret_key)

        for kid in (None, signing_key(service).kid):
            forged = tokens.encode(
                tokens.ACCESS, claims_of(account.access_token), replace(secret, kid=kid)
            )
            await assert_refused(client, forged)


@pytest.mark.parametrize("algorithm", KEY_PAIRS)
async def test_another_key_under_our_keys_name_is_refused(
    make_service: MakeService, algorithm: Algorithm
) -> None:
    async with make_service(algorithm=algorithm) as service, service.open_client() as client:
        account = await sign_up(client)
        foreign = tokens.generate_key(algorithm, kid=signing_key(service).kid)

        await assert_refused(
            client, tokens.encode(tokens.ACCESS, claims_of(account.access_token), foreign)
        )


ODD_HEADERS: list[dict[str, Any]] = [
    {"jku": "https://evil.example/jwks.json"},
    {"x5u": "https://evil.example/cert"},
    {"jwk": {"kty": "oct", "k": "c2VjcmV0"}},
    {"crit": ["exp"]},
    {"b64": False},
    {"zip": "DEF"},
    {"kid": "../../../../dev/null"},
    {"kid": "' OR '1'='1"},
    {"kid": "x" * 4000},
    {"kid": None},
    {"kid": 1},
    {"kid": "\x00"},
]


async def test_what_a_header_asks_for_is_not_done(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    secret = service.runtime.settings.tokens.secret_key.encode()
    for members in ODD_HEADERS:
        header = {"alg": "HS256", "typ": "at+jwt", **members}
        unsigned = forge(header, claims_of(account.access_token), b"")
        signature = hmac.new(secret, signed_part(unsigned), hashlib.sha256).digest()
        token = forge(header, claims_of(account.access_token), signature)
        await assert_refused(client, token, members)


async def test_the_token_of_a_deleted_user_is_refused(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    async with service.work() as work:
        await work.db.execute(delete(User).where(User.id == account.id))

    await assert_refused(client, account.access_token)


async def test_no_session_ever_gets_the_id_of_another(
    client: httpx.AsyncClient, service: Service, account: Account
) -> None:
    async with service.work() as work:
        await work.db.execute(delete(Session))

    again = await log_in(client)

    old, new = (claims_of(t)["sid"] for t in (account.access_token, again["access_token"]))
    assert new > old
    await assert_refused(client, account.access_token)


async def test_no_user_ever_gets_the_id_of_another(
    client: httpx.AsyncClient, account: Account, service: Service
) -> None:
    async with service.work() as work:
        await work.db.execute(delete(User))

    assert (await sign_up(client)).id > account.id


async def test_the_scheme_has_no_case(client: httpx.AsyncClient, account: Account) -> None:
    for scheme in ("Bearer", "bearer", "BEARER", "bEaReR"):
        headers = {"Authorization": f"{scheme} {account.access_token}"}

        assert (await client.get("/users/me", headers=headers)).status_code == 200


ODD_AUTHORIZATIONS = [
    ("", "not_authenticated"),
    (" ", "not_authenticated"),
    ("Basic YWRhOnB3", "not_authenticated"),
    ("Digest username=ada", "not_authenticated"),
    ("DPoP {token}", "not_authenticated"),
    ("{token}", "not_authenticated"),
    ("Token {token}", "not_authenticated"),
    ("Bearer:{token}", "not_authenticated"),
    ("Bearer", "invalid_token"),
    ("Bearer ", "invalid_token"),
    ("Bearer {token} {token}", "invalid_token"),
    ("Bearer {token},Bearer {token}", "invalid_token"),
    ("Bearer {token}=", "invalid_token"),
    ('Bearer "{token}"', "invalid_token"),
    ("Bearer Bearer {token}", "invalid_token"),
    ("Bearer \xe9", "invalid_token"),
    ("Bearer " + "x" * 9000, "invalid_token"),
]


async def test_an_odd_authorization_header_is_refused_with_the_right_challenge(
    client: httpx.AsyncClient, account: Account
) -> None:
    challenges = {"not_authenticated": "Bearer", "invalid_token": 'Bearer error="invalid_token"'}
    for header, code in ODD_AUTHORIZATIONS:
        value = header.format(token=account.access_token).encode("latin-1")

        answer = await client.get("/users/me", headers=[(b"Authorization", value)])

        assert (answer.status_code, answer.json()["code"]) == (401, code), header
        assert answer.headers.get_list("www-authenticate") == [challenges[code]], header


async def test_two_authorization_headers_are_one_too_many(
    client: httpx.AsyncClient, account: Account
) -> None:
    good, bad = (f"Bearer {token}".encode() for token in (account.access_token, "a.b.c"))
    for pair in (
        (good, bad),
        (bad, good),
        (good, good),
        (good, b"Basic eA=="),
        (b"Basic eA==", good),
    ):
        answer = await client.get("/users/me", headers=[(b"Authorization", one) for one in pair])

        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


@pytest.fixture
async def nobody(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.open_client() as client:
        yield client


async def test_a_token_anywhere_else_is_not_looked_at(
    nobody: httpx.AsyncClient, account: Account
) -> None:
    token = account.access_token
    for answer in (
        await nobody.get("/users/me", params={"access_token": token}),
        await nobody.get("/users/me", headers={"X-Access-Token": token}),
        await nobody.get("/users/me", headers={"Cookie": f"Authorization=Bearer {token}"}),
        await nobody.post("/items/", json={"title": "x", "access_token": token}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


async def test_no_answer_to_a_bad_token_repeats_it(
    client: httpx.AsyncClient, account: Account
) -> None:
    answer = await ask(client, account.access_token + "x")

    assert account.access_token not in answer.text
    assert "x-request-id" in answer.headers
