"""Settings of sessions: their lifetimes, their number, and their cache."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from gatepost.settings.base import SettingInfo, refuse
from gatepost.settings.tokens import TokenSettings

_MINUTES_OF_A_DAY = 24 * 60


def _refresh_token_minutes(data: dict[str, Any]) -> int:
    return int(data["refresh_token_expire_days"]) * _MINUTES_OF_A_DAY


class SessionSettings(TokenSettings):
    """Sessions."""

    session_idle_minutes: Annotated[
        int,
        SettingInfo(
            takes="more than ACCESS_TOKEN_EXPIRE_MINUTES, at most 525600",
            default="as long as a refresh token",
        ),
    ] = Field(
        default_factory=_refresh_token_minutes,
        ge=1,
        le=365 * _MINUTES_OF_A_DAY,
        description="The idle timeout: a session ends if it is not used for so long.",
    )
    session_absolute_days: int = Field(
        default=30, ge=1, le=365, description="The longest lifetime of a session after login."
    )
    sessions_per_user: int = Field(
        default=100,
        ge=1,
        le=100_000,
        description="The most sessions of a user; a further login ends the oldest.",
    )
    session_cache_seconds: int = Field(
        default=5,
        ge=0,
        le=60,
        description="How long a process may use a cached session, if it receives announcements of "
        "changes by Redis or is the only process; 0 reads the database on every request.",
    )
    session_cache_size: int = Field(
        default=20_000,
        ge=1,
        le=10_000_000,
        description="The most sessions in the cache of a process, 2.5 KB each; the oldest are "
        "dropped first.",
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
        """The idle timeout."""
        return timedelta(minutes=self.session_idle_minutes)

    @property
    def session_absolute_lifetime(self) -> timedelta:
        """The longest lifetime."""
        return timedelta(days=self.session_absolute_days)
