"""The state of idempotency in this process."""

import asyncio
from weakref import WeakValueDictionary

from gatepost.runtime import Runtime
from gatepost.security.encryption import Cipher
from gatepost.security.keys import Purpose

_ATTEMPTS = Purpose("gatepost idempotency")
_ANSWERS = Purpose("gatepost stored answers")


class IdempotencyState:
    """The keys for attempts and stored answers, and a lock for each attempt that is running."""

    def __init__(self, runtime: Runtime) -> None:
        self.key = runtime.keys.derive(_ATTEMPTS)
        self.cipher = Cipher(runtime.keys.derive(_ANSWERS))
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def lock_of(self, attempt: str) -> asyncio.Lock:
        """The lock of an attempt; it exists while a request uses it."""
        return self._locks.setdefault(attempt, asyncio.Lock())
