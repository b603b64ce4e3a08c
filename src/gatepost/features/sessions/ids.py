"""Ids of sessions, made by the process: all rows of a login are known before they are written."""

import secrets
from datetime import datetime

_RANDOM_BITS = 21


class SessionIds:
    """Makes ids of 53 bits, which JavaScript reads exactly: seconds since 1970, then random bits.

    In one process each is larger than the one before. Two processes may rarely make the same id:
    the insert that comes second finds it taken, and is tried with another.
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self, now: datetime) -> int:
        random = secrets.randbits(_RANDOM_BITS)
        self._last = max(self._last + 1, int(now.timestamp()) << _RANDOM_BITS | random)
        return self._last
