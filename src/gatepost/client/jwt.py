"""The strict verification of our JSON Web Tokens, for the service and for resource servers."""

import hmac
import json
import re
from binascii import a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, cast, get_args

from joserfc.errors import JoseError
from joserfc.jwa import (
    EdDSAAlgorithm,
    ESAlgorithm,
    HMACAlgorithm,
    JWSAlgModel,
    RSAAlgorithm,
    RSAPSSAlgorithm,
)
from joserfc.jwk import ECKey, JWKRegistry, OctKey, OKPKey, RSAKey

from gatepost.client.strict_json import StrictJson

ACCESS: Final = "at+jwt"
"""The `typ` of an access token (RFC 9068, section 2.1)."""

LEEWAY: Final = 10
"""Seconds by which the clocks of issuer and verifier may differ."""

MAX_TOKEN_LENGTH: Final = 8192
"""Characters; a longer token is refused unread, and never issued."""

Algorithm = Literal["HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA"]
ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)
ASYMMETRIC_ALGORITHMS: Final = frozenset[Algorithm]({"RS256", "PS256", "ES256", "EdDSA"})

Reason = Literal[
    "malformed",
    "wrong_type",
    "unknown_key",
    "wrong_algorithm",
    "bad_signature",
    "bad_claims",
    "expired",
    "not_yet_valid",
    "wrong_issuer",
    "wrong_audience",
]

JoseKey = OctKey | RSAKey | ECKey | OKPKey


class OneShotHmac(HMACAlgorithm):
    """HMAC (RFC 7518, section 3.2) computed in one call, where joserfc's makes an object for it.

    `Key` has checked that the secret is no shorter than the hash.
    """

    def sign(self, msg: bytes, key: OctKey) -> bytes:
        return hmac.digest(key.raw_value, msg, f"sha{self.algorithm_security}")

    def verify(self, msg: bytes, sig: bytes, key: OctKey) -> bool:
        return hmac.compare_digest(self.sign(msg, key), sig)


# joserfc's primitives, called directly: the compact form is taken apart once, here, so that no
# second parser can see another token than the one we judged. Its registry would also look the
# algorithm up by the token's word for it, and warn that RFC 9864 renames EdDSA.
_VERIFIERS: Final[Mapping[Algorithm, JWSAlgModel]] = {
    "HS256": OneShotHmac(256),
    "HS384": OneShotHmac(384),
    "HS512": OneShotHmac(512),
    "RS256": RSAAlgorithm(256),
    "PS256": RSAPSSAlgorithm(256),
    "ES256": ESAlgorithm("ES256", "P-256", 256),
    "EdDSA": EdDSAAlgorithm(),
}
# RFC 7518, section 3.2: a key of the same size as the hash output, or larger.
_SECRET_LENGTHS: Final[Mapping[Algorithm, int]] = {"HS256": 32, "HS384": 48, "HS512": 64}
# RFC 7518, section 6 and RFC 8037, section 2: what makes up each public key.
_RSA_MEMBERS: Final = ("RSA", ("n", "e"))
_PUBLIC_MEMBERS: Final[Mapping[Algorithm, tuple[str, tuple[str, ...]]]] = {
    "RS256": _RSA_MEMBERS,
    "PS256": _RSA_MEMBERS,
    "ES256": ("EC", ("crv", "x", "y")),
    "EdDSA": ("OKP", ("crv", "x")),
}

_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_STANDARD_ALPHABET: Final = bytes.maketrans(b"-_", b"+/")
# The last characters whose unused bits are zero, by length modulo four (RFC 4648, section 3.5);
# without this one signature would have several spellings.
_LAST_CHARACTERS: Final = (None, "", "AQgw", "AEIMQUYcgkosw048")
_PADDING: Final = (b"", b"", b"==", b"=")
_MAX_HEADER_LENGTH: Final = 512
_MAX_KEY_ID_LENGTH: Final = 128
_JSON: Final = StrictJson()
_MAX_DATE: Final = 253_402_300_799
"""The last second of the year 9999: later ones are no date in Python nor in a database."""


