"""How long each part takes: all of it a quarter of an hour, a look three minutes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """Rounds, and seconds for each of them. `former` is another checkout to compare with."""

    mode: str
    subjects: tuple[str, ...]
    rounds: int
    seconds: int
    long_rounds: int
    login_seconds: int
    flood_seconds: int
    probe_seconds: int
    scale_seconds: int
    starts: int
    imported_users: int
    many_users: int
    revocations: int
    former: Path | None = None

    @property
    def servers(self) -> int:
        """How many servers every question is put to."""
        return len(self.subjects) + (self.former is not None)


ALL = (
    "Gatepost",
    "bare FastAPI route",
    "fastapi-users",
    "full-stack-fastapi-template's way",
    "Django REST + simplejwt",
    "better-auth",
)

FULL = Plan(
    mode="full",
    subjects=ALL,
    rounds=5,
    seconds=3,
    long_rounds=3,
    login_seconds=4,
    flood_seconds=6,
    probe_seconds=10,
    scale_seconds=2,
    starts=4,
    imported_users=300_000,
    many_users=1_000_000,
    revocations=50,
)

QUICK = Plan(
    mode="quick",
    subjects=ALL[:3],
    rounds=2,
    seconds=2,
    long_rounds=1,
    login_seconds=3,
    flood_seconds=4,
    probe_seconds=4,
    scale_seconds=1,
    starts=2,
    imported_users=20_000,
    many_users=20_000,
    revocations=10,
)

CHECK = Plan(
    mode="check",
    subjects=ALL[:2],
    rounds=5,
    seconds=2,
    long_rounds=3,
    login_seconds=2,
    flood_seconds=3,
    probe_seconds=10,
    scale_seconds=1,
    starts=3,
    imported_users=100_000,
    many_users=100_000,
    revocations=20,
)
