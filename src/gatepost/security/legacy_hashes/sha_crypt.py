"""SHA-crypt, the hash of Unix systems: https://www.akkadia.org/drepper/SHA-crypt.txt.

Python 3.13 removed `crypt`, so this is an implementation, tested against the C library's.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_FORM = re.compile(
    r"\$(?P<kind>[56])\$(?:rounds=(?P<rounds>[1-9]\d{3,8})\$)?(?P<salt>[!-#%-9;-~]{0,16})"
    r"\$(?P<digest>[./A-Za-z0-9]{42}[./0-9A-D]|[./A-Za-z0-9]{85}[./01])",
    re.ASCII,
)
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_USUAL_ROUNDS = 5000

# It is computed in Python, which holds the GIL between digests. The highest known default is
# 656,000 rounds: about half a second, once for each user.
_MOST_ROUNDS = 1_000_000

# Each round hashes the password again, and the first steps are quadratic in its length.
_LONGEST_PASSWORD = 256

_Hash = Callable[[bytes], bytes]


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _sha512(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two kinds: its digest, and the order in which the digest's bytes are written."""

    hash: _Hash
    groups: tuple[tuple[int, ...], ...]
    digits: int


def _byte_groups(size: int, *turn: int) -> Iterator[tuple[int, ...]]:
    """Groups of three indexes, one from each third of the digest; `turn` permutes the thirds."""
    group: tuple[int, ...] = (0, size, 2 * size)
    for _ in range(size):
        yield group
        group = tuple(group[which] + 1 for which in turn)


_KINDS = {
    "5": _Kind(_sha256, (*_byte_groups(10, 2, 0, 1), (31, 30)), 43),
    "6": _Kind(_sha512, (*_byte_groups(21, 1, 2, 0), (63,)), 86),
}


class ShaCrypt:
    """`$5$` (SHA-256) and `$6$` (SHA-512), with or without `rounds=`."""

    max_bytes: int | None = _LONGEST_PASSWORD

    def identify(self, hashed: str) -> bool:
        parts = _FORM.fullmatch(hashed)
        if parts is None or len(parts["digest"]) != _KINDS[parts["kind"]].digits:
            return False
        return int(parts["rounds"] or _USUAL_ROUNDS) <= _MOST_ROUNDS

    def verify(self, password: bytes, hashed: str) -> bool:
        parts = _FORM.fullmatch(hashed)
        if parts is None:
            raise ValueError("not a SHA-crypt hash")
        kind, rounds = _KINDS[parts["kind"]], int(parts["rounds"] or _USUAL_ROUNDS)
        digest = _stretch(kind.hash, password, parts["salt"].encode(), rounds)
        return hmac.compare_digest(_encode64(digest, kind.groups), parts["digest"])


def _stretch(hash_: _Hash, password: bytes, salt: bytes, rounds: int) -> bytes:
    """Return the digest after the specification's steps 1 to 21."""
    start = _start(hash_, password, salt)
    p = _repeated(hash_(password * len(password)), len(password))
    s = _repeated(hash_(salt * (16 + start[0])), len(salt))
    # The bytes around the previous digest depend on the round's number modulo 2, 3 and 7 only.
    turns = [_around(number, p, s) for number in range(2 * 3 * 7)]
    repetitions, rest = divmod(rounds, len(turns))
    digest = start
    for _ in range(repetitions):
        for before, after in turns:
            digest = hash_(before + digest + after)
    for before, after in turns[:rest]:
        digest = hash_(before + digest + after)
    return digest


def _start(hash_: _Hash, password: bytes, salt: bytes) -> bytes:
    other = hash_(password + salt + password)
    parts = [password, salt, _repeated(other, len(password))]
    bits = len(password)
    while bits:
        parts.append(other if bits & 1 else password)
        bits >>= 1
    return hash_(b"".join(parts))


def _repeated(digest: bytes, length: int) -> bytes:
    return (digest * (length // len(digest) + 1))[:length]


def _around(number: int, p: bytes, s: bytes) -> tuple[bytes, bytes]:
    middle = (s if number % 3 else b"") + (p if number % 7 else b"")
    return (p + middle, b"") if number % 2 else (b"", middle + p)


def _encode64(digest: bytes, groups: tuple[tuple[int, ...], ...]) -> str:
    """Encode six bits per character, the lowest bits first."""
    text = ""
    for group in groups:
        bits = int.from_bytes(bytes(digest[index] for index in group))
        for _ in range(len(group) + 1):
            text += _ALPHABET[bits & 63]
            bits >>= 6
    return text
