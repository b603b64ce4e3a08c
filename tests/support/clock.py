"""A clock that tests set: time passes when they say so."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=UTC)


class SetClock:
    """Starts at noon and stands still."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at
        self.seconds_passed = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds_passed

    def advance(self, by: timedelta) -> None:
        """Let some time pass."""
        self.at += by
        self.seconds_passed += max(by.total_seconds(), 0)

    def step(self, by: timedelta) -> None:
        """Set what the clock shows, while no time passes."""
        self.at += by
