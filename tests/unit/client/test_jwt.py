"""Whatever is wrong with a token, it is refused, for that reason, and nothing else happens.

The attacks are those of RFC 8725 and RFC 7515; nearly all are rightly signed, so that no
signature check hides that the rule itself is missing.
"""

import contextlib
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import OctKey

from gatepost.client.jwt import MAX_TOKEN_LENGTH, InvalidToken, Reason
from gatepost.security import tokens
from gatepost.security.tokens import ALGORITHMS, Algorithm, UnknownKey
from tests.unit.client.forge import (
    AUDIENCE,
    EPOCH,
    HEADER,
    ISSUER,
    NOW,
    SECRET,
    base64url,
    claims,
    claims_without,
    forge,
    key_of,
    read,
)

GOOD = forge()
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")


def reason_of(token: str, algorithm: Algorithm = "HS256") -> Reason:
    with pytest.raises(InvalidToken) as refusal:
        read(token, key_of(algorithm))
    return refusal.value.reason


def test_the_forgers_own_good_token_is_good() -> None:
    assert read(GOOD) == claims()


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "hs256", "HS256 ", "HS512", "ES256"]
)
def test_an_algorithm_that_is_not_exactly_the_keys_is_refused(alg: str) -> None:
    token = forge(HEADER | {"alg": alg})
    assert reason_of(token) == "wrong_algorithm"


@pytest.mark.parametrize("alg", ["none", "None", "NONE"])
def test_a_token_without_a_signature_is_refused(alg: str) -> None:
    head = base64url(json.dumps(HEADER | {"alg": alg}).encode())
    assert reason_of(f"{head}.{PAYLOAD}.") == "malformed"
    assert reason_of(f"{HEAD}.{PAYLOAD}.") == "malformed"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
def test_a_public_key_is_no_hmac_secret(algorithm: Algorithm, form: str) -> None:
    key = key_of(algorithm)
    assert not isinstance(key.material, OctKey)
    secret = {
        "pem": key.material.as_pem(),
        "der": key.material.as_der(),
        "jwk": json.dumps(key.material.as_dict()).encode(),
    }[form]
    token = forge(HEADER | {"kid": key.kid}, secret=secret)
    assert reason_of(token, algorithm) == "wrong_algorithm"
    lying = forge(HEADER | {"kid": key.kid, "alg": algorithm}, secret=secret)
    assert reason_of(lying, algorithm) == "bad_signature"


@pytest.mark.parametrize(
    "typ", [None, "", "JWT", "jwt", "rt+jwt", "application/rt+jwt", "at+jwt ", ["at+jwt"], 1]
)
def test_a_token_of_another_type_is_refused(typ: object) -> None:
    assert reason_of(forge(HEADER | {"typ": typ})) == "wrong_type"
    assert reason_of(forge({"alg": "HS256"})) == "wrong_type"


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
def test_every_spelling_of_the_media_type_is_the_access_tokens(typ: str) -> None:
    assert read(forge(HEADER | {"typ": typ})) == claims()


@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1 --", "\0", "https://evil.example/k"])
def test_a_key_id_is_only_ever_looked_up(kid: str) -> None:
    with pytest.raises(UnknownKey):
        read(forge(HEADER | {"kid": kid}))


@pytest.mark.parametrize("kid", [None, "", 7, True, ["a"], {"a": 1}, "x" * 129])
def test_a_key_id_is_a_short_text(kid: object) -> None:
    assert reason_of(forge(HEADER | {"kid": kid})) == "malformed"


def test_a_token_without_a_key_id_is_not_tried_with_a_named_key() -> None:
    key = key_of("ES256")
    unnamed = tokens.Key(None, "ES256", key.material)
    with pytest.raises(UnknownKey):
        read(tokens.encode(tokens.ACCESS, claims(), unnamed), key)


@pytest.mark.parametrize(
    "member",
    ["crit", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "b64", "zip", "enc", "cty", "nonsense"],
)
@pytest.mark.parametrize("value", [["exp"], "https://evil.example/keys", True, None])
def test_a_header_says_nothing_but_algorithm_type_and_key(member: str, value: object) -> None:
    assert reason_of(forge(HEADER | {member: value})) == "malformed"


