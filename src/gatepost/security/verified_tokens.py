"""Tokens whose signature was checked already: a second look costs a digest."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gatepost.security.tokens import MAX_TOKEN_LENGTH, check_times

MOST_TOKENS = 10_000
"""Past it the one goes that was verified longest ago. Only who can log in adds any."""


class VerifiedTokens:
    """What good tokens say, by their digest: no token is kept, and nothing of a bad one.

    It holds for the keys, issuer and audience that they were verified with: whoever changes one of
    these calls `clear`. Times are judged anew at every look.
    """

    def __init__(self, most: int = MOST_TOKENS) -> None:
        self._most = most
        self._claims: OrderedDict[bytes, Mapping[str, Any]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._claims)

    def find(self, token: str, now: datetime) -> Mapping[str, Any] | None:
        """The claims of a token that was verified before, else None.

        Raises `InvalidToken` for one that has expired meanwhile, or is not valid yet by a clock
        that was set back.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        claims = self._claims.get(_digest(token))
        if claims is not None:
            check_times(claims, now.timestamp())
        return claims

    def keep(self, token: str, claims: Mapping[str, Any]) -> None:
        """Remember what a token says that has just been verified."""
        self._claims[_digest(token)] = claims
        if len(self._claims) > self._most:
            self._claims.popitem(last=False)

    def clear(self) -> None:
        self._claims.clear()


def _digest(token: str) -> bytes:
    """Two tokens of one digest would be a collision of SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
