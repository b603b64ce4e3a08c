"""Ids of sessions, made by the process, so that all rows of a login can be inserted at once."""

import secrets
from datetime import datetime

_RANDOM_BITS = 21


class SessionIds:
    """Makes ids of 53 bits, which JavaScript reads exactly.

    They are the seconds since 1970, followed by a counter of 21 bits that starts at a random number
    each second. In one process they increase. Two processes may rarely make the same id: the second
    insert then fails, and is tried with another id.
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self, now: datetime) -> int:
        second = int(now.timestamp())
        if second > self._last >> _RANDOM_BITS:
            self._last = second << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        else:
            self._last += 1
        return self._last
