"""The entry that a store keeps for a key, and the basic transitions of one."""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Entry(NamedTuple):
    """A value, and its expiry in milliseconds of Unix time."""

    value: bytes
    expires_at: int


Transition = Callable[[Entry | None, int], tuple[Entry | None, T]]
"""A function from an entry to the entry to keep and an answer.

It takes the current entry, None if there is none or it has expired, and the time in milliseconds of
Unix time; it returns None instead of an entry to delete it. It must be pure: a store may run it
again, on a newer entry.
"""


def milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def duration(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)


def read(entry: Entry | None, _now: int) -> tuple[Entry | None, bytes | None]:
    """Answer the value, and keep the entry."""
    return entry, entry.value if entry else None


def take(entry: Entry | None, _now: int) -> tuple[None, bytes | None]:
    """Answer the value, and delete the entry: of concurrent callers, one gets it."""
    return None, entry.value if entry else None


def delete(_entry: Entry | None, _now: int) -> tuple[None, None]:
    return None, None


def put(value: bytes, lifetime: timedelta) -> Transition[None]:
    """Replace the entry by this value, which expires after `lifetime`."""

    def transition(_entry: Entry | None, now: int) -> tuple[Entry, None]:
        return Entry(value, now + milliseconds(lifetime)), None

    return transition