class InvalidToken(Exception):  # noqa: N818 - RFC 6750 calls it invalid_token
    """The token is refused; `reason` holds nothing of the token, and may be logged."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownKey(InvalidToken):
    """The token's `kid` is not among the keys given; a newer key set may have it."""

    def __init__(self) -> None:
        super().__init__("unknown_key")


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """A key and the one algorithm it is used with (RFC 8725, section 3.1); no secret in its repr.

    Building one costs as much as many verifications: build it once and keep it. Raises
    `ValueError` when the key is not of the algorithm's kind, or is too weak for it.
    """

    kid: str | None
    algorithm: Algorithm
    material: JoseKey = field(repr=False)

    def __post_init__(self) -> None:
        if not _suits(self.material, self.algorithm):
            raise ValueError(f"the key does not suit {self.algorithm}")

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Say whether `signature` was made over `message` with this key."""
        return _VERIFIERS[self.algorithm].verify(message, signature, self.material)


def _suits(material: JoseKey, algorithm: Algorithm) -> bool:
    if isinstance(material, OctKey):
        return algorithm in _SECRET_LENGTHS
    if isinstance(material, RSAKey):
        # NIST SP 800-131A asks for 2048 bits; far beyond 8192 a signature check is an attack.
        return algorithm in ("RS256", "PS256") and 2048 <= material.raw_value.key_size <= 8192
    if isinstance(material, ECKey):
        return algorithm == "ES256" and material.curve_name == "P-256"
    return algorithm == "EdDSA" and material.curve_name == "Ed25519"


def secret_key(algorithm: Algorithm, secret: str | bytes) -> Key:
    """Make a shared secret (text counts as UTF-8) into a key without an id.

    Raises `ValueError` for another algorithm, and for a secret shorter than the hash
    (RFC 7518, section 3.2: 32, 48 and 64 bytes).
    """
    if algorithm not in _SECRET_LENGTHS:
        raise ValueError(f"{algorithm} takes no shared secret")
    raw = secret.encode() if isinstance(secret, str) else secret
    if len(raw) < _SECRET_LENGTHS[algorithm]:
        raise ValueError(f"{algorithm} needs a secret of {_SECRET_LENGTHS[algorithm]} bytes")
    return Key(None, algorithm, OctKey.import_key(raw))


def import_public_key(jwk: Mapping[str, Any]) -> Key:
    """Read a public signing key from its JWK (RFC 7517), which must name its `kid` and `alg`.

    Raises `ValueError` for anything else: symmetric keys, keys for encryption, keys whose
    private half is published with them, and keys that are malformed or too weak.
    """
    kid, algorithm = jwk.get("kid"), jwk.get("alg")
    if not _is_key_id(kid) or not isinstance(algorithm, str):
        raise ValueError("no key id or no algorithm")
    if algorithm not in ASYMMETRIC_ALGORITHMS or not _is_for_verifying(jwk):
        raise ValueError("not a public key that we verify with")
    kty, names = _PUBLIC_MEMBERS[algorithm]
    if jwk.get("kty") != kty:
        raise ValueError("not a key for its algorithm")
    members = {"kty": kty, **{name: jwk.get(name) for name in names}}
    try:
        return Key(kid, algorithm, JWKRegistry.import_key(cast("dict[str, Any]", members)))
    except (JoseError, KeyError, TypeError) as error:
        raise ValueError("a malformed key") from error


def _is_for_verifying(jwk: Mapping[str, Any]) -> bool:
    # Without "d": anybody could sign with a published private key.
    operations = jwk.get("key_ops", ["verify"])
    may_verify = isinstance(operations, list) and "verify" in operations
    return may_verify and jwk.get("use", "sig") == "sig" and "d" not in jwk


def verify(
    kind: str,
    token: str,
    keys: Mapping[str | None, Key],
    *,
    issuer: str,
    audience: str,
    now: float,
) -> dict[str, Any]:
    """Return the claims of `token` if it is one of `kind`, for `audience`, and valid at `now`.

    `kind` is the `typ` it must have, `now` is in seconds since the epoch. The token's `kid` picks
    its key from `keys` (None: the key of tokens without one), and the key fixes the algorithm.
    Follows RFC 7519 (section 7.2), RFC 8725 and RFC 9068 (section 4). Raises `InvalidToken` for
    every other string there is, `UnknownKey` where the key is not among `keys`.
    """
    header, signing_input, payload, signature = _take_apart(token)
    if not _is_of(kind, header.typ):
        raise InvalidToken("wrong_type")
    key = keys.get(header.kid)
    if key is None:
        raise UnknownKey
    if header.alg != key.algorithm:
        raise InvalidToken("wrong_algorithm")
    if not key.verifies(signature, signing_input):
        raise InvalidToken("bad_signature")
    claims = parse_object(_decode(payload))
    validity_of(claims).check(now)
    _check_parties(claims, issuer, audience)
    return claims


def parse_object(raw: bytes) -> dict[str, Any]:
    """Parse a JSON object that every parser reads alike; raises `InvalidToken` for others.

    Refuses duplicate members at any depth (RFC 8259, section 4), NaN and Infinity, unpaired
    surrogates, and nesting that is too deep for the parser.
    """
    try:
        members = _JSON.read(raw)
        if b"\\u" in raw:
            # Only an escape can hold an unpaired surrogate, which cannot be encoded again.
            json.dumps(members, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise InvalidToken("malformed") from None
    if not isinstance(members, dict):
        raise InvalidToken("malformed")
    return members


class _Header(NamedTuple):
    alg: str
    typ: str
    kid: str | None


def _take_apart(token: str) -> tuple[_Header, bytes, str, bytes]:
    if len(token) > MAX_TOKEN_LENGTH:
        raise InvalidToken("malformed")
    match = _COMPACT.fullmatch(token)
    if match is None:
        raise InvalidToken("malformed")
    header, payload, signature = match.groups()
    signing_input = token[: match.end(2)].encode("ascii")
    return _read_header(header), signing_input, payload, _decode(signature)


# Cached, because an issuer's tokens share a few headers.
@lru_cache(maxsize=128)
def _read_header(segment: str) -> _Header:
    if len(segment) > _MAX_HEADER_LENGTH:
        raise InvalidToken("malformed")
    members = parse_object(_decode(segment))
    # Any other header parameter (crit, jku, jwk, x5u, b64, zip) could change the verification.
    if not members.keys() <= {"alg", "typ", "kid"}:
        raise InvalidToken("malformed")
    alg, typ, kid = members.get("alg"), members.get("typ"), members.get("kid")
    if not isinstance(alg, str):
        raise InvalidToken("malformed")
    if not isinstance(typ, str):
        raise InvalidToken("wrong_type")
    if "kid" in members and not _is_key_id(kid):
        raise InvalidToken("malformed")
    return _Header(alg, typ, kid)


def _is_key_id(kid: object) -> bool:
    return isinstance(kid, str) and 0 < len(kid) <= _MAX_KEY_ID_LENGTH


def _is_of(kind: str, typ: str) -> bool:
    # RFC 9068, section 4: either spelling of the media type, which has no case (RFC 2045).
    return typ == kind or (kind == ACCESS and typ.lower() in (ACCESS, f"application/{ACCESS}"))


def _decode(segment: str) -> bytes:
    """Decode base64url (RFC 7515, section 2) from text that is known to be of its alphabet."""
    remainder = len(segment) % 4
    allowed = _LAST_CHARACTERS[remainder]
    if allowed is not None and segment[-1] not in allowed:
        raise InvalidToken("malformed")
    return a2b_base64(segment.encode().translate(_STANDARD_ALPHABET) + _PADDING[remainder])


class Validity(NamedTuple):
    """When a token is valid, in seconds: from `since` on, and before `until`."""

    since: int
    until: int

    def check(self, now: float) -> None:
        """Raise `InvalidToken` unless the token is valid at this time."""
        if now >= self.until:
            raise InvalidToken("expired")
        if now < self.since:
            raise InvalidToken("not_yet_valid")


def validity_of(claims: Mapping[str, Any]) -> Validity:
    """When a token with these claims is valid, the leeway included; raises `InvalidToken`."""
    if "exp" not in claims:
        raise InvalidToken("bad_claims")
    since = max((_date(claims[name]) for name in ("nbf", "iat") if name in claims), default=0)
    return Validity(since - LEEWAY, _date(claims["exp"]) + LEEWAY)


def _date(value: object) -> int:
    # `type` and not isinstance: True is an int.
    if type(value) is not int or not 0 <= value <= _MAX_DATE:
        raise InvalidToken("bad_claims")
    return value


def _check_parties(claims: Mapping[str, Any], issuer: str, audience: str) -> None:
    if claims.get("iss") != issuer:
        raise InvalidToken("wrong_issuer")
    audiences = claims.get("aud")
    if isinstance(audiences, str):
        audiences = [audiences]
    if not isinstance(audiences, list) or not all(isinstance(one, str) for one in audiences):
        raise InvalidToken("bad_claims")
    if audience not in audiences:
        raise InvalidToken("wrong_audience")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise InvalidToken("bad_claims")
