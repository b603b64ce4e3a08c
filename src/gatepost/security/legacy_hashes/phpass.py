"""phpass' portable hashes, an iterated digest, as WordPress, phpBB and Drupal stored them.

Specified at https://www.openwall.com/articles/PHP-Users-Passwords.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from html import escape
from typing import TypeAlias

from gatepost.security.legacy_hashes.bcrypt_sha256 import PHP_BLANKS

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(
    r"\$(?P<kind>[PHS])\$(?P<rounds>[./0-9A-Za-z])(?P<salt>[./0-9A-Za-z]{8})"
    r"(?P<digest>[./0-9A-Za-z]{21}[./01]|[./0-9A-Za-z]{43})",
    re.ASCII,
)
_FEWEST_DOUBLINGS = 7

# It is computed in Python. WordPress doubles 13 times, Drupal 15 or 16; 20 take half a second.
_MOST_DOUBLINGS = 20

# phpass refuses longer passwords.
_LONGEST_PASSWORD = 4096

# The length of the digest by kind. Drupal uses SHA-512, and cuts hashes to 55 characters.
_DIGITS = {"P": 22, "H": 22, "S": 43}


_Digest: TypeAlias = Callable[[bytes], bytes]


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _sha512(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


class Phpass:
    """`$P$` (WordPress and others), `$H$` (phpBB 3.0), and with SHA-512 `$S$` (Drupal 7)."""

    max_bytes: int | None = _LONGEST_PASSWORD

    def identify(self, hashed: str) -> bool:
        parts = _FORM.fullmatch(hashed)
        if parts is None or len(parts["digest"]) != _DIGITS[parts["kind"]]:
            return False
        return _FEWEST_DOUBLINGS <= _ALPHABET.index(parts["rounds"]) <= _MOST_DOUBLINGS

    def verify(self, password: bytes, hashed: str) -> bool:
        parts = _FORM.fullmatch(hashed)
        if parts is None:
            raise ValueError("not a hash of phpass")
        rounds = 1 << _ALPHABET.index(parts["rounds"])
        digest = _sha512 if parts["kind"] == "S" else _md5
        return any(
            hmac.compare_digest(
                _stretch(digest, sent, parts["salt"].encode(), rounds)[: len(parts["digest"])],
                parts["digest"],
            )
            for sent in _candidates(password, parts["kind"])
        )


def _candidates(password: bytes, kind: str) -> Iterator[bytes]:
    """The byte strings that the system may have hashed, before and after its own cleaning."""
    yield password
    changed = password
    if kind == "P":  # WordPress
        changed = password.strip(PHP_BLANKS)
    elif kind == "H":  # phpBB escapes passwords for HTML
        changed = escape(password.decode(), quote=False).replace('"', "&quot;").encode()
    if changed != password:
        yield changed


def _stretch(digest: _Digest, password: bytes, salt: bytes, rounds: int) -> str:
    state = digest(salt + password)
    for _ in range(rounds):
        state = digest(state + password)
    return _encode64(state)


def _encode64(data: bytes) -> str:
    """Encode six bits per character, the lowest bits first."""
    bits, count = int.from_bytes(data, "little"), -(-len(data) * 8 // 6)
    return "".join(_ALPHABET[bits >> 6 * index & 63] for index in range(count))