def test_a_key_inside_the_token_is_not_used() -> None:
    mine = tokens.generate_key("ES256")
    header = {"alg": "ES256", "typ": tokens.ACCESS, "kid": mine.kid}
    message = ".".join(
        base64url(json.dumps(part).encode())
        for part in (header | {"jwk": tokens.public_jwk(mine)}, claims())
    )
    signature = tokens.encode(tokens.ACCESS, claims(), mine).rpartition(".")[2]
    assert reason_of(f"{message}.{signature}", "ES256") == "malformed"
    with pytest.raises(UnknownKey):
        read(tokens.encode(tokens.ACCESS, claims(), mine), key_of("ES256"))


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"none","alg":"HS256","typ":"at+jwt"}',
        b'{"alg":"HS256","typ":"rt+jwt","typ":"at+jwt"}',
        b'{"alg":"HS256","typ":"at+jwt","\\u0061lg":"HS256"}',
        b'{"typ":"at+jwt"}',
        b'{"alg":null,"typ":"at+jwt"}',
        b'{"alg":["HS256"],"typ":"at+jwt"}',
        b'{"alg":"HS256","typ":"at+jwt","kid":"\\ud800"}',
        b'["alg","typ"]',
        b'"HS256"',
        b"null",
        b"{}x",
        b"\xff\xfe",
        b"\xef\xbb\xbf" + json.dumps(HEADER).encode(),
        json.dumps(HEADER).encode("utf-16"),
        b'{"alg":"HS256","typ":"at+jwt"' + b" " * 400 + b"}",
        b"[" * 380,
    ],
)
def test_a_header_that_two_readers_could_read_differently_is_refused(header: bytes) -> None:
    assert reason_of(forge(header)) == "malformed"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        HEAD,
        f"{HEAD}.{PAYLOAD}",
        f"{GOOD}.",
        f"{GOOD}.{SIGNATURE}",
        f"{GOOD}.{SIGNATURE}.{SIGNATURE}",
        f".{PAYLOAD}.{SIGNATURE}",
        f"{HEAD}..{SIGNATURE}",
        f" {GOOD}",
        f"{GOOD} ",
        f"{GOOD}\n",
        f"{GOOD}\0",
        f"{HEAD} .{PAYLOAD}.{SIGNATURE}",
        f"{HEAD}.\t{PAYLOAD}.{SIGNATURE}",
        f"{HEAD}.{PAYLOAD[:9]}\r\n{PAYLOAD[9:]}.{SIGNATURE}",
        f"{GOOD}=",
        f"{HEAD}=.{PAYLOAD}.{SIGNATURE}",
        f"{HEAD}.{PAYLOAD}==.{SIGNATURE}",
        f"{HEAD}.{PAYLOAD}.{SIGNATURE[:-4]}+/+/",
        f"{HEAD}.{PAYLOAD}.{SIGNATURE[:-1]}\N{FULLWIDTH LATIN SMALL LETTER A}",
        f"{HEAD}.{PAYLOAD}.{SIGNATURE[:-1]}\ud800",
        f"{HEAD}.{PAYLOAD}.{SIGNATURE}AA",
        f"Bearer {GOOD}",
        json.dumps({"protected": HEAD, "payload": PAYLOAD, "signature": SIGNATURE}),
    ],
)
def test_only_the_strict_compact_form_is_read(token: str) -> None:
    assert reason_of(token) == "malformed"


def test_unused_bits_of_the_encoding_are_zero() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [GOOD[:-1] + last for last in alphabet if last != GOOD[-1]]
    assert {reason_of(token) for token in others} == {"malformed", "bad_signature"}
    head, payload = '{"alg":"HS256","typ":"at+jwt"}  ', json.dumps(claims())
    payload += " " * (2 - len(payload) % 3)
    assert len(head) % 3 == len(payload) % 3 == 2
    token = forge(head.encode(), payload.encode())
    assert read(token) == claims()
    for segment in (0, 1):
        parts = token.split(".")
        parts[segment] = parts[segment][:-1] + alphabet[alphabet.index(parts[segment][-1]) + 1]
        assert reason_of(".".join(parts)) in ("malformed", "bad_signature")


