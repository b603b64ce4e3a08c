"""Ids of sessions, made by the process: all rows of a login are known before they are written."""

import secrets
from datetime import datetime

_RANDOM_BITS = 21


class SessionIds:
    """Makes ids of 53 bits, which JavaScript reads exactly.

    They are seconds since 1970, then 21 bits that count on from a random number in each second: in
    one process each is larger than the one before. Two processes may rarely make the same id: the
    insert that comes second finds it taken, and is tried with another.
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
