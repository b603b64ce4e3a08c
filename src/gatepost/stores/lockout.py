"""How often who one is may be proved wrongly: few enough times that no password can be guessed."""

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
from gatepost.stores.addresses import place_of
from gatepost.stores.base import Attempt, AttemptRules, Outcome, Store, StoreUnavailable

PATIENCE = timedelta(seconds=30)
"""After so long the attempts of a process that died are given up."""

_LONGEST_WAIT_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.1
"""How soon to look for a place that an attempt in another process may have given back."""


class LoginLocked(Problem):
    """The same for the right password and for an account that there is not."""

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
class Try:
    """An attempt under way: whoever judges it sets `succeeded`; left at None it counts as none."""

    succeeded: bool | None = None
    locked: bool = False
    """Once it has ended: whether its failure was the one that locked."""


class Lockout:
    """Lets as many attempts begin at once as failures are left, so that no race gets more.

    Failures are kept in this process too: where Redis is down they are what counts.
    """

    def __init__(
        self,
        store: Store,
        own: Store,
        rules: AttemptRules,
        key: bytes,
        mailbox: Store | None = None,
    ) -> None:
        """Take the shared store and this process's `own`, which may be the same.

        `mailbox` is where another process leaves word of what it unlocked, if nothing is shared.
        """
        self._store = store
        self._own = own
        self._mailbox = mailbox
        self._rules = rules
        self._key = key
        self._ended = asyncio.Event()
        self.refused = 0
        self.unshared: Counter[str] = Counter()

    @asynccontextmanager
    async def attempt(self, account: str, address: str | None) -> AsyncIterator[Try]:
        """Hold a place while a password is verified; raises `LoginLocked` or `ServerBusy`.

        Raises `StoreUnavailable` where the store is the database, and that does not answer.

        `account` names whose it is, alike for one that there is not. The caller holds no
        transaction. An attempt that is left without a verdict, by an exception too, is none.
        """
        key, place = self._key_of(account), self._digest(place_of(address))[:16]
        store = await self._begin(key, place)
        judged = Try()
        outcome: Outcome = "given_up"
        try:
            yield judged
            if judged.succeeded is not None:
                outcome = "succeeded" if judged.succeeded else "failed"
        finally:
            judged.locked = await self._end(key, place, store, outcome)

    async def unlock(self, account: str) -> None:
        """Forget every failure of an account; raises `StoreUnavailable`."""
        key = self._key_of(account)
        await self._own.delete(key)
        if self._store is not self._own:
            await self._store.delete(key)

    async def unlock_elsewhere(self, account: str) -> None:
        """As `unlock`, from a process that serves nobody; raises `StoreUnavailable`."""
        await self.unlock(account)
        if self._mailbox is not None:
            key = self._key_of(account)
            # Who serves may keep the failures there, though this process would not.
            await self._mailbox.delete(key)
            await self._mailbox.put(_letter(key), b"", self._rules.lifetime)

    async def purge(self) -> int:
        """Delete what has expired of what only this policy holds; how much."""
        purged = await self._own.purge() if self._own is not self._store else 0
        return purged + (await self._mailbox.purge() if self._mailbox is not None else 0)

    async def close(self) -> None:
        """Let go of what only this policy holds; the shared store is the caller's."""
        if self._mailbox is not None:
            await self._mailbox.close()

    async def _begin(self, key: str, place: str) -> Store:
        """Wait for a place, and tell which store holds it."""
        give_up_at = time.monotonic() + _LONGEST_WAIT_SECONDS
        while True:
            ended = self._ended
            store, attempt = await self._ask(key, place)
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

    async def _ask(self, key: str, place: str) -> tuple[Store, Attempt]:
        try:
            return self._store, await self._store.begin_attempt(key, place, self._rules)
        except StoreUnavailable:
            if self._store.kind == "database":
                raise  # without it nobody logs in anyway
            self.unshared["begin"] += 1
            return self._own, await self._own.begin_attempt(key, place, self._rules)

    async def _end(self, key: str, place: str, begun_in: Store, outcome: Outcome) -> bool:
        locked = False
        for store in dict.fromkeys((self._store, self._own)):
            try:
                locked |= await store.end_attempt(
                    key, place, self._rules, outcome, begun=store is begun_in
                )
            except StoreUnavailable:
                self.unshared["end"] += 1
        # Everybody who waits looks again; whoever comes next waits for the next one to end.
        self._ended.set()
        self._ended = asyncio.Event()
        return locked

    async def _was_unlocked(self, key: str) -> bool:
        """Whether another process has left word; each is read once."""
        if self._mailbox is None:
            return False
        with suppress(StoreUnavailable):
            if await self._mailbox.take(_letter(key)) is not None:
                await self._own.delete(key)
                return True
        return False

    def _key_of(self, account: str) -> str:
        return f"lockout:{self._digest(account)}"

    def _digest(self, text: str) -> str:
        """Nobody who reads the store learns who tried to log in, or from where."""
        return hmac.digest(self._key, text.encode(errors="surrogatepass"), "sha256").hex()


def _letter(key: str) -> str:
    """Where another process leaves word that it unlocked what is kept under this key."""
    return f"unlocked:{key}"