def test_a_huge_token_is_refused_and_the_longest_is_read() -> None:
    room = MAX_TOKEN_LENGTH - len(forge(payload=claims(pad="")))
    longest = forge(payload=claims(pad="x" * (room * 3 // 4 - 2)))
    assert MAX_TOKEN_LENGTH - 4 < len(longest) <= MAX_TOKEN_LENGTH
    assert read(longest)["sub"] == "42"
    assert reason_of(forge(payload=claims(pad="x" * room))) == "malformed"
    assert reason_of("a" * 10_000_000) == "malformed"


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(claims()).encode()[:-1] + b',"sub":"1"}',
        json.dumps(claims()).encode()[:-1] + b',"x":{"a":1,"a":2}}',
        json.dumps(claims()).encode()[:-1] + b',"x":NaN}',
        json.dumps(claims()).encode()[:-1] + b',"x":-Infinity}',
        json.dumps(claims()).encode()[:-1] + b',"x":1e999}',
        json.dumps(claims()).encode()[:-1] + b',"x":"\\ud800"}',
        json.dumps(claims()).encode()[:-1] + b',"x":"\xff"}',
        json.dumps(claims()).encode()[:-1] + b',"x":' + b"9" * 5000 + b"}",
        json.dumps(claims()).encode()[:-1] + b',"x":' + b"[" * 5000 + b"}",
        json.dumps([claims()]).encode(),
        b"claims",
        b'"claims"',
        b"null",
        b"\xef\xbb\xbf{}",
        json.dumps(claims()).encode("utf-16"),
    ],
)
def test_claims_that_two_readers_could_read_differently_are_refused(payload: bytes) -> None:
    assert reason_of(forge(payload=payload)) == "malformed"


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    [str(EPOCH + 900), True, False, None, 1e308, EPOCH + 0.5, 10**300, 253402300800, -1, [], {}],
)
def test_a_date_is_a_whole_number_of_seconds(name: str, value: object) -> None:
    assert reason_of(forge(payload=claims(**{name: value}))) == "bad_claims"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (claims_without("exp"), "bad_claims"),
        (claims_without("iss"), "wrong_issuer"),
        (claims(iss=ISSUER + "/"), "wrong_issuer"),
        (claims(iss=ISSUER.upper()), "wrong_issuer"),
        (claims(iss=[ISSUER]), "wrong_issuer"),
        (claims(iss=None), "wrong_issuer"),
        (claims_without("aud"), "bad_claims"),
        (claims(aud="other"), "wrong_audience"),
        (claims(aud="Orders"), "wrong_audience"),
        (claims(aud=""), "wrong_audience"),
        (claims(aud=["other", "another"]), "wrong_audience"),
        (claims(aud=[]), "wrong_audience"),
        (claims(aud=[AUDIENCE, 1]), "bad_claims"),
        (claims(aud=[[AUDIENCE]]), "bad_claims"),
        (claims(aud={AUDIENCE: True}), "bad_claims"),
        (claims(aud=None), "bad_claims"),
        (claims(aud="my orders service"), "wrong_audience"),
        (claims_without("sub"), "bad_claims"),
        (claims(sub=""), "bad_claims"),
        (claims(sub=42), "bad_claims"),
        (claims(sub=None), "bad_claims"),
        ({}, "bad_claims"),
    ],
)
def test_a_claim_that_is_missing_or_wrong_is_refused(
    payload: dict[str, Any], reason: Reason
) -> None:
    assert reason_of(forge(payload=payload)) == reason


def test_one_audience_of_several_is_enough() -> None:
    assert read(forge(payload=claims(aud=["billing", AUDIENCE])))["sub"] == "42"


