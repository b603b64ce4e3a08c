"""yescrypt, the default of Debian, Ubuntu and Fedora, verified by the system's libcrypt.

There is no maintained package for Python, and pure Python would take minutes per hash. Without the
library (musl, macOS, Windows) no yescrypt hash is identified.
"""

import ctypes
import hmac
import re
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGIT = "[./0-9A-Za-z]"

# The default flavour `j`, with one digit each for N and r and no other parameter. Unused bits in
# the last digits of salt and digest are zero.
_FORM = re.compile(
    rf"\$y\$j(?P<n>{_DIGIT})(?P<r>{_DIGIT})"
    rf"\$(?:{_DIGIT}{{4}}){{0,20}}(?:{_DIGIT}{{4}}|{_DIGIT}{{2}}[./0-9A-D]|{_DIGIT}[./01])"
    rf"\${_DIGIT}{{42}}[./0-9A-D]",
    re.ASCII,
)

# `crypt_gensalt` makes at least 2^10 blocks of size 8; memory is counted as for scrypt.
_N_LOGARITHMS = range(10, 19)
_BLOCK_SIZES = range(8, 49)
_MOST_BYTES = 256 * 1024 * 1024

# crypt(5): longer passwords are refused.
_LONGEST_PASSWORD = 511

_NAMES = "libcrypt.so.1", "libcrypt.so.2"
_STATE_BYTES = 32768
_PROBE = b"$y$j75$./0123456789ABCDEFGHI1$"
_PROBE_DIGEST = b"j8XGSA6TjF27c7QTrIEJt7A3qCwTXxa1b7Wk4cH1ju0"

_Crypt: TypeAlias = Callable[[bytes, bytes], bytes | None]


class Yescrypt:
    """`$y$j9T$salt$digest`."""

    max_bytes: int | None = _LONGEST_PASSWORD

    def identify(self, hashed: str) -> bool:
        parts = _FORM.fullmatch(hashed)
        if parts is None:
            return False
        ln, r = _ALPHABET.index(parts["n"]) + 1, _ALPHABET.index(parts["r"]) + 1
        is_within_limits = (
            ln in _N_LOGARITHMS and r in _BLOCK_SIZES and 128 * (r << ln) <= _MOST_BYTES
        )
        return is_within_limits and _crypt() is not None

    def verify(self, password: bytes, hashed: str) -> bool:
        crypt = _crypt()
        if crypt is None:
            raise ValueError("no library here knows yescrypt")
        made = crypt(password, hashed.encode())
        if made is None:
            raise ValueError("not a yescrypt hash")
        return hmac.compare_digest(made, hashed.encode())


@cache
def _crypt() -> _Crypt | None:
    """The `crypt` of libcrypt, if it makes the expected hash of a probe; it releases the GIL."""
    for name in _NAMES:
        try:
            crypt = _load(name)
        except (OSError, AttributeError):
            continue
        if crypt(b"probe", _PROBE) == _PROBE + _PROBE_DIGEST:
            return crypt
    return None


def _load(name: str) -> _Crypt:
    crypt_rn = ctypes.CDLL(name).crypt_rn
    crypt_rn.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int]
    crypt_rn.restype = ctypes.c_char_p

    def crypt(password: bytes, setting: bytes) -> bytes | None:
        state = ctypes.create_string_buffer(_STATE_BYTES)
        made: bytes | None = crypt_rn(password, setting, state, _STATE_BYTES)
        ctypes.memset(state, 0, _STATE_BYTES)
        return made

    return crypt
