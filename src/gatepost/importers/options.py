"""The operator's options for the system that users are imported from."""

from dataclasses import dataclass
from pathlib import Path

from gatepost.features.callers.roles import Role
from gatepost.importers.names import SystemName


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """The system, and how to read its users.

    Users with one of `admin_roles` or `moderator_roles` in that system get that role here.
    A user whose hash cannot be verified is refused, or with `drops_unknown_hashes` imported without
    a password. `hash_config` is the file with Firebase's hash parameters.
    """

    system: SystemName
    table: str | None = None
    admin_roles: frozenset[str] = frozenset({"admin"})
    moderator_roles: frozenset[str] = frozenset({"moderator"})
    staff_role: Role = Role.USER
    drops_unknown_hashes: bool = False
    hash_config: Path | None = None

    def role_of(self, names: frozenset[str]) -> Role:
        """The highest role that one of the names maps to."""
        if names & self.admin_roles:
            return Role.ADMIN
        return Role.MODERATOR if names & self.moderator_roles else Role.USER

    def __str__(self) -> str:
        """All options as text, for the identity of an import."""
        roles = sorted(self.admin_roles), sorted(self.moderator_roles), self.staff_role.value
        return repr(
            (self.system.value, self.table, roles, self.drops_unknown_hashes, self.hash_config)
        )
