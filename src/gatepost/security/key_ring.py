"""The access-token keys that this process has loaded: one that signs, all that verify."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gatepost.security.tokens import Key
from gatepost.security.verified_tokens import VerifiedTokens


@dataclass(slots=True)
class KeyRing:
    """The loaded keys; `features.signing_keys` replaces them from time to time."""

    signing: Key | None = None
    verifying: Mapping[str | None, Key] = field(default_factory=dict)
    read_at: datetime | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the keys are read from the database to verify a token with an unknown key, so
    that one task reads them for all."""
    verified: VerifiedTokens[Any] = field(default_factory=VerifiedTokens, repr=False)
    """The tokens verified with these keys; `features.sessions` defines the type of their claims."""

    def replace(self, signing: Key, verifying: Mapping[str | None, Key], read_at: datetime) -> None:
        self.signing, self.verifying, self.read_at = signing, verifying, read_at
        self.verified.clear()

    def is_younger(self, age: timedelta, now: datetime) -> bool:
        """Whether the keys were read within `age`; False if the clock was set back since."""
        read_at = self.read_at
        return read_at is not None and read_at <= now < read_at + age
