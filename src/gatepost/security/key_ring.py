"""The access-token keys this process knows: one that signs, and all that may still verify."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gatepost.security.tokens import Key
from gatepost.security.verified_tokens import VerifiedTokens


@dataclass(slots=True)
class KeyRing:
    """Filled, and from time to time replaced, by `features.signing_keys`."""

    signing: Key | None = None
    verifying: Mapping[str | None, Key] = field(default_factory=dict)
    read_at: datetime | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the ring is read to verify, so that of many who miss a key one reads."""
    verified: VerifiedTokens[Any] = field(default_factory=VerifiedTokens, repr=False)
    """The tokens that were verified by these keys, and by no others; `features.sessions` says with
    which claims."""

    def replace(self, signing: Key, verifying: Mapping[str | None, Key], read_at: datetime) -> None:
        self.signing, self.verifying, self.read_at = signing, verifying, read_at
        self.verified.clear()

    def is_younger(self, age: timedelta, now: datetime) -> bool:
        """Whether it was filled within this time; a clock that was set back makes it old."""
        read_at = self.read_at
        return read_at is not None and read_at <= now < read_at + age
