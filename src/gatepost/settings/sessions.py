"""Settings of sessions: when they end by themselves, and how soon an ended one is noticed."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from gatepost.settings.base import Described, refuse
from gatepost.settings.tokens import TokenSettings

_MINUTES_OF_A_DAY = 24 * 60


def _refresh_token_minutes(data: dict[str, Any]) -> int:
    return int(data["refresh_token_expire_days"]) * _MINUTES_OF_A_DAY


class SessionSettings(TokenSettings):
    """Sessions."""

    session_idle_minutes: Annotated[
        int,
        Described(
            takes="more than ACCESS_TOKEN_EXPIRE_MINUTES, at most 525600",
            default="as long as a refresh token",
        ),
    ] = Field(
        default_factory=_refresh_token_minutes,
        ge=1,
        le=365 * _MINUTES_OF_A_DAY,
        description="A session that is not used for so long ends.",
    )
    session_absolute_days: int = Field(
        default=30, ge=1, le=365, description="A session ends so long after login, used or not."
    )
    sessions_per_user: int = Field(
        default=100,
        ge=1,
        le=100_000,
        description="How many sessions a user has at most; a login more ends the oldest.",
    )
    session_cache_seconds: int = Field(
        default=5,
        ge=0,
        le=60,
        description="The longest that a process goes by what it last read of a session, where it "
        "hears of changes or serves alone; 0 reads the database every time.",
    )
    session_cache_size: int = Field(
        default=20_000,
        ge=1,
        le=10_000_000,
        description="How many sessions a process remembers at most, each 2.5 KB; the oldest make "
        "room.",
    )

    @field_validator("session_idle_minutes")
    @classmethod
    def _idle_outlasts_an_access_token(cls, value: int, info: ValidationInfo) -> int:
        if value <= info.data.get("access_token_expire_minutes", 0):
            refuse(
                "is not more than ACCESS_TOKEN_EXPIRE_MINUTES",
                "Raise it: otherwise users in the middle of their work are logged out.",
            )
        return value

    @property
    def session_idle_lifetime(self) -> timedelta:
        """How long a session lasts that is not used."""
        return timedelta(minutes=self.session_idle_minutes)

    @property
    def session_absolute_lifetime(self) -> timedelta:
        """How long a session lasts at most."""
        return timedelta(days=self.session_absolute_days)
