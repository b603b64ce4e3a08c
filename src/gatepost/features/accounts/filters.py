"""What may be asked of a list of users."""

from dataclasses import dataclass

from gatepost.features.callers.roles import Role


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which users are wanted; `q` is how an email address or a username begins."""

    q: str | None = None
    role: Role | None = None
    is_active: bool | None = None
