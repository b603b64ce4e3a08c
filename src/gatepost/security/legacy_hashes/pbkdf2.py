"""PBKDF2 (RFC 8018) over HMAC, as Django, Keycloak and Werkzeug use it."""

import hashlib
import hmac

from gatepost.security.legacy_hashes import phc

DIGESTS = {"sha1": 20, "sha256": 32, "sha512": 64}
"""The output size of each underlying hash, in bytes."""

_SCHEMES = {f"pbkdf2-{digest}": digest for digest in DIGESTS}

# Current recommendations are at most 1.4 million iterations; five million take seconds.
_MOST_ITERATIONS = 5_000_000


class Pbkdf2:
    """`$pbkdf2-sha256$i=1000000$salt$digest`, and likewise `sha1` and `sha512`."""

    max_bytes: int | None = None

    def identify(self, hashed: str) -> bool:
        pieces = phc.parse(hashed, tuple(_SCHEMES), ("i",))
        if pieces is None:
            return False
        # Each further block of output costs all iterations again.
        blocks = -(-len(pieces.digest) // DIGESTS[_SCHEMES[pieces.scheme]])
        iterations = phc.number(pieces.parameters["i"])
        return iterations > 0 and iterations * blocks <= _MOST_ITERATIONS

    def verify(self, password: bytes, hashed: str) -> bool:
        pieces = phc.parse(hashed, tuple(_SCHEMES), ("i",))
        if pieces is None:
            raise ValueError("not a PBKDF2 hash")
        derived = hashlib.pbkdf2_hmac(
            _SCHEMES[pieces.scheme],
            password,
            pieces.salt,
            phc.number(pieces.parameters["i"]),
            len(pieces.digest),
        )
        return hmac.compare_digest(derived, pieces.digest)


def stored(digest: str, iterations: int, salt: bytes, derived: bytes) -> str:
    """Return the stored form; raises `ValueError` for a digest not in `DIGESTS`."""
    if digest not in DIGESTS:
        raise ValueError("not a digest that is supported")
    return str(phc.Phc(f"pbkdf2-{digest}", {"i": str(iterations)}, salt, derived))
