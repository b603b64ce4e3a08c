"""The rules of the lockout: when an attempt to verify a password may begin, and when it locks.

One entry per account holds its failures, in total and by client, and its running attempts.
"""

import json
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from gatepost.stores.entries import Entry, Transition, duration, milliseconds

_MOST_CLIENTS = 256
"""The number of clients whose failures are kept for one account; the oldest are dropped."""


class AttemptRules(NamedTuple):
    """The number of failures that locks an account for one client, and for all clients.

    A failure counts, and a lock holds, for `lifetime`. The reservation of an attempt whose process
    died expires after `patience`.
    """

    per_client: int
    per_account: int
    lifetime: timedelta
    patience: timedelta


class Attempt(NamedTuple):
    """Whether an attempt may begin.

    `begun`: verify the password, then call `end_attempt`. `full`: as many attempts are running as
    failures are left; try again soon. `locked`: try again after `opens_in`.
    """

    state: Literal["begun", "full", "locked"]
    opens_in: timedelta = timedelta()


Outcome = Literal["failed", "succeeded", "given_up"]


def begin_attempt(client: str, rules: AttemptRules) -> Transition[Attempt]:
    """Reserve one of the failures that are left, unless the account is locked."""

    def transition(entry: Entry | None, now: int) -> tuple[Entry | None, Attempt]:
        record = _read(entry, now, rules)
        of_client, of_account = record["clients"].get(client, [0, now]), record["account"]
        opens_at = max(
            of_client[1] if of_client[0] >= rules.per_client else 0,
            of_account[1] if of_account[0] >= rules.per_account else 0,
        )
        if opens_at:
            # Stored as corrected by `_read`: else a clock that was set back would extend the lock
            # at each attempt.
            return _entry(record, now), Attempt("locked", duration(opens_at - now))
        busy = record["busy"]
        if (
            of_client[0] + busy.get(client, 0) >= rules.per_client
            or of_account[0] + sum(busy.values()) >= rules.per_account
        ):
            return entry, Attempt("full")
        busy[client] = busy.get(client, 0) + 1
        record["busy_until"] = now + milliseconds(rules.patience)
        return _entry(record, now), Attempt("begun")

    return transition


def end_attempt(
    client: str, rules: AttemptRules, outcome: Outcome, *, begun: bool = True
) -> Transition[bool]:
    """Release the reservation, if it was `begun` in this store; answers whether it locked.

    A failure counts for its client and for the account. A success clears the failures of its client
    and of the account; other clients stay locked.
    """

    def transition(entry: Entry | None, now: int) -> tuple[Entry | None, bool]:
        record = _read(entry, now, rules)
        if begun:
            _release(record["busy"], client)
        locked = False
        if outcome == "failed":
            locked = _count_failure(record, client, rules, now)
        elif outcome == "succeeded":
            record["account"] = [0, 0]
            record["clients"].pop(client, None)
        return _entry(record, now), locked

    return transition


def _read(entry: Entry | None, now: int, rules: AttemptRules) -> dict[str, Any]:
    """The record: failures in total and by client, each with their expiry; running attempts."""
    if entry is None:
        return {"account": [0, 0], "clients": {}, "busy": {}, "busy_until": 0}
    record: dict[str, Any] = json.loads(entry.value)
    # A clock that was set back must not extend a lock.
    latest = now + milliseconds(rules.lifetime)
    failures = record["account"]
    record["account"] = [failures[0], min(failures[1], latest)] if failures[1] > now else [0, 0]
    record["clients"] = {
        name: [count, min(until, latest)]
        for name, (count, until) in record["clients"].items()
        if until > now
    }
    # The clocks of processes differ slightly: only a much later time means a clock was set back.
    if not now < record["busy_until"] <= now + 2 * milliseconds(rules.patience):
        record["busy"] = {}
    return record


def _entry(record: dict[str, Any], now: int) -> Entry | None:
    """The record as an entry, which expires when all of its parts have."""
    ends = [record["account"][1], *(until for _, until in record["clients"].values())]
    if record["busy"]:
        ends.append(record["busy_until"])
    if max(ends) <= now:
        return None
    return Entry(json.dumps(record, separators=(",", ":")).encode(), max(ends))


def _release(busy: dict[str, int], client: str) -> None:
    left = busy.pop(client, 0) - 1
    if left > 0:
        busy[client] = left


def _count_failure(record: dict[str, Any], client: str, rules: AttemptRules, now: int) -> bool:
    until = now + milliseconds(rules.lifetime)
    clients: dict[str, list[int]] = record["clients"]
    of_account: int = record["account"][0] + 1
    of_client = clients.pop(client, [0, 0])[0] + 1
    clients[client] = [of_client, until]
    record["account"] = [of_account, until]
    if len(clients) > _MOST_CLIENTS:
        clients.pop(min(clients, key=lambda name: clients[name][1]))
    return of_client == rules.per_client or of_account == rules.per_account
