"""Signing and reading our JSON Web Tokens: the service's side of `gatepost.client.jwt`."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.errors import JoseError
from joserfc.jwa import (
    EdDSAAlgorithm,
    ESAlgorithm,
    JWSAlgModel,
    RSAAlgorithm,
    RSAPSSAlgorithm,
)
from joserfc.jwk import ECKey, JWKRegistry, OctKey, OKPKey, RSAKey
from pydantic_core import to_json

from gatepost.client.jwt import (
    ACCESS,
    ALGORITHMS,
    ASYMMETRIC_ALGORITHMS,
    MAX_TOKEN_LENGTH,
    Algorithm,
    JoseKey,
    Key,
    OneShotHmac,
    UnknownKey,
    Validity,
    import_public_key,
    secret_key,
    validity_of,
    verify,
)

__all__ = [
    "ACCESS",
    "ALGORITHMS",
    "ASYMMETRIC_ALGORITHMS",
    "MAX_TOKEN_LENGTH",
    "REFRESH",
    "Algorithm",
    "Key",
    "UnknownKey",
    "Validity",
    "decode",
    "dump_private_key",
    "encode",
    "generate_key",
    "import_public_key",
    "load_private_key",
    "public_jwk",
    "secret_key",
    "validity_of",
]

REFRESH: Final = "rt+jwt"
"""The `typ` of a refresh token: ours alone, so that no token passes for another kind."""

RSA_KEY_SIZE: Final = 3072
"""Bits. 2048 are 112 bits of security and 3072 are 128 (NIST SP 800-57, ASVS 11.2.3); signing
takes two to three times as long, and happens once a login beside a far slower password hash."""


class _DeterministicES256(ESAlgorithm):
    """ES256 with the nonce of RFC 6979: the same claims give the same token.

    A renewal asked for again within its grace gets the pair it got before, computed and not
    stored; and a poor source of randomness cannot give the private key away (RFC 8725, 3.2).
    """

    def __init__(self) -> None:
        super().__init__("ES256", "P-256", 256)
        self._scheme = ECDSA(SHA256(), deterministic_signing=True)

    def sign(self, msg: bytes, key: ECKey) -> bytes:
        signature = key.get_op_key("sign").sign(msg, self._scheme)
        r, s = decode_dss_signature(signature)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


# RSASSA-PSS salts each signature (RFC 8017, section 8.1): PS256 alone gives another token each
# time, equally valid and with equal claims. HMAC, RSASSA-PKCS1-v1_5 and Ed25519 have no nonce.
_SIGNERS: Final[Mapping[Algorithm, JWSAlgModel]] = {
    "HS256": OneShotHmac(256),
    "HS384": OneShotHmac(384),
    "HS512": OneShotHmac(512),
    "RS256": RSAAlgorithm(256),
    "PS256": RSAPSSAlgorithm(256),
    "ES256": _DeterministicES256(),
    "EdDSA": EdDSAAlgorithm(),
}
_JSON: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False)
_SECRET_BITS: Final[Mapping[Algorithm, int]] = {"HS256": 256, "HS384": 384, "HS512": 512}


def generate_key(algorithm: Algorithm, kid: str | None = None) -> Key:
    """Make a new random private key; without a `kid` an asymmetric one is named by its thumbprint.

    The thumbprint is RFC 7638's. An RSA key takes some tenths of a second of one core: do not
    make it on the event loop where that matters.
    """
    material = _generate(algorithm)
    # A secret's thumbprint would tell whether a guess of the secret is right.
    if kid is None and algorithm in ASYMMETRIC_ALGORITHMS:
        kid = material.thumbprint()
    return Key(kid, algorithm, material)


def _generate(algorithm: Algorithm) -> JoseKey:
    if algorithm in _SECRET_BITS:
        return OctKey.generate_key(_SECRET_BITS[algorithm])
    if algorithm == "ES256":
        return ECKey.generate_key("P-256")
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519")
    return RSAKey.generate_key(RSA_KEY_SIZE)


def public_jwk(key: Key) -> dict[str, Any]:
    """Describe the public half of an asymmetric key for a JWK set (RFC 7517, section 4).

    Raises `ValueError` for a shared secret, which has no public half.
    """
    if key.algorithm not in ASYMMETRIC_ALGORITHMS:
        raise ValueError("a shared secret is never published")
    return {**key.material.as_dict(), "kid": key.kid, "alg": key.algorithm, "use": "sig"}


def dump_private_key(key: Key) -> bytes:
    """Write a key as JWK JSON, private members included: encrypt it before it is stored.

    Raises `ValueError` for a public key.
    """
    _require_private(key)
    members = {**key.material.as_dict(private=True), "alg": key.algorithm}
    return _JSON.encode(members).encode()


def load_private_key(dumped: bytes, algorithm: str, kid: str | None) -> Key:
    """Read what `dump_private_key` wrote of a key of `algorithm`, and name it `kid`.

    Raises `ValueError` for anything else, a key of another algorithm included.
    """
    try:
        members = json.loads(dumped)
        written_for = members.pop("alg")
        material = JWKRegistry.import_key(members)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        # Not chained: the parser's errors carry what they were reading.
        raise ValueError("not a private key in JWK form") from None
    if written_for != algorithm or algorithm not in ALGORITHMS:
        raise ValueError("a key of another algorithm")
    key = Key(kid, algorithm, material)
    _require_private(key)
    return key


def _require_private(key: Key) -> None:
    if not key.material.is_private:
        raise ValueError("a public key does not sign")


def encode(kind: str, claims: Mapping[str, str | int], key: Key) -> str:
    """Sign `claims` as a token of `kind` (its `typ`): the same claims and key, the same token.

    But for PS256, whose signatures are salted. Raises `ValueError` for a public key, an unpaired
    surrogate, and claims that make a token longer than any verifier of ours would read.
    """
    _require_private(key)
    payload = to_json(dict(sorted(claims.items())))
    message = _header(kind, key.algorithm, key.kid) + b"." + _base64url(payload)
    token = (message + b"." + _base64url(_sign(message, key))).decode("ascii")
    if len(token) > MAX_TOKEN_LENGTH:
        raise ValueError("the claims are too long for a token")
    return token


def _sign(message: bytes, key: Key) -> bytes:
    return _SIGNERS[key.algorithm].sign(message, key.material)


@lru_cache(maxsize=64)
def _header(kind: str, algorithm: Algorithm, kid: str | None) -> bytes:
    members = {"alg": algorithm, "typ": kind} | ({} if kid is None else {"kid": kid})
    return _base64url(_JSON.encode(members).encode())


def _base64url(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def decode(
    kind: str,
    token: str,
    keys: Mapping[str | None, Key],
    *,
    issuer: str,
    audience: str,
    now: datetime,
) -> dict[str, Any]:
    """Return the claims of a token of `kind` that is valid at `now` (aware), else `InvalidToken`.

    The rules are those of `gatepost.client.jwt.verify`, which resource servers run too.
    """
    return verify(kind, token, keys, issuer=issuer, audience=audience, now=now.timestamp())
