"""The systems whose users can be imported, and the forms in which each exports them."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from gatepost.db.foreign_tables import ForeignTable
from gatepost.importers import better_auth, django
from gatepost.importers.auth0 import Auth0
from gatepost.importers.fastapi_users import FastApiUsers
from gatepost.importers.firebase import Firebase, columns_of
from gatepost.importers.keycloak import Keycloak
from gatepost.importers.layouts import LINES_OR_ARRAY, FileLayout
from gatepost.importers.names import SystemName
from gatepost.importers.supabase import Supabase
from gatepost.importers.system import SourceSystem


@dataclass(frozen=True, slots=True)
class SystemProfile:
    """How to read one system: its rows, the layout of its files, and its table if it has one."""

    system: type[SourceSystem]
    layout: FileLayout = LINES_OR_ARRAY
    table: ForeignTable | None = None


SYSTEMS: Mapping[SystemName, SystemProfile] = {
    SystemName.AUTH0: SystemProfile(Auth0, FileLayout(separators=",\t")),
    SystemName.BETTER_AUTH: SystemProfile(better_auth.BetterAuth, table=better_auth.TABLE),
    SystemName.DJANGO: SystemProfile(django.Django, table=ForeignTable(django.TABLE)),
    SystemName.FASTAPI_USERS: SystemProfile(FastApiUsers, table=ForeignTable("user")),
    SystemName.FIREBASE: SystemProfile(
        Firebase, FileLayout(object_path="users.item", columns_of=columns_of)
    ),
    SystemName.FULL_STACK_TEMPLATE: SystemProfile(FastApiUsers, table=ForeignTable("user")),
    SystemName.KEYCLOAK: SystemProfile(
        Keycloak, FileLayout(object_path="users.item", array_path="item.users.item")
    ),
    SystemName.SUPABASE: SystemProfile(Supabase, table=ForeignTable("users", schema="auth")),
}


def find_better_matches(system: type[SourceSystem], columns: Set[str]) -> list[SystemName]:
    """The systems that know more of these columns than `system` does, and have a distinctive one.

    A single column of another system may be the operator's own, such as `user_id`.
    """
    known_here = _count_known(system, columns)
    return [
        name
        for name, profile in SYSTEMS.items()
        if not columns.isdisjoint(profile.system.distinctive_columns)
        and _count_known(profile.system, columns) > known_here
    ]


def _count_known(system: type[SourceSystem], columns: Set[str]) -> int:
    return sum(system.canonical_name(column) in system.known_columns for column in columns)
