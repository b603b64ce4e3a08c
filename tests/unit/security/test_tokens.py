"""A token is what its key, its kind and its claims make it, and is read as nothing else."""

import json

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gatepost.client.jwt import InvalidToken
from gatepost.security import tokens
from gatepost.security.tokens import (
    ALGORITHMS,
    ASYMMETRIC_ALGORITHMS,
    Algorithm,
    Key,
)
from tests.unit.client.forge import AUDIENCE, ISSUER, NOW, SECRET, claims, key_of, read

PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "k"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_was_signed_is_read(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    assert read(tokens.encode(tokens.ACCESS, claims(), key), key) == claims()


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "PS256"])
def test_the_same_claims_give_the_same_token(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    again = dict(reversed(claims().items()))
    token = tokens.encode(tokens.ACCESS, claims(), key)
    assert tokens.encode(tokens.ACCESS, again, key) == token


def test_only_ps256_gives_another_token_with_the_same_claims() -> None:
    key = key_of("PS256")
    one, other = (tokens.encode(tokens.ACCESS, claims(), key) for _ in range(2))
    assert one != other
    assert read(one, key) == read(other, key)


def test_a_key_reads_what_its_stored_copy_signed() -> None:
    key = key_of("ES256")
    copy = tokens.load_private_key(tokens.dump_private_key(key), "ES256", key.kid)
    token = tokens.encode(tokens.ACCESS, claims(), key)
    assert tokens.encode(tokens.ACCESS, claims(), copy) == token


@pytest.mark.parametrize("kind", [tokens.ACCESS, tokens.REFRESH])
def test_a_token_of_one_kind_is_never_read_as_another(kind: str) -> None:
    key = key_of("HS256")
    token = tokens.encode(kind, claims(), key)
    for asked in (tokens.ACCESS, tokens.REFRESH, "JWT"):
        if asked == kind:
            continue
        with pytest.raises(InvalidToken, match="wrong_type"):
            tokens.decode(asked, token, {None: key}, issuer=ISSUER, audience=AUDIENCE, now=NOW)


@pytest.mark.parametrize("algorithm", sorted(ASYMMETRIC_ALGORITHMS))
def test_a_published_key_verifies_and_cannot_sign(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    published = tokens.public_jwk(key)
    assert not PRIVATE_MEMBERS & published.keys()
    assert published["kid"] == key.kid
    assert published["alg"] == algorithm
    assert published["use"] == "sig"
    public = tokens.import_public_key(json.loads(json.dumps(published)))
    assert read(tokens.encode(tokens.ACCESS, claims(), key), public) == claims()
    with pytest.raises(ValueError, match="public key"):
        tokens.encode(tokens.ACCESS, claims(), public)
    with pytest.raises(ValueError, match="public key"):
        tokens.dump_private_key(public)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_stored_key_is_the_same_key(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    loaded = tokens.load_private_key(tokens.dump_private_key(key), algorithm, key.kid)
    assert read(tokens.encode(tokens.ACCESS, claims(), loaded), key) == claims()


@pytest.mark.parametrize(
    "stored", [b"", b"{}", b"[]", b"null", b"\xff", b'{"alg":"ES256","kty":"EC"}', b'{"kty":7}']
)
def test_a_damaged_stored_key_is_refused(stored: bytes) -> None:
    with pytest.raises(ValueError, match="not a private key"):
        tokens.load_private_key(stored, "ES256", "1")


def test_a_stored_key_of_another_algorithm_is_refused() -> None:
    stored = tokens.dump_private_key(key_of("RS256"))
    with pytest.raises(ValueError, match="another algorithm"):
        tokens.load_private_key(stored, "PS256", "1")


def test_a_stored_public_key_is_refused() -> None:
    stored = json.dumps(tokens.public_jwk(key_of("ES256"))).encode()
    with pytest.raises(ValueError, match="public key"):
        tokens.load_private_key(stored, "ES256", "1")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_shared_secret_is_never_published(algorithm: Algorithm) -> None:
    with pytest.raises(ValueError, match="never published"):
        tokens.public_jwk(key_of(algorithm))


@pytest.mark.parametrize(("algorithm", "length"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_is_as_long_as_the_hash(algorithm: Algorithm, length: int) -> None:
    assert tokens.secret_key(algorithm, SECRET[:length]).kid is None
    with pytest.raises(ValueError, match=f"{length} bytes") as refusal:
        tokens.secret_key(algorithm, SECRET[: length - 1])
    assert SECRET[:16] not in str(refusal.value)


def test_a_secret_counts_in_bytes() -> None:
    assert tokens.secret_key("HS256", "\N{EURO SIGN}" * 11)


@pytest.mark.parametrize("algorithm", sorted(ASYMMETRIC_ALGORITHMS))
def test_an_asymmetric_algorithm_takes_no_secret(algorithm: Algorithm) -> None:
    with pytest.raises(ValueError, match="no shared secret"):
        tokens.secret_key(algorithm, SECRET)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_key_is_another_key(algorithm: Algorithm) -> None:
    if algorithm in ("RS256", "PS256"):
        key = key_of(algorithm)
        assert isinstance(key.material, RSAKey)
        assert key.material.raw_value.key_size == 3072
        return
    one, other = (tokens.generate_key(algorithm, "k1") for _ in range(2))
    assert one.kid == "k1"
    with pytest.raises(InvalidToken, match="bad_signature"):
        read(tokens.encode(tokens.ACCESS, claims(), one), other)


def test_an_unnamed_key_is_named_by_its_thumbprint() -> None:
    key = tokens.generate_key("EdDSA")
    assert key.kid == key.material.thumbprint()
    assert tokens.generate_key("HS256").kid is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_shows_nothing_of_itself(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    assert repr(key) == f"Key(kid={key.kid!r}, algorithm={algorithm!r})"


def test_a_key_suits_its_algorithm_alone() -> None:
    materials = {
        "HS": OctKey.import_key(SECRET),
        "RSA": key_of("RS256").material,
        "EC": ECKey.generate_key("P-256"),
        "OKP": OKPKey.generate_key("Ed25519"),
    }
    for algorithm in ALGORITHMS:
        for material in materials.values():
            if type(material) is type(key_of(algorithm).material):
                assert Key("1", algorithm, material)
                continue
            with pytest.raises(ValueError, match="does not suit"):
                Key("1", algorithm, material)
    for curve in (ECKey.generate_key("P-384"), OKPKey.generate_key("Ed448")):
        for algorithm in ALGORITHMS:
            with pytest.raises(ValueError, match="does not suit"):
                Key("1", algorithm, curve)


def test_claims_that_no_verifier_would_read_are_not_signed() -> None:
    key = key_of("HS256")
    with pytest.raises(ValueError, match="too long"):
        tokens.encode(tokens.ACCESS, claims(pad="x" * 8192), key)
    with pytest.raises(ValueError, match="surrogate"):
        tokens.encode(tokens.ACCESS, claims(pad="\ud800"), key)
