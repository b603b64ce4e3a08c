"""Limits failed password attempts per account and per client, so that none can be guessed."""

import asyncio
import hmac
import math
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from gatepost.errors import Problem
from gatepost.security.hash_pool import ServerBusy
from gatepost.stores.addresses import client_network
from gatepost.stores.attempts import Attempt, AttemptRules, Outcome, begin_attempt, end_attempt
from gatepost.stores.base import Store, StoreUnavailable
from gatepost.stores.entries import delete, put, take

PATIENCE = timedelta(seconds=30)
"""The time after which the running attempts of a process that died are released."""

LONGEST_WAIT_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.1
"""The interval of retries while attempts in other processes may end."""


class LoginLocked(Problem):
    """The account is locked. The answer is the same for the right password and for no account."""

    status = 429
    code = "login_locked"
    title = "Too many wrong passwords: wait before the next try"
    when = (
        "Too many wrong passwords for this account, from this client or from anywhere; the "
        "account need not exist, and the password may be right."
    )
    remedy = (
        "Wait as long as `Retry-After` says; an admin or `gatepost users unlock` ends it sooner."
    )

    def __init__(self, opens_in: timedelta) -> None:
        seconds = max(math.ceil(opens_in.total_seconds()), 1)
        minutes = math.ceil(seconds / 60)
        super().__init__(
            f"Try again in {minutes} minute{'' if minutes == 1 else 's'}.",
            headers={"Retry-After": str(seconds)},
        )


@dataclass(slots=True)
class LoginAttempt:
    """A running attempt. The caller sets `succeeded`; while that is None, it does not count."""

    succeeded: bool | None = None
    locked: bool = False
    """Set at the end: whether this failure locked the account."""


class Lockout:
    """Allows as many concurrent attempts as failures are left, so that races gain nothing.

    Failures are also kept in this process, and count while Redis is down.
    """

    def __init__(
        self,
        store: Store,
        local_store: Store,
        rules: AttemptRules,
        key: bytes,
        unlock_notices: Store | None = None,
    ) -> None:
        """`store` is the service's; `local_store` is in this process, and may be the same object.

        If no store is shared, other processes write their unlocks to `unlock_notices`.
        """
        self._store = store
        self._local_store = local_store
        self._unlock_notices = unlock_notices
        self._rules = rules
        self._key = key
        self._ended = asyncio.Event()
        self.refused = 0
        self.unshared: Counter[str] = Counter()

    @asynccontextmanager
    async def attempt(self, account: str, address: str | None) -> AsyncIterator[LoginAttempt]:
        """Reserve a failure while a password is verified; raises `LoginLocked` or `ServerBusy`.

        Raises `StoreUnavailable` if the store is the database, and it does not answer.

        `account` is a unique name of the account, or of a login name that has no account. The
        caller must not hold a transaction. An attempt that ends by an exception does not count.
        """
        key, client = self._key_of(account), self._digest(client_network(address))[:16]
        store = await self._begin(key, client)
        attempt = LoginAttempt()
        outcome: Outcome = "given_up"
        try:
            yield attempt
            if attempt.succeeded is not None:
                outcome = "succeeded" if attempt.succeeded else "failed"
        finally:
            attempt.locked = await self._end(key, client, store, outcome)

    async def unlock(self, account: str) -> None:
        """Clear the failures of an account; raises `StoreUnavailable`."""
        key = self._key_of(account)
        await self._local_store.update(key, delete)
        if self._store is not self._local_store:
            await self._store.update(key, delete)

    async def unlock_elsewhere(self, account: str) -> None:
        """As `unlock`, from a process that does not serve requests; raises `StoreUnavailable`."""
        await self.unlock(account)
        if self._unlock_notices is not None:
            key = self._key_of(account)
            # A serving process may have chosen this store for its failures.
            await self._unlock_notices.update(key, delete)
            await self._unlock_notices.update(_notice(key), put(b"", self._rules.lifetime))

    async def purge(self) -> int:
        """Delete expired entries of the stores that only the lockout uses; return how many."""
        purged = await self._local_store.purge() if self._local_store is not self._store else 0
        return purged + (
            await self._unlock_notices.purge() if self._unlock_notices is not None else 0
        )

    async def close(self) -> None:
        """Close the store that only the lockout uses; the caller closes the shared one."""
        if self._unlock_notices is not None:
            await self._unlock_notices.close()

    async def _begin(self, key: str, client: str) -> Store:
        """Wait until an attempt may begin; returns the store that holds the reservation."""
        give_up_at = time.monotonic() + LONGEST_WAIT_SECONDS
        while True:
            ended = self._ended
            store, attempt = await self._try_to_begin(key, client)
            if attempt.state == "begun":
                return store
            if attempt.state == "locked":
                if await self._was_unlocked(key):
                    continue
                self.refused += 1
                raise LoginLocked(attempt.opens_in)
            if time.monotonic() >= give_up_at:
                raise ServerBusy(headers={"Retry-After": "1"})
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _LOOK_AGAIN_SECONDS)

    async def _try_to_begin(self, key: str, client: str) -> tuple[Store, Attempt]:
        begin = begin_attempt(client, self._rules)
        try:
            return self._store, await self._store.update(key, begin)
        except StoreUnavailable:
            if self._store.kind == "database":
                raise  # a login needs the database anyway
            self.unshared["begin"] += 1
            return self._local_store, await self._local_store.update(key, begin)

    async def _end(self, key: str, client: str, begun_in: Store, outcome: Outcome) -> bool:
        locked = False
        for store in dict.fromkeys((self._store, self._local_store)):
            end = end_attempt(client, self._rules, outcome, begun=store is begun_in)
            try:
                locked |= await store.update(key, end)
            except StoreUnavailable:
                self.unshared["end"] += 1
        # Wakes every waiting attempt; later ones wait for the next end.
        self._ended.set()
        self._ended = asyncio.Event()
        return locked

    async def _was_unlocked(self, key: str) -> bool:
        """Whether another process unlocked the account; takes its notice."""
        if self._unlock_notices is None:
            return False
        with suppress(StoreUnavailable):
            if await self._unlock_notices.update(_notice(key), take) is not None:
                await self._local_store.update(key, delete)
                return True
        return False

    def _key_of(self, account: str) -> str:
        return f"lockout:{self._digest(account)}"

    def _digest(self, text: str) -> str:
        """A keyed digest, so that the store reveals neither accounts nor addresses."""
        return hmac.digest(self._key, text.encode(errors="surrogatepass"), "sha256").hex()


def _notice(key: str) -> str:
    """The key of the notice that another process unlocked the account under `key`."""
    return f"unlocked:{key}"
