"""A clock that tests set: time passes when they say so."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=UTC)


class SetClock:
    """Starts at noon and stands still."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        """Let some time pass."""
        self.at += by
