"""Tokens whose signature was verified before: finding one again costs a digest."""

import hashlib
from collections import OrderedDict
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from gatepost.security.tokens import MAX_TOKEN_LENGTH, Validity

MOST_TOKENS = 10_000
"""The token verified longest ago makes room for another. Only those who can log in add any."""

T = TypeVar("T")


class _Verified(NamedTuple, Generic[T]):
    validity: Validity
    claims: T


class VerifiedTokens(Generic[T]):
    """The claims of verified tokens by the token's digest: no token is kept, and no bad one's.

    They hold for the keys, issuer and audience that the tokens were verified with: call `clear`
    when one of these changes. The times of a token are checked at every look.
    """

    def __init__(self, most: int = MOST_TOKENS) -> None:
        self._most = most
        self._verified: OrderedDict[bytes, _Verified[T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._verified)

    def find(self, token: str, now: datetime) -> T | None:
        """The claims of a token that was verified before, else None.

        Raises `InvalidToken` for one that has expired meanwhile, or is not valid yet by a clock
        that was set back.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        found = self._verified.get(_digest(token))
        if found is None:
            return None
        found.validity.check(now.timestamp())
        return found.claims

    def keep(self, token: str, validity: Validity, claims: T) -> None:
        """Keep what a token says that has just been verified."""
        self._verified[_digest(token)] = _Verified(validity, claims)
        if len(self._verified) > self._most:
            self._verified.popitem(last=False)

    def clear(self) -> None:
        """Forget every token."""
        self._verified.clear()


def _digest(token: str) -> bytes:
    """Two tokens of one digest would be a collision of SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
