"""Settings of rate limits and lockout, and the function with which features declare limits."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic.fields import FieldInfo

from gatepost.settings.base import SettingInfo, SettingsGroup, refuse

_QUOTA = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,4})")
_LONGEST_WINDOW = 86_400
HOUR = 3600
_WINDOWS = {None: ", each `RATE_LIMIT_WINDOW`", HOUR: " an hour"}
_PREFIX = "rate_limit_"
_MARK = "a limit"


@dataclass(frozen=True, slots=True)
class Quota:
    """An amount in any window of this length."""

    amount: int
    window: timedelta


def _check_limit(value: str) -> str:
    parts = _QUOTA.fullmatch(value)
    if parts is None or int(parts[2]) > _LONGEST_WINDOW:
        refuse(
            "is not a limit",
            "Write a number, a slash and the seconds of the window, at most 86400: 30/60.",
        )
    return value


Limit = Annotated[str, AfterValidator(_check_limit), _MARK]
"""The type of a limit's field; its name is `rate_limit_` and the limit's own."""


def limit(percent: int, *, window: int | None = None, description: str) -> Any:  # noqa: ANN401 - as pydantic's Field
    """Declare a feature's rate limit: `rate_limit_login: Limit = limit(percent=30, ...)`.

    Its default is this percentage of the general limit, in the same window unless `window` gives
    another, in seconds.
    """

    def derive(data: dict[str, Any]) -> str:
        amount = max(int(data["rate_limit_requests"]) * percent // 100, 1)
        return f"{amount}/{window or int(data['rate_limit_window'])}"

    amount = "`RATE_LIMIT_REQUESTS`" if percent == 100 else f"{percent} % of `RATE_LIMIT_REQUESTS`"
    field: Any = Field(default_factory=derive, description=description)
    field.metadata.append(
        SettingInfo(
            takes="a number and a window in seconds, such as 30/60",
            default=f"{amount}{_WINDOWS.get(window, f' in {window} seconds')}",
        )
    )
    return field


def _is_limit(field: FieldInfo) -> bool:
    return _MARK in field.metadata


class LimitSettings(SettingsGroup):
    """Limits for each client."""

    rate_limit_requests: int = Field(
        default=100,
        ge=1,
        le=100_000_000,
        description="Requests that a client may send in a window. A client is an IPv4 address or "
        "an IPv6 /64.",
    )
    rate_limit_window: int = Field(
        default=60, ge=1, le=_LONGEST_WINDOW, description="The length of the window in seconds."
    )
    lockout_failures_per_address: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Wrong passwords for one account from one client, after which that client is "
        "locked out of the account for `LOCKOUT_MINUTES`.",
    )
    lockout_failures_per_account: int = Field(
        default=20,
        ge=1,
        le=100,
        description="Wrong passwords for one account from all clients together, after which the "
        "account is locked for `LOCKOUT_MINUTES`: no login by password.",
    )
    lockout_minutes: int = Field(
        default=15,
        ge=1,
        le=1440,
        description="How long a lockout lasts, and how long a wrong password counts.",
    )

    @property
    def quota(self) -> Quota:
        """The general limit."""
        return Quota(self.rate_limit_requests, timedelta(seconds=self.rate_limit_window))

    @property
    def lockout_lifetime(self) -> timedelta:
        """How long a lockout lasts."""
        return timedelta(minutes=self.lockout_minutes)


def quotas_of(groups: Iterable[SettingsGroup]) -> dict[str, Quota]:
    """The rate limits that these groups declare, by name."""
    return {
        name.removeprefix(_PREFIX): _read_quota(getattr(group, name))
        for group in groups
        for name, field in type(group).model_fields.items()
        if _is_limit(field)
    }


def _read_quota(text: str) -> Quota:
    amount, _, window = text.partition("/")
    return Quota(int(amount), timedelta(seconds=int(window)))
