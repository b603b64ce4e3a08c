"""The filters of a list of users."""

from dataclasses import dataclass

from gatepost.features.callers.roles import Role


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Filters of a list of users; `q` is the beginning of an email address or a username."""

    q: str | None = None
    role: Role | None = None
    is_active: bool | None = None
