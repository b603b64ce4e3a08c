"""What each primitive does to the entry of its key: the memory's and the database's one truth.

A step takes the entry that is there, None if none is or it has expired, and the time; it returns
the entry to keep and the answer. Times and durations are whole milliseconds, so that nothing is
lost to rounding. `entries.lua` says the same to Redis; the contract tests hold both to it.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from gatepost.stores.base import Attempt, AttemptRules, Count, Outcome, Window

T = TypeVar("T")

_MOST_PLACES = 256
"""How many places one account's failures are kept of: then the oldest are forgotten."""


class Entry(NamedTuple):
    value: bytes
    expires_at: int


class Slide(NamedTuple):
    """A window: its start, its own count and that of the one before."""

    start: int
    current: int
    previous: int


Step = Callable[[Entry | None, int], tuple[Entry | None, T]]


def milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def duration(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)


def increment(lifetime: timedelta, amount: int) -> Step[Count]:
    def step(entry: Entry | None, now: int) -> tuple[Entry, Count]:
        value = (int(entry.value) if entry else 0) + amount
        return Entry(b"%d" % value, now + milliseconds(lifetime)), Count(value, lifetime)

    return step


def get(entry: Entry | None, _now: int) -> tuple[Entry | None, bytes | None]:
    return entry, entry.value if entry else None


def put(value: bytes, lifetime: timedelta) -> Step[None]:
    def step(_entry: Entry | None, now: int) -> tuple[Entry, None]:
        return Entry(value, now + milliseconds(lifetime)), None

    return step


def put_new(value: bytes, lifetime: timedelta) -> Step[bool]:
    def step(entry: Entry | None, now: int) -> tuple[Entry, bool]:
        if entry is not None:
            return entry, False
        return Entry(value, now + milliseconds(lifetime)), True

    return step


def take(entry: Entry | None, _now: int) -> tuple[None, bytes | None]:
    return None, entry.value if entry else None


def delete(_entry: Entry | None, _now: int) -> tuple[None, None]:
    return None, None


def count_in_window(limit: int, length: timedelta, amount: int) -> Step[Window]:
    whole = milliseconds(length)

    def step(entry: Entry | None, now: int) -> tuple[Entry, Window]:
        before = None if entry is None else Slide(*map(int, entry.value.split()))
        after, window = slide(before, now, limit, whole, amount)
        return Entry(b"%d %d %d" % after, after.start + 2 * whole), window

    return step


def slide(
    before: Slide | None, now: int, limit: int, whole: int, amount: int
) -> tuple[Slide, Window]:
    """Count an amount in a window of `whole` milliseconds, if it fits.

    A window begins with its first request; what the one before held counts for the share of it
    that a window ending now still covers.
    """
    start, current, previous = _turned(before, now, whole)
    # The first millisecond has begun: a full window is past its peak as soon as it has turned.
    elapsed = now - start + 1
    used = current
    if previous and elapsed < whole:
        used += previous * (whole - elapsed) // whole
    allowed = used + amount <= limit
    if allowed:
        current, used = current + amount, used + amount
    after = Slide(start, current, previous)
    if allowed and used < limit:
        return after, Window(allowed, used, whole - elapsed + 1)
    room = limit - (1 if allowed else amount)
    return after, Window(allowed, used, _wait(room, current, previous, elapsed, whole))


def _turned(before: Slide | None, now: int, whole: int) -> tuple[int, int, int]:
    """The window that `now` falls into: its start, its own count and that of the one before."""
    if before is None:
        return now, 0, 0
    start, current, previous = before
    passed = now - start
    if passed < 0:
        return now, current, previous  # the clock was set back
    if passed < whole:
        return start, current, previous
    if passed < 2 * whole:
        return start + whole, 0, current
    return now, 0, 0


