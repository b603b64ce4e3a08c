"""Signs and verifies the service's JSON Web Tokens, with the rules of `gatepost.client.jwt`."""

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
"""The `typ` of a refresh token, which no other kind of token has."""

RSA_KEY_SIZE: Final = 3072
"""Bits. 2048 give 112 bits of security and 3072 give 128 (NIST SP 800-57, ASVS 11.2.3). Signing
takes two to three times as long, which is little beside the password hash of a login."""


class _DeterministicES256(ESAlgorithm):
    """ES256 with the nonce of RFC 6979: the same claims give the same token.

    A refresh that is repeated within its grace period returns the same pair, which is computed and
    not stored; and a poor source of randomness cannot reveal the private key (RFC 8725, 3.2).
    """

    def __init__(self) -> None:
        super().__init__("ES256", "P-256", 256)
        self._scheme = ECDSA(SHA256(), deterministic_signing=True)

    def sign(self, msg: bytes, key: ECKey) -> bytes:
        signature = key.get_op_key("sign").sign(msg, self._scheme)
        r, s = decode_dss_signature(signature)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


# RSASSA-PSS salts each signature (RFC 8017, section 8.1): only with PS256 do two tokens of the same
# claims differ; both are valid. HMAC, RSASSA-PKCS1-v1_5 and Ed25519 are deterministic.
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
    """Make a random private key; the default `kid` of an asymmetric one is its thumbprint.

    The thumbprint is that of RFC 7638. An RSA key takes some tenths of a second: do not make it on
    an event loop that serves requests.
    """
    material = _generate(algorithm)
    # The thumbprint of a shared secret would allow guesses of the secret to be checked.
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
    """Return the public half of an asymmetric key as a JWK (RFC 7517, section 4).

    Raises `ValueError` for a shared secret, which has no public half.
    """
    if key.algorithm not in ASYMMETRIC_ALGORITHMS:
        raise ValueError("a shared secret is never published")
    return {**key.material.as_dict(), "kid": key.kid, "alg": key.algorithm, "use": "sig"}


def dump_private_key(key: Key) -> bytes:
    """Return a key as JWK JSON including its private members: encrypt it before storing it.

    Raises `ValueError` for a public key.
    """
    _require_private(key)
    members = {**key.material.as_dict(private=True), "alg": key.algorithm}
    return _JSON.encode(members).encode()


def load_private_key(dumped: bytes, algorithm: str, kid: str | None) -> Key:
    """Load the output of `dump_private_key` for a key of `algorithm`, and set its `kid`.

    Raises `ValueError` for anything else, including a key of another algorithm.
    """
    try:
        members = json.loads(dumped)
        written_for = members.pop("alg")
        material = JWKRegistry.import_key(members)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        # Not chained: the parser's errors contain its input, the private key.
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
    """Sign `claims` as a token of `kind` (its `typ`).

    The same claims and key give the same token, except with PS256, whose signatures are salted.
    Raises `ValueError` for a public key, an unpaired surrogate, and claims that make the token
    longer than `MAX_TOKEN_LENGTH`.
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
    """Return the claims of a token of `kind` that is valid at `now` (aware).

    Raises `InvalidToken`. The rules are those of `gatepost.client.jwt.verify`, which resource
    servers use too.
    """
    return verify(kind, token, keys, issuer=issuer, audience=audience, now=now.timestamp())
