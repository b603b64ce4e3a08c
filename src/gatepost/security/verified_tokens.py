"""Caches the claims of verified tokens, so that verifying one again costs only a digest."""

import hashlib
from collections import OrderedDict
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from gatepost.security.tokens import MAX_TOKEN_LENGTH, Validity

MOST_TOKENS = 10_000
"""Beyond this number the oldest entry is dropped. Only valid tokens add entries."""

T = TypeVar("T")


class _Verified(NamedTuple, Generic[T]):
    validity: Validity
    claims: T


class VerifiedTokens(Generic[T]):
    """The claims of verified tokens by the token's digest; the tokens themselves are not kept.

    Entries depend on the keys, issuer and audience that the tokens were verified with: call
    `clear` when one of these changes. The times of a token are checked at each `find`.
    """

    def __init__(self, most: int = MOST_TOKENS) -> None:
        self._most = most
        self._verified: OrderedDict[bytes, _Verified[T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._verified)

    def find(self, token: str, now: datetime) -> T | None:
        """Return the claims of a token that was verified before, else None.

        Raises `InvalidToken` if it has expired since, or is not valid yet because the clock was
        set back.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        found = self._verified.get(_digest(token))
        if found is None:
            return None
        found.validity.check(now.timestamp())
        return found.claims

    def keep(self, token: str, validity: Validity, claims: T) -> None:
        """Add the claims of a token that has just been verified."""
        self._verified[_digest(token)] = _Verified(validity, claims)
        if len(self._verified) > self._most:
            self._verified.popitem(last=False)

    def clear(self) -> None:
        """Drop all entries."""
        self._verified.clear()


def _digest(token: str) -> bytes:
    """The SHA-256 of a token, by which it is found; collisions are not to be expected."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
