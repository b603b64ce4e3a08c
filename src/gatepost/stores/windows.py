"""Sliding windows, which count requests by two numbers for each client.

Times and durations are whole milliseconds, to avoid rounding. `store.lua` implements the same in
Redis; contract tests compare the two.
"""

from datetime import timedelta
from typing import NamedTuple

from gatepost.stores.entries import Entry, Transition, milliseconds


class Window(NamedTuple):
    """Whether an amount fitted into a sliding window, and the amount used now.

    `resets_in_ms` is the time until the same amount fits, if it does not now; else the time until
    the next window begins.
    """

    allowed: bool
    used: int
    resets_in_ms: int


class WindowState(NamedTuple):
    """A window: its start, its count, and the count of the window before."""

    start: int
    current: int
    previous: int


def count_in_window(limit: int, length: timedelta, amount: int) -> Transition[Window]:
    """Count an amount if it fits under `limit`, and count nothing if it does not."""
    window_ms = milliseconds(length)

    def transition(entry: Entry | None, now: int) -> tuple[Entry, Window]:
        before = None if entry is None else WindowState(*map(int, entry.value.split()))
        after, window = count(before, now, limit, window_ms, amount)
        return Entry(b"%d %d %d" % after, after.start + 2 * window_ms), window

    return transition


def count(
    before: WindowState | None, now: int, limit: int, window_ms: int, amount: int
) -> tuple[WindowState, Window]:
    """Count an amount in a window of `window_ms` milliseconds, if it fits.

    A window begins with its first request. The count of the window before is weighted by the share
    of it that a window ending now overlaps.
    """
    start, current, previous = _rolled_over(before, now, window_ms)
    # Counted from 1, so that the weight of a full window decreases at once when the next begins.
    elapsed = now - start + 1
    used = current
    if previous and elapsed < window_ms:
        used += previous * (window_ms - elapsed) // window_ms
    allowed = used + amount <= limit
    if allowed:
        current, used = current + amount, used + amount
    after = WindowState(start, current, previous)
    if allowed and used < limit:
        return after, Window(allowed, used, window_ms - elapsed + 1)
    room = limit - (1 if allowed else amount)
    return after, Window(allowed, used, _wait(room, current, previous, elapsed, window_ms))


def _rolled_over(before: WindowState | None, now: int, window_ms: int) -> tuple[int, int, int]:
    """The window of `now`: its start, its count, and the count of the window before."""
    if before is None:
        return now, 0, 0
    start, current, previous = before
    passed = now - start
    if passed < 0:
        return now, current, previous  # the clock was set back
    if passed < window_ms:
        return start, current, previous
    if passed < 2 * window_ms:
        return start + window_ms, 0, current
    return now, 0, 0


def _wait(room: int, current: int, previous: int, elapsed: int, window_ms: int) -> int:
    """The time until at most `room` is used, if nothing else is counted."""
    if room < 0:
        return window_ms  # it will never fit
    if current <= room:
        return _age(room - current, previous, window_ms) - elapsed
    return window_ms - elapsed + max(_age(room, current, window_ms), 1)


def _age(room: int, count: int, window_ms: int) -> int:
    """The time into the next window at which a window with this count weighs at most `room`."""
    return window_ms * (count - room - 1) // count + 1 if count > room else 1
