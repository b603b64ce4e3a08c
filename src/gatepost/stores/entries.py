"""What a store keeps for a key, and the plainest things to do with it."""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Entry(NamedTuple):
    """`expires_at` is in milliseconds of Unix time."""

    value: bytes
    expires_at: int


Transition = Callable[[Entry | None, int], tuple[Entry | None, T]]
"""Returns the entry to keep, None for none, and an answer.

It takes the entry that is there, None if none is or it has expired, and the time in milliseconds
of Unix time. It is a pure function: a store may run it again, on a newer entry.
"""


def milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def duration(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)


def read(entry: Entry | None, _now: int) -> tuple[Entry | None, bytes | None]:
    """Answer the value, and keep it."""
    return entry, entry.value if entry else None


def take(entry: Entry | None, _now: int) -> tuple[None, bytes | None]:
    """Answer the value, and delete it: of any number at once, one gets it."""
    return None, entry.value if entry else None


def delete(_entry: Entry | None, _now: int) -> tuple[None, None]:
    return None, None


def put(value: bytes, lifetime: timedelta) -> Transition[None]:
    """Keep this value for so long, whatever was there."""

    def transition(_entry: Entry | None, now: int) -> tuple[Entry, None]:
        return Entry(value, now + milliseconds(lifetime)), None

    return transition
