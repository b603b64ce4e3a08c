"""Settings of limits: how many requests a client may make, and how many wrong passwords."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, field_validator

from gatepost.settings.base import Described, SettingsGroup, refuse

_QUOTA = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,4})")
_LONGEST_WINDOW = 86_400
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Quota:
    """So many in any window of this length."""

    amount: int
    window: timedelta


def _derived(percent: int, window: int | None = None) -> Any:  # noqa: ANN401 - what pydantic takes
    """A default that goes up and down with the general limit."""

    def derive(data: dict[str, Any]) -> str:
        amount = max(int(data["rate_limit_requests"]) * percent // 100, 1)
        return f"{amount}/{window or int(data['rate_limit_window'])}"

    return derive


def _described(default: str) -> Described:
    return Described(takes="a number and a window in seconds, such as 30/60", default=default)


class LimitSettings(SettingsGroup):
    """Limits for each client."""

    rate_limit_requests: int = Field(
        default=100,
        ge=1,
        le=100_000_000,
        description="How many requests a client may make in a window. A client is an IPv4 address "
        "or an IPv6 /64.",
    )
    rate_limit_window: int = Field(
        default=60, ge=1, le=_LONGEST_WINDOW, description="The length of that window in seconds."
    )
    rate_limit_login: Annotated[
        str, _described("30 % of `RATE_LIMIT_REQUESTS`, each `RATE_LIMIT_WINDOW`")
    ] = Field(
        default_factory=_derived(30),
        description="How many logins a client may try, whoever they are for.",
    )
    rate_limit_refresh: Annotated[
        str, _described("60 % of `RATE_LIMIT_REQUESTS`, each `RATE_LIMIT_WINDOW`")
    ] = Field(
        default_factory=_derived(60), description="How often a client may refresh its tokens."
    )
    rate_limit_registration: Annotated[str, _described("`RATE_LIMIT_REQUESTS` an hour")] = Field(
        default_factory=_derived(100, _HOUR),
        description="How many accounts a client may make; each row of a bulk registration is one.",
    )
    rate_limit_recovery: Annotated[str, _described("10 % of `RATE_LIMIT_REQUESTS` an hour")] = (
        Field(
            default_factory=_derived(10, _HOUR),
            description="How often a client may ask for mail that lets somebody in.",
        )
    )
    lockout_failures_per_address: int = Field(
        default=5,
        ge=1,
        le=100,
        description="After so many wrong passwords for an account from one client, that client "
        "may not log in to it for a while.",
    )
    lockout_failures_per_account: int = Field(
        default=20,
        ge=1,
        le=100,
        description="After so many from anywhere, nobody may log in to it by password for a while.",
    )
    lockout_minutes: int = Field(
        default=15,
        ge=1,
        le=1440,
        description="How long such a lock holds, and how long a wrong password is remembered.",
    )

    @field_validator(
        "rate_limit_login", "rate_limit_refresh", "rate_limit_registration", "rate_limit_recovery"
    )
    @classmethod
    def _a_limit_is_a_number_and_a_window(cls, value: str) -> str:
        parts = _QUOTA.fullmatch(value)
        if parts is None or int(parts[2]) > _LONGEST_WINDOW:
            refuse(
                "is not a limit",
                "Write a number, a slash and the seconds of the window, at most 86400: 30/60.",
            )
        return value

    @property
    def quotas(self) -> dict[str, Quota]:
        """Every limit by its name; `default` is that of all requests."""
        return {
            "default": Quota(self.rate_limit_requests, timedelta(seconds=self.rate_limit_window)),
            "login": _read_quota(self.rate_limit_login),
            "refresh": _read_quota(self.rate_limit_refresh),
            "registration": _read_quota(self.rate_limit_registration),
            "recovery": _read_quota(self.rate_limit_recovery),
        }

    @property
    def lockout_lifetime(self) -> timedelta:
        """How long a lock holds."""
        return timedelta(minutes=self.lockout_minutes)


def _read_quota(text: str) -> Quota:
    amount, _, window = text.partition("/")
    return Quota(int(amount), timedelta(seconds=int(window)))
