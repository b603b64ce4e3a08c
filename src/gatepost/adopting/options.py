"""What an operator may say about the system that users come from."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gatepost.features.callers.roles import Role


@dataclass(frozen=True, slots=True)
class Options:
    """How to read an export; `recognises_hash` is `Passwords.recognises`.

    Users with one of `admin_roles` or `moderator_roles` there have that role here. Without
    `drops_unknown_hashes` a user whose hash cannot be verified is a row that is refused; with it,
    an account without a password. `hash_config` is the file of Firebase's parameters.
    """

    now: datetime
    recognises_hash: Callable[[str], bool]
    table: str | None = None
    admin_roles: frozenset[str] = frozenset({"admin"})
    moderator_roles: frozenset[str] = frozenset({"moderator"})
    staff_role: Role = Role.USER
    drops_unknown_hashes: bool = False
    hash_config: Path | None = None

    def role_of(self, names: frozenset[str]) -> Role:
        """The highest role that any of the names stands for."""
        if names & self.admin_roles:
            return Role.ADMIN
        return Role.MODERATOR if names & self.moderator_roles else Role.USER
