"""scrypt (RFC 7914), as Django, Werkzeug, better-auth and others use it."""

import hashlib
import hmac
from dataclasses import dataclass

from gatepost.normal_form import normalise
from gatepost.security.legacy_hashes import phc

_SCHEME = "scrypt"
_SCHEME_OF_NFKC = "scrypt-nfkc"
_NAMES = ("ln", "r", "p")

# The limits of one hash: memory in bytes, and work in mixed blocks, which is about two seconds.
_MOST_BYTES = 256 * 1024 * 1024
_MOST_WORK = 2**22


@dataclass(frozen=True, slots=True)
class ScryptCost:
    """The cost: log2(N), the block size and the parallelism."""

    ln: int
    r: int
    p: int

    @property
    def is_within_cost_limit(self) -> bool:
        """Whether the cost is valid (RFC 7914) and within the limit for a login."""
        # RFC 7914 section 2: N is less than 2^(128 * r / 8).
        in_range = 1 <= self.ln < min(25, 16 * self.r) and self.r <= 64 and 1 <= self.p <= 64
        blocks = (self.r << self.ln) if in_range else 0
        return in_range and 128 * blocks <= _MOST_BYTES and blocks * self.p <= _MOST_WORK


def derive(password: bytes, salt: bytes, cost: ScryptCost, length: int) -> bytes:
    """Return `length` derived bytes; raises `ValueError` for an invalid cost."""
    memory = 128 * cost.r * ((1 << cost.ln) + cost.p + 2)
    return hashlib.scrypt(
        password, salt=salt, n=1 << cost.ln, r=cost.r, p=cost.p, maxmem=memory, dklen=length
    )


class Scrypt:
    """`$scrypt$ln=14,r=8,p=5$salt$digest`, and `$scrypt-nfkc$...` of a password in form NFKC."""

    max_bytes: int | None = None

    def identify(self, hashed: str) -> bool:
        pieces = phc.parse(hashed, (_SCHEME, _SCHEME_OF_NFKC), _NAMES)
        return pieces is not None and _cost_of(pieces).is_within_cost_limit

    def verify(self, password: bytes, hashed: str) -> bool:
        pieces = phc.parse(hashed, (_SCHEME, _SCHEME_OF_NFKC), _NAMES)
        if pieces is None:
            raise ValueError("not a scrypt hash")
        if pieces.scheme == _SCHEME_OF_NFKC:
            password = normalise(password.decode(), "NFKC").encode()
        derived = derive(password, pieces.salt, _cost_of(pieces), len(pieces.digest))
        return hmac.compare_digest(derived, pieces.digest)


def stored(n: int, r: int, p: int, salt: bytes, derived: bytes, *, of_nfkc: bool = False) -> str:
    """Return the stored form; raises `ValueError` if `n` is not a power of two."""
    ln = n.bit_length() - 1
    if n < 2 or n != 1 << ln:
        raise ValueError("N is not a power of two")
    scheme = _SCHEME_OF_NFKC if of_nfkc else _SCHEME
    return str(phc.Phc(scheme, {"ln": str(ln), "r": str(r), "p": str(p)}, salt, derived))


def _cost_of(pieces: phc.Phc) -> ScryptCost:
    return ScryptCost(*(phc.number(pieces.parameters[name]) for name in _NAMES))
