"""The authentication schemes of tokens in `Authorization` and its challenge (RFC 9110, 11)."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

BEARER: Final = ("Bearer",)

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9._~+-]{0,31}")
_OF_OTHER_CREDENTIALS: Final = frozenset(
    {"basic", "digest", "dpop", "hoba", "mutual", "negotiate", "ntlm", "vapid"}
)


def read_schemes(schemes: Iterable[str]) -> tuple[str, ...]:
    """Return the schemes as written, without those that differ only in case.

    Raises `ValueError` for no scheme, for invalid ones, and for schemes of other credentials: Basic
    carries a password, and DPoP a token with a proof that would not be checked.
    """
    read: dict[str, str] = {}
    for place, scheme in enumerate(schemes, start=1):
        if not _SCHEME.fullmatch(scheme):
            raise ValueError(f"has an entry that is not a scheme (number {place})")
        if scheme.lower() in _OF_OTHER_CREDENTIALS:
            raise ValueError(f"has an entry that is a scheme of other credentials (number {place})")
        read.setdefault(scheme.lower(), scheme)
    if not read:
        raise ValueError("names no scheme")
    return tuple(read.values())


def is_taken(scheme: str, schemes: tuple[str, ...]) -> bool:
    """Whether tokens with this scheme are accepted; case does not matter."""
    return scheme.lower() in _lowered(schemes)


@lru_cache(maxsize=32)
def _lowered(schemes: tuple[str, ...]) -> frozenset[str]:
    return frozenset(scheme.lower() for scheme in schemes)


def challenge(schemes: tuple[str, ...], error: str | None = None) -> str:
    """The value of `WWW-Authenticate` (RFC 6750, section 3): each scheme, with the error."""
    parameters = f' error="{error}"' if error else ""
    return ", ".join(scheme + parameters for scheme in schemes)