def _wait(room: int, current: int, previous: int, elapsed: int, whole: int) -> int:
    """How long until no more than `room` is used, if nothing else is counted meanwhile."""
    if room < 0:
        return whole  # it will never fit
    if current <= room:
        return _age(room - current, previous, whole) - elapsed
    return whole - elapsed + max(_age(room, current, whole), 1)


def _age(room: int, count: int, whole: int) -> int:
    """How far into its successor a window with this count weighs no more than `room`."""
    return whole * (count - room - 1) // count + 1 if count > room else 1


def begin_attempt(place: str, rules: AttemptRules) -> Step[Attempt]:
    def step(entry: Entry | None, now: int) -> tuple[Entry | None, Attempt]:
        record = _record(entry, now, rules)
        here, everywhere = record["places"].get(place, [0, now]), record["in_all"]
        opens_at = max(
            here[1] if here[0] >= rules.per_place else 0,
            everywhere[1] if everywhere[0] >= rules.in_all else 0,
        )
        if opens_at:
            # Kept as it was read: a clock that was set back shall not put it off at every look.
            return _kept(record, now), Attempt("locked", duration(opens_at - now))
        busy = record["busy"]
        if (
            here[0] + busy.get(place, 0) >= rules.per_place
            or everywhere[0] + sum(busy.values()) >= rules.in_all
        ):
            return entry, Attempt("full")
        busy[place] = busy.get(place, 0) + 1
        record["busy_until"] = now + milliseconds(rules.patience)
        return _kept(record, now), Attempt("begun")

    return step


def end_attempt(place: str, rules: AttemptRules, outcome: Outcome, *, begun: bool) -> Step[bool]:
    def step(entry: Entry | None, now: int) -> tuple[Entry | None, bool]:
        record = _record(entry, now, rules)
        if begun:
            _release(record["busy"], place)
        locked = False
        if outcome == "failed":
            locked = _fail(record, place, rules, now)
        elif outcome == "succeeded":
            record["in_all"] = [0, 0]
            record["places"].pop(place, None)
        return _kept(record, now), locked

    return step


def _record(entry: Entry | None, now: int, rules: AttemptRules) -> dict[str, Any]:
    """What is known of an account: failures in all and by place, each until when; who is busy."""
    if entry is None:
        return {"in_all": [0, 0], "places": {}, "busy": {}, "busy_until": 0}
    record: dict[str, Any] = json.loads(entry.value)
    # Where the clock was set back, no lock may last longer for it.
    latest = now + milliseconds(rules.lifetime)
    failures = record["in_all"]
    record["in_all"] = [failures[0], min(failures[1], latest)] if failures[1] > now else [0, 0]
    record["places"] = {
        name: [count, min(until, latest)]
        for name, (count, until) in record["places"].items()
        if until > now
    }
    # Processes tell slightly different times: only much later than could be is a clock set back.
    if not now < record["busy_until"] <= now + 2 * milliseconds(rules.patience):
        record["busy"] = {}
    return record


def _release(busy: dict[str, int], place: str) -> None:
    left = busy.pop(place, 0) - 1
    if left > 0:
        busy[place] = left


def _fail(record: dict[str, Any], place: str, rules: AttemptRules, now: int) -> bool:
    until = now + milliseconds(rules.lifetime)
    places: dict[str, list[int]] = record["places"]
    everywhere: int = record["in_all"][0] + 1
    here = places.pop(place, [0, 0])[0] + 1
    places[place] = [here, until]
    record["in_all"] = [everywhere, until]
    if len(places) > _MOST_PLACES:
        places.pop(min(places, key=lambda name: places[name][1]))
    return here == rules.per_place or everywhere == rules.in_all


def _kept(record: dict[str, Any], now: int) -> Entry | None:
    """The entry to keep, as long as any of it matters."""
    ends = [record["in_all"][1], *(until for _, until in record["places"].values())]
    if record["busy"]:
        ends.append(record["busy_until"])
    if max(ends) <= now:
        return None
    return Entry(json.dumps(record, separators=(",", ":")).encode(), max(ends))