def test_clocks_may_differ_by_ten_seconds_and_no_more() -> None:
    token = forge(payload=claims(nbf=EPOCH))
    for seconds, verdict in ((-10, None), (-11, "not_yet_valid"), (909, None), (910, "expired")):
        now = NOW + timedelta(seconds=seconds)
        if verdict is None:
            assert read(token, now=now)
            continue
        with pytest.raises(InvalidToken) as refusal:
            read(token, now=now)
        assert refusal.value.reason == verdict
    assert reason_of(forge(payload=claims(nbf=EPOCH + 11))) == "not_yet_valid"
    assert reason_of(forge(payload=claims(iat=EPOCH + 11))) == "not_yet_valid"


def test_no_bit_of_a_token_can_be_flipped() -> None:
    for position, character in enumerate(GOOD):
        for bit in range(7):
            flipped = chr(ord(character) ^ 1 << bit)
            with pytest.raises(InvalidToken):
                read(GOOD[:position] + flipped + GOOD[position + 1 :])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_third_of_a_token_can_be_changed(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    token = tokens.encode(tokens.ACCESS, claims(), key)
    assert read(token, key) == claims()
    for third in (1, 3, 5):
        position = len(token) * third // 6
        other = "A" if token[position] != "A" else "B"
        with pytest.raises(InvalidToken):
            read(token[:position] + other + token[position + 1 :], key)


def test_a_refusal_tells_nothing_of_the_token() -> None:
    with pytest.raises(InvalidToken) as refusal:
        read(forge(payload=claims(iss="a secret issuer")))
    assert str(refusal.value) == "wrong_issuer"
    assert refusal.value.__cause__ is None


RING = {key.kid: key for key in map(key_of, ALGORITHMS)}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def is_read_or_refused(token: str) -> None:
    for kind in (tokens.ACCESS, tokens.REFRESH):
        with contextlib.suppress(InvalidToken):
            found = tokens.decode(kind, token, RING, issuer=ISSUER, audience=AUDIENCE, now=NOW)
            assert found["sub"]


@settings(max_examples=200, deadline=None, database=None)
@given(st.text())
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        read(text)


@settings(max_examples=200, deadline=None, database=None)
@given(st.data())
def test_a_mutated_token_is_refused(data: st.DataObject) -> None:
    key = key_of(data.draw(st.sampled_from(ALGORITHMS)))
    token = tokens.encode(tokens.ACCESS, claims(), key)
    start = data.draw(st.integers(0, len(token)))
    end = data.draw(st.integers(start, min(len(token), start + 12)))
    put_in = data.draw(st.text("AQgwz09-_.=+/ \n") | st.text(max_size=4))
    mutated = token[:start] + put_in + token[end:]
    if mutated == token:
        assert read(mutated, key)
        return
    with pytest.raises(InvalidToken):
        read(mutated, key)


@settings(max_examples=200, deadline=None, database=None)
@given(
    header=st.fixed_dictionaries(
        {},
        optional={"alg": st.sampled_from([*ALGORITHMS, "none"]) | JSON, "typ": JSON, "kid": JSON},
    )
    | st.just(HEADER),
    changes=st.dictionaries(st.sampled_from(list(claims())) | st.text(), JSON),
)
def test_whatever_was_signed_is_read_or_refused(
    header: dict[str, object], changes: dict[str, object]
) -> None:
    is_read_or_refused(forge(header, claims() | changes))


@settings(max_examples=200, deadline=None, database=None)
@given(st.binary(), st.binary())
def test_whatever_bytes_were_signed_are_refused(header: bytes, payload: bytes) -> None:
    for token in (forge(header, payload), forge(payload=payload)):
        is_read_or_refused(token)


@settings(max_examples=100, deadline=None, database=None)
@given(st.binary(max_size=600), st.sampled_from(ALGORITHMS))
def test_whatever_bytes_are_a_signature_they_are_refused(
    signature: bytes, algorithm: Algorithm
) -> None:
    key = key_of(algorithm)
    message = tokens.encode(tokens.ACCESS, claims(), key).rpartition(".")[0]
    with pytest.raises(InvalidToken):
        read(f"{message}.{base64url(signature)}", key)


def test_the_tests_secret_is_long_enough_for_every_algorithm() -> None:
    assert len(SECRET) >= 64
